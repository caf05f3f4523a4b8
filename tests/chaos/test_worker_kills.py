"""Workers killed again and again (R1): every run counts once, and goes on soon."""

import time
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest

from service.client import Client
from tests.campaign import Campaign
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.processes import LEASES, Server, ended
from tests.chaos.recording import read_back
from tests.chaos.recovery import Kill, quantile, read_changes, waits
from tests.chaos.watching import BRIEF, LIMIT_SECONDS, MANY, PACED, Watcher, serving

pytestmark = pytest.mark.timeout(900)  # processes start slowly on a busy machine
TARGET_SECONDS = sum(float(LEASES[f"GLIDESLOPE_{name}_SECONDS"]) for name in ("LEASE", "SWEEP")) + 1


def busy(client: Client) -> list[str]:
    """The workers that train something, once there are some."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        if found := [one.name for one in client.workers.list().items if one.runs]:
            return found
        time.sleep(0.01)
    raise AssertionError("nobody trains")


def test_killed_workers_lose_nothing(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy, campaign: Campaign
) -> None:
    """R1: each kill hits a worker that trains; all runs are made, each counts once."""
    kills, trials = campaign.dose(1, 50), campaign.dose(12, 300)
    chance, made = campaign.random(), list[Kill]()
    with serving(empty_database_url, log, tmp_path, campaign.dose(2, 4), PACED) as (
        server,
        workers,
    ):
        by_name = {one.name: one for one in workers}
        with Client(server.url) as client:
            study = client.studies.create({**MANY, "budget": {"trials": trials}}).id
            with Watcher(server.url, study) as watcher:
                for kill in range(kills):
                    watcher.wait_for_runs(1 + kill * (trials - 2) // kills)
                    victim = by_name[chance.choice(busy(client))]
                    made.append(Kill(victim.name, datetime.now(UTC)))
                    victim.kill()
                    campaign.fault()
                    if kill + 1 < kills:  # else the others do the rest
                        victim.restart()
                assert watcher.wait_for_end().state == "completed"
        left = [one for one in workers if one is not victim]
        assert [one.stop() for one in (*left, server)] == [0] * (len(left) + 1)
    history = read_back(tmp_path / "told.jsonl")
    history["refusals"] += watcher.refusals
    seen = observe(study, bests=watcher.bests, **history)
    campaign.find(check(seen))
    assert seen.spent_trials == trials
    waited = list(waits(read_changes(empty_database_url, study), made))
    assert waited, "no victim held a run"
    campaign.measure("trials", f"{seen.spent_trials}/{trials}")
    campaign.measure("executions_lost_with_a_worker", len(waited))
    campaign.measure("recovery_p50_seconds", round(quantile(waited, 0.5), 2))
    campaign.measure("recovery_p99_seconds", round(quantile(waited, 0.99), 2))
    campaign.measure("recovery_target_seconds", TARGET_SECONDS)


def test_the_server_replaces_its_killed_worker(
    empty_database_url: str, log: Path, observe: Spy, campaign: Campaign
) -> None:
    """The worker of `serve` may be killed again and again; its runs go on at once."""
    kills = 5
    # No lease runs out here, however slow the machine: that the worker died is all there is to see.
    server = Server(empty_database_url, log, has_worker=True, lease_seconds=60)
    with ended(server):
        with Client(server.url) as client:
            study = client.studies.create(BRIEF).id
        with Watcher(server.url, study) as watcher:
            injected = 0
            for kill in range(kills):
                watcher.wait_for_runs(2 + 4 * kill)
                for child in psutil.Process(server.process.pid).children():
                    if "worker" in child.cmdline():
                        child.kill()
                        injected += 1
                        campaign.fault()
            assert injected >= kills - 1
            assert watcher.wait_for_end().state == "completed"
        assert server.stop() == 0
    seen = observe(study, bests=watcher.bests, refusals=watcher.refusals)
    campaign.find(check(seen))
    # The first death makes its runs suspects; at each later one at most one was alone, and counts.
    assert sum(one.attempt for one in seen.stored) < injected
