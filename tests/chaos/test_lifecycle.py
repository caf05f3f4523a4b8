"""A study that is moved while real workers train it: nothing is lost, nothing counts twice."""

import time
from pathlib import Path

import pytest

from service.client import Client
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.processes import read_told
from tests.chaos.watching import BODY, BRIEF, Watcher, serving

pytestmark = pytest.mark.timeout(300)  # processes start slowly on a busy machine
LONG = {**BODY, "horizon": 200_000, "rungs": []}  # half a minute a run


def settled(client: Client, study: str) -> int:
    """How many runs of a paused study are finished, once none is being trained any more."""
    seen, since = -1, time.monotonic()
    while time.monotonic() - since < 1.5:
        finished = client.studies.get(study).progress.finished_runs
        if finished != seen:
            seen, since = finished, time.monotonic()
        time.sleep(0.05)
    return seen


def test_a_study_paused_again_and_again_ends_like_one_that_never_was(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy
) -> None:
    """While it is paused no run starts; in the end it has the same trials and values."""
    with serving(empty_database_url, log, tmp_path, workers=2) as (server, workers):
        with Client(server.url) as client:
            straight = client.studies.create(BRIEF).id
            with Watcher(server.url, straight) as watcher:
                watcher.wait_for_end()
            study = client.studies.create(BRIEF).id
            with Watcher(server.url, study) as watcher:
                for pause in range(3):
                    watcher.wait_for_runs(2 + 8 * pause)
                    if client.studies.get(study).state == "completed":
                        break
                    assert client.studies.pause(study).state == "paused"
                    finished = settled(client, study)
                    assert finished < client.studies.get(study).progress.expected_runs
                    client.studies.resume(study)
                assert pause > 0
                assert watcher.wait_for_end().state == "completed"
            assert list(client.trials.list(study)) == list(client.trials.list(straight))
        for worker in workers:
            assert worker.stop() == 0
        assert server.stop() == 0
    told = [one for one in read_told(tmp_path / "told.jsonl") if one.run.startswith(study)]
    assert check(observe(study, told=told, bests=watcher.bests)) == []


def test_a_cancelled_study_frees_the_worker_that_trains_it(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy
) -> None:
    """Its long runs are dropped at the next heartbeat, and the worker takes up another study."""
    with serving(empty_database_url, log, tmp_path, workers=1) as (server, workers):
        with Client(server.url) as client:
            dropped = client.studies.create(LONG).id
            while client.studies.get(dropped).started_at is None:
                time.sleep(0.05)
            assert client.studies.cancel(dropped).state == "cancelled"
            study = client.studies.create(BRIEF).id
            with Watcher(server.url, study) as watcher:
                assert watcher.wait_for_end().state == "completed"
        assert workers[0].stop() == 0
        assert server.stop() == 0
    seen = observe(dropped)
    assert {one.state for one in seen.stored} == {"cancelled"}
    assert check(seen) == []
