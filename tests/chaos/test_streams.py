"""Readers of a live study whose connections break: nothing is missed, nothing comes twice (R19)."""

import time
from pathlib import Path

import httpx2
import pytest

from service.client import Client, Patience, Unreachable
from tests.campaign import Campaign
from tests.chaos.proxy import Fault, Kind, Proxy
from tests.chaos.watching import BRIEF, LIMIT_SECONDS, serving

pytestmark = pytest.mark.timeout(1800)  # processes start slowly on a busy machine
HEAD = 300  # bytes before the first event, about: the client hears of some progress each time
FRAMES = 2000  # bytes of some events: a cut anywhere in them


def test_a_reader_that_is_cut_again_and_again_sees_every_event_once(
    empty_database_url: str, log: Path, tmp_path: Path, campaign: Campaign
) -> None:
    """Cut after one to three events, while real workers train; once the server restarts as well."""
    chance, least = campaign.random(), campaign.dose(6, 100)
    cuts = 0
    with (
        serving(empty_database_url, log, tmp_path, workers=1) as (server, _),
        Client(server.url) as client,
    ):
        while cuts < least:
            study = client.studies.create(BRIEF).id
            seen: list[int] = []
            is_whole = False
            while not is_whole:
                left = chance.randint(1, 3)
                is_whole = True
                for event in client.studies.events(study, after=seen[-1] if seen else 0):
                    assert event.revision is not None
                    seen.append(event.revision)
                    left -= 1
                    if left == 0:  # closes the connection in the middle of the stream
                        is_whole, cuts = False, cuts + 1
                        break
                if cuts == 5 and not is_whole:
                    server.kill()
                    server.restart()
                    campaign.fault()
            found = client.studies.get(study)
            assert found.state == "completed"
            campaign.find(misread(seen, found.revision))
    campaign.fault(cuts)
    campaign.measure("cuts", cuts)


def test_a_reader_whose_frames_are_cut_sees_every_event_once(
    empty_database_url: str, log: Path, tmp_path: Path, campaign: Campaign
) -> None:
    """The network cuts anywhere, in the middle of a line too; the client goes on by itself."""
    chance, least = campaign.random(), campaign.dose(6, 100)

    def plan() -> Fault:
        return Fault(Kind.CUT_ANSWER, after=chance.randint(1, FRAMES) + HEAD)

    patience = Patience(seconds=LIMIT_SECONDS)
    with (
        serving(empty_database_url, log, tmp_path, workers=1) as (server, _),
        Client(server.url) as direct,
        Proxy(server.url, plan) as proxy,
        Client(proxy.url, patience=patience) as client,
    ):
        events = 0
        while proxy.bitten.total() < least:
            study = direct.studies.create(BRIEF).id
            direct.studies.wait(study)  # all of it is there: a cut costs no waiting
            seen = [event.revision or 0 for event in client.studies.events(study)]
            campaign.find(misread(seen, direct.studies.get(study).revision))
            events += len(seen)
    campaign.fault(proxy.bitten.total())
    campaign.measure("cuts", proxy.bitten.total())
    campaign.measure("events", events)


def misread(seen: list[int], last: int) -> list[str]:
    """What a reader missed, or saw twice."""
    missed, twice = set(range(1, last + 1)) - set(seen), len(seen) - len(set(seen))
    found = [f"missed {sorted(missed)}"] if missed else []
    found += [f"{twice} events came twice"] if twice else []
    return found or (["out of order"] if seen != sorted(seen) else [])


def test_a_reader_of_a_study_that_was_deleted_is_told(
    empty_database_url: str, log: Path, tmp_path: Path, campaign: Campaign
) -> None:
    """Nothing else ends a log: nothing trims it. The open stream ends, and asking again is 404."""
    with (
        serving(empty_database_url, log, tmp_path, workers=0) as (server, _),
        Client(server.url) as client,
        httpx2.Client(base_url=server.url, timeout=30.0) as http,
    ):
        study = client.studies.create(BRIEF).id
        address = f"/v1/studies/{study}/events"
        with http.stream("GET", address) as reader:
            lines = reader.iter_lines()
            assert next(lines).startswith("retry:")
            client.studies.cancel(study)
            client.studies.delete(study)
            campaign.fault()
            rest = list(lines)  # it ends: whoever waits here for ever is cut by the time limit
        assert sum(line.startswith("id:") for line in rest) >= 1
        again = http.get(address, headers={"Last-Event-ID": "1"})
        assert again.status_code == 404


def test_an_open_stream_does_not_hold_up_the_end_of_the_server(
    empty_database_url: str, log: Path, tmp_path: Path, campaign: Campaign
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
            campaign.fault()
            begun = time.monotonic()
            assert server.stop() == 0
            campaign.measure("end_seconds", round(time.monotonic() - begun, 2))
            silent.read()  # it was closed in order, not cut off
        with pytest.raises(Unreachable):
            list(stream)
