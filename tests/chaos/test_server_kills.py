"""A server killed again and again (R2): whatever it acknowledged is there afterwards."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.client import Client, Patience
from tests.campaign import Campaign
from tests.chaos.checker import Refusal, check
from tests.chaos.conftest import Spy
from tests.chaos.processes import Server
from tests.chaos.recording import Witness, read_back
from tests.chaos.recovery import quantile
from tests.chaos.watching import BRIEF, LIMIT_SECONDS, MANY, PACED, Watcher, serving

pytestmark = pytest.mark.timeout(900)  # processes start slowly on a busy machine
CLIENTS = 4
WORKERS = 4
SUBMIT_SECONDS = 0.2  # between two studies of a client: the planner looks at every one
# Nobody here trains it: what counts is that it is there.
PLAIN: dict[str, Any] = {
    "objective": "of_a_client",
    "external": {"metrics": [{"name": "loss"}], "horizon": 100, "peak": [1e-4, 0.1]},
    "space": {"families": ["cosine"]},
    "sampler": "random",
    "baselines": [],
    "budget": {"trials": 1},
    "batch": 1,
    "seeds": 1,
}


@dataclass
class Submitted:
    """What a client was promised: studies by key, and what it was refused."""

    studies: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)  # keys whose answer was another one later
    refusals: list[Refusal] = field(default_factory=list)


@contextmanager
def submitting(url: str, clients: int) -> Iterator[list[Submitted]]:
    """Clients that create one study after the other, each twice, until the block ends."""
    over, all_of_them = threading.Event(), [Submitted() for _ in range(clients)]

    def submit(number: int, mine: Submitted) -> None:
        witness = Witness()
        mine.refusals = witness.refusals
        patience = Patience(seconds=LIMIT_SECONDS, answer_seconds=10.0)
        with Client(url, transport=witness, patience=patience) as client:
            while not over.wait(SUBMIT_SECONDS):
                key = f"client-{number}-{len(mine.studies)}"
                made = client.studies.create(PLAIN, idempotency_key=key).id
                mine.studies[key] = made
                if client.studies.create(PLAIN, idempotency_key=key).id != made:
                    mine.changed.append(key)

    threads = [threading.Thread(target=submit, args=pair) for pair in enumerate(all_of_them)]
    for thread in threads:
        thread.start()
    try:
        yield all_of_them
    finally:
        over.set()
        for thread in threads:
            thread.join()


def seconds_to_ready(server: Server) -> float:
    """Start a killed server again; how long until it says that it is ready."""
    begun = time.monotonic()
    server.restart()
    with httpx2.Client(base_url=server.url, timeout=10, trust_env=False) as http:
        while http.get("/readyz").status_code != 200:
            assert time.monotonic() < begun + LIMIT_SECONDS, "never ready"
            time.sleep(0.01)
    return time.monotonic() - begun


def missing(server: Server, submitted: Submitted) -> Iterator[str]:
    """Studies that a client was promised and that are not there, or not those."""
    with Client(server.url) as client:
        for key, study in submitted.studies.items():
            if client.studies.create(PLAIN, idempotency_key=key).id != study:
                yield f"{key}: another study than the one that was acknowledged"
            elif client.studies.get(study).objective != PLAIN["objective"]:
                yield f"{key}: not what was asked for"
    yield from (f"{key}: another answer to the same key" for key in submitted.changed)


def test_a_killed_server_keeps_what_it_acknowledged(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy, campaign: Campaign
) -> None:
    """R2: clients submit with keys and workers tell, while it is killed at random instants."""
    kills, trials, chance = campaign.dose(2, 25), campaign.dose(30, 300), campaign.random()
    restarts, workers_count = list[float](), campaign.dose(2, WORKERS)
    with serving(empty_database_url, log, tmp_path, workers_count, PACED) as (server, workers):
        with Client(server.url) as client:
            study = client.studies.create({**MANY, "budget": {"trials": trials}}).id
        with (
            Watcher(server.url, study) as watcher,
            submitting(server.url, CLIENTS) as submitted,
        ):
            for kill in range(kills):
                watcher.wait_for_runs(1 + kill * trials // kills)
                time.sleep(chance.uniform(0, 0.3))  # a random instant: that is the fault
                server.kill()
                campaign.fault()
                restarts.append(seconds_to_ready(server))
            assert watcher.wait_for_end().state == "completed"
        studies = [one for mine in submitted for one in mine.studies.values()]
        for mine in submitted:
            campaign.find(missing(server, mine))
        with Client(server.url) as client:
            known = sum(1 for _ in client.studies.list(limit=200))
        assert [one.stop() for one in (*workers, server)] == [0] * (len(workers) + 1)
    history = read_back(tmp_path / "told.jsonl")
    history["refusals"] += watcher.refusals + [one for mine in submitted for one in mine.refusals]
    seen = observe(study, bests=watcher.bests, **history)
    campaign.find(check(seen))
    acknowledged = sum(one.status in {"ok", "duplicate"} for one in seen.told)
    campaign.measure("acknowledged_ends", acknowledged)
    campaign.measure("acknowledged_studies", len(studies))
    campaign.measure("restart_p50_seconds", round(quantile(restarts, 0.5), 2))
    campaign.measure("restart_p99_seconds", round(quantile(restarts, 0.99), 2))
    assert seen.spent_trials == trials
    assert len(set(studies)) == len(studies) == known - 1 > 0


def test_a_killed_server_goes_on_where_it_was(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy, campaign: Campaign
) -> None:
    """R2: studies and results that were acknowledged are there after each restart."""
    with serving(empty_database_url, log, tmp_path, workers=2) as (server, workers):
        with Client(server.url) as client:
            study = client.studies.create(BRIEF, idempotency_key="first").id
        with Watcher(server.url, study) as watcher:
            for kill in range(3):
                watcher.wait_for_runs(2 + 6 * kill)
                server.kill()
                campaign.fault()
                server.restart()
                with Client(server.url) as client:
                    assert client.studies.create(BRIEF, idempotency_key="first").id == study
            assert watcher.wait_for_end().state == "completed"
        for worker in workers:
            assert worker.stop() == 0
        assert server.stop() == 0
    history = read_back(tmp_path / "told.jsonl")
    history["refusals"] += watcher.refusals
    campaign.find(check(observe(study, bests=watcher.bests, **history)))
