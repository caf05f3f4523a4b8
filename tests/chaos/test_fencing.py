"""Workers stopped beyond their lease (R5): what they tell afterwards does not count."""

import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from service.client import Client
from tests.campaign import Campaign
from tests.chaos.checker import Seen, check
from tests.chaos.conftest import Spy
from tests.chaos.processes import RecordingWorker, ended
from tests.chaos.recording import read_back
from tests.chaos.watching import BODY, LIMIT_SECONDS, MANY, PACED, Watcher, serving

pytestmark = pytest.mark.timeout(900)  # processes start slowly on a busy machine
STOPPED = 3  # workers at once; another one goes on
# Their trainings end while they are stopped, so that they tell what nobody waits for any more.
SLOW = {**MANY, "config": {"seconds": 0.4}, "budget": {"trials": 300}}


def test_a_worker_stopped_beyond_its_lease_is_fenced(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy, campaign: Campaign
) -> None:
    """R5: its runs go to another worker, and what it tells afterwards does not count."""
    with serving(empty_database_url, log, tmp_path, workers=1) as (server, (frozen,)):
        with Client(server.url) as client:
            body = {**BODY, "horizon": 300, "seeds": 1, "evidence_budget": 9 * 300}
            study = client.studies.create(body).id
        with Watcher(server.url, study) as watcher:
            watcher.wait_for_runs(1)
            frozen.freeze()
            campaign.fault()
            held = watcher.view
            helper = RecordingWorker(server.url, "helper", tmp_path / "told.jsonl", log)
            with ended(helper):
                time.sleep(3.5)  # beyond lease and sweep: that is the fault
                frozen.thaw()
                assert watcher.wait_for_end().state == "completed"
                assert frozen.stop() == 0
                assert helper.stop() == 0
        assert server.stop() == 0
    assert held is not None
    history = read_back(tmp_path / "told.jsonl")
    history["refusals"] += watcher.refusals
    seen = observe(study, bests=watcher.bests, **history)
    campaign.find(check(seen))
    fenced = [one for one in seen.stored if one.attempt > 0]
    assert fenced
    stale = {one.token for one in seen.told if one.status == "stale"}
    assert not stale & {one.told_token for one in seen.stored}


def wait_until(client: Client, names: Iterable[str], *, training: bool) -> None:
    """Wait until each of these workers holds runs, or until none of them does."""
    deadline, wanted = time.monotonic() + LIMIT_SECONDS, set(names)
    while time.monotonic() < deadline:
        busy = {one.name for one in client.workers.list().items if one.runs}
        if wanted <= busy if training else not wanted & busy:
            return
        time.sleep(0.02)
    raise AssertionError(f"{sorted(wanted)} are not as they should be: {training=}")


def lost_leases(seen: Seen) -> set[tuple[str, str]]:
    """Runs and tokens after which the run was handed out once more."""
    last = dict(seen.handed)  # in the order of events
    return {(run, token) for run, token in seen.handed if last[run] != token}


def test_stopped_workers_are_fenced_each_time(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy, campaign: Campaign
) -> None:
    """R5: they end what they had, and tell it late; each such end is refused, none overwrites."""
    chance = campaign.random()
    with serving(empty_database_url, log, tmp_path, STOPPED + 1, PACED) as (server, workers):
        with Client(server.url) as client:
            study = client.studies.create(SLOW).id
            with Watcher(server.url, study) as watcher:
                while campaign.faults < campaign.dose(3, 25):
                    stopped = chance.sample(workers, STOPPED)
                    wait_until(client, [one.name for one in stopped], training=True)
                    for one in stopped:
                        one.freeze()
                        campaign.fault()
                    # Beyond lease and sweep, and until the others' turn has come.
                    wait_until(client, [one.name for one in stopped], training=False)
                    for one in stopped:
                        one.thaw()
                wait_until(client, [one.name for one in workers], training=True)
                assert watcher.view is not None
                assert watcher.view.state == "running", "stopped when there was nothing to do"
                client.studies.stop(study)
                assert watcher.wait_for_end().state == "completed"
        assert [one.stop() for one in (*workers, server)] == [0] * (len(workers) + 1)
    history = read_back(tmp_path / "told.jsonl")
    history["refusals"] += watcher.refusals
    seen = observe(study, bests=watcher.bests, **history)
    campaign.find(check(seen))
    lost = lost_leases(seen)
    late = [one for one in seen.told if (one.run, one.token) in lost]
    kept = {(one.run, one.told_token) for one in seen.stored}
    accepted = {(one.run, one.token) for one in late if one.status in {"ok", "duplicate"}}
    campaign.measure("fenced", f"{len(lost - kept - accepted)}/{len(lost)}")
    campaign.measure("told_late_and_refused", sum(one.status == "stale" for one in late))
    assert lost, "nobody lost a lease"
    assert not lost & (kept | accepted)
    assert late or not campaign.is_whole, "nobody told anything late"
