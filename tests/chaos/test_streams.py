"""Readers of a live study whose connections break: nothing is missed, nothing comes twice."""

import random
from pathlib import Path

import httpx2
import pytest

from service.client import Client, Patience, Unreachable
from tests.chaos.watching import BRIEF, serving

pytestmark = pytest.mark.timeout(300)  # processes start slowly on a busy machine


def test_a_reader_that_is_cut_again_and_again_sees_every_event_once(
    empty_database_url: str, log: Path, tmp_path: Path
) -> None:
    """Cut after one to three events, while real workers train; once the server restarts as well."""
    chance = random.Random(11)
    with serving(empty_database_url, log, tmp_path, workers=1) as (server, _):
        with Client(server.url) as client:
            study = client.studies.create(BRIEF).id
            seen: list[int] = []
            cuts = 0
            while True:
                left = chance.randint(1, 3)
                is_whole = True
                for event in client.studies.events(study, after=seen[-1] if seen else 0):
                    assert event.revision is not None
                    seen.append(event.revision)
                    left -= 1
                    if left == 0:  # closes the connection in the middle of the stream
                        is_whole, cuts = False, cuts + 1
                        break
                if is_whole:
                    break
                if cuts == 5:
                    server.kill()
                    server.restart()
            found = client.studies.get(study)
        assert found.state == "completed"
        assert seen == list(range(1, found.revision + 1))
        assert cuts > 5


def test_an_open_stream_does_not_hold_up_the_end_of_the_server(
    empty_database_url: str, log: Path, tmp_path: Path
) -> None:
    """The server closes it, ends in order and at once; the reader learns that it is away."""
    with (
        serving(empty_database_url, log, tmp_path, workers=0) as (server, _),
        Client(server.url, patience=Patience(seconds=0.5)) as client,
        httpx2.Client(base_url=server.url) as other,
    ):
        study = client.studies.create(BRIEF).id
        stream = client.studies.events(study)
        assert next(stream).kind == "created"
        with other.stream("GET", f"/v1/studies/{study}/events") as silent:
            assert silent.status_code == 200
            assert server.stop() == 0
            silent.read()  # it was closed in order, not cut off
        with pytest.raises(Unreachable):
            list(stream)
