"""Real processes, killed and stopped for real: nothing acknowledged is lost or counted twice.

Small shares of tests R1, R2, R5 and R11; each fails if no fault was injected.
"""

import json
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from service.client import Client, ClientError, Patience
from service.schemas.studies import StudyView
from service.schemas.work import ClaimRequest
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.processes import RecordingWorker, Server, ended, read_told
from tuning.evidence import describe
from tuning.execution import Inline
from tuning.records import Budget
from tuning.study import run_study, specify

BODY: dict[str, Any] = {
    "objective": "realized_volatility",
    "horizon": 24,
    "budget": {"trials": 12},
    "seeds": 2,
    "confirm_seeds": 3,
    "baselines": ["constant", "cosine"],
    "baseline_peaks": 2,
    "seed": 11,
}
# The same search; its evidence is one confirmation of the winner and its two baselines.
BRIEF: dict[str, Any] = {**BODY, "evidence_budget": 9 * 24}
LIMIT_SECONDS = 150
pytestmark = pytest.mark.timeout(300)  # processes start slowly on a busy machine
SEED = 20261123


class Watcher:
    """Polls a study from a thread of its own and keeps every best it was shown."""

    def __init__(self, url: str, study: str) -> None:
        self.bests: list[tuple[str, float]] = []
        self.view: StudyView | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll, args=(url, study), daemon=True)

    def __enter__(self) -> Self:
        """Start polling."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop polling."""
        self._over.set()
        self._thread.join()

    def wait_for_end(self) -> StudyView:
        """Wait until the study is final."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            if self.view is not None and self.view.state in {"completed", "failed", "cancelled"}:
                return self.view
            self._over.wait(0.05)
        raise AssertionError(f"the study did not end: {self.view}")

    def wait_for_runs(self, count: int) -> None:
        """Wait until so many runs are finished, or the study is."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            view = self.view
            if view is not None and (
                view.progress.finished_runs >= count or view.state == "completed"
            ):
                return
            self._over.wait(0.02)
        raise AssertionError(f"no progress: {self.view}")

    def _poll(self, url: str, study: str) -> None:
        with Client(url, patience=Patience(seconds=0.2, answer_seconds=2.0)) as client:
            while not self._over.wait(0.03):
                try:
                    self.view = client.studies.get(study)
                except ClientError:
                    continue  # the server is down: that is the fault under test
                if self.view.best is not None:
                    self.bests.append((self.view.best.stage, self.view.best.value))


@contextmanager
def serving(url: str, log: Path, tmp_path: Path, workers: int) -> Iterator[Any]:
    """A server without a worker of its own, and recording workers."""
    server = Server(url, log)
    started = [
        RecordingWorker(server.url, f"worker-{number}", tmp_path / "told.jsonl", log)
        for number in range(workers)
    ]
    with ended(server, *started):
        yield server, started


def trials_and_best(server: Server, study: str) -> str:
    """Everything that must be the same in a replay, as text."""
    with Client(server.url) as client:
        trials = [one.model_dump(mode="json") for one in client.trials.list(study)]
        best = client.results.best(study, table=True)
    return json.dumps([trials, best.schedule, best.metric.model_dump(mode="json"), best.verdict])


def verdict_in_memory() -> dict[str, Any]:
    """The verdict of the same study run in this process, without the service."""
    spec = specify(
        BODY["objective"],
        horizon=BODY["horizon"],
        budget=Budget(**BODY["budget"]),
        seeds=BODY["seeds"],
        confirm_seeds=BODY["confirm_seeds"],
        baselines=BODY["baselines"],
        baseline_peaks=BODY["baseline_peaks"],
        seed=BODY["seed"],
    )
    outcome = run_study(spec, Inline())
    assert outcome.verdict is not None
    words = describe(spec, outcome.verdict)
    return json.loads(json.dumps({**outcome.verdict.document(), "words": words}))


def test_five_killed_workers_lose_nothing_and_change_nothing(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy
) -> None:
    """R1 and R21: kills in mid-study, every run counted once, and the same study bit for bit."""
    rng = random.Random(SEED)
    with serving(empty_database_url, log, tmp_path, workers=3) as (server, workers):
        with Client(server.url) as client:
            study = client.studies.create(BODY).id
        with Watcher(server.url, study) as watcher:
            for kill in range(5):
                watcher.wait_for_runs(2 + 4 * kill)
                victim = rng.choice(workers)
                victim.kill()
                victim.restart()
            assert watcher.wait_for_end().state == "completed"
        killed = trials_and_best(server, study)
        with Client(server.url) as client:
            quiet = client.studies.create(BODY).id
            for worker in workers[1:]:
                assert worker.stop() == 0
            client.studies.wait(quiet)
        replayed = trials_and_best(server, quiet)
        assert workers[0].stop() == 0
        assert server.stop() == 0
    told = read_told(tmp_path / "told.jsonl")
    seen = observe(
        study, told=[one for one in told if one.run.startswith(study)], bests=watcher.bests
    )
    assert check(seen) == []
    assert any(one.status is None for one in told) or any(one.attempt for one in seen.stored)
    assert killed.replace(study, "") == replayed.replace(quiet, "")
    verdict = json.loads(replayed)[3]
    assert verdict.pop("planner_versions")["optuna"]
    assert verdict.pop("number") == 1
    assert verdict == verdict_in_memory()


def test_a_worker_stopped_beyond_its_lease_is_fenced(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy
) -> None:
    """R5: its runs go to another worker, and what it tells afterwards does not count."""
    with serving(empty_database_url, log, tmp_path, workers=1) as (server, (frozen,)):
        with Client(server.url) as client:
            body = {**BODY, "horizon": 300, "seeds": 1, "evidence_budget": 9 * 300}
            study = client.studies.create(body).id
        with Watcher(server.url, study) as watcher:
            watcher.wait_for_runs(1)
            frozen.freeze()
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
    told = read_told(tmp_path / "told.jsonl")
    seen = observe(study, told=told, bests=watcher.bests)
    assert check(seen) == []
    fenced = [one for one in seen.stored if one.attempt > 0]
    assert fenced
    stale = {one.token for one in told if one.status == "stale"}
    assert not stale & {one.told_token for one in seen.stored}


def test_a_killed_server_goes_on_where_it_was(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy
) -> None:
    """R2: studies and results that were acknowledged are there after each restart."""
    with serving(empty_database_url, log, tmp_path, workers=2) as (server, workers):
        with Client(server.url) as client:
            study = client.studies.create(BRIEF, idempotency_key="first").id
        with Watcher(server.url, study) as watcher:
            for kill in range(3):
                watcher.wait_for_runs(2 + 6 * kill)
                server.kill()
                server.restart()
                with Client(server.url) as client:
                    assert client.studies.create(BRIEF, idempotency_key="first").id == study
            assert watcher.wait_for_end().state == "completed"
        for worker in workers:
            assert worker.stop() == 0
        assert server.stop() == 0
    seen = observe(study, told=read_told(tmp_path / "told.jsonl"), bests=watcher.bests)
    assert check(seen) == []


def test_many_claimers_get_each_run_once(empty_database_url: str, log: Path) -> None:
    """R11: sixteen clients at once claim a queue empty over HTTP; no run goes out twice."""
    server = Server(empty_database_url, log, lease_seconds=60.0)
    with ended(server), Client(server.url) as client:
        # Without baselines, whose later peaks wait for the first ones' results.
        body = {**BODY, "baselines": [], "batch": 64, "budget": {"trials": 64}, "seeds": 3}
        study = client.studies.create(body).id
        deadline = time.monotonic() + LIMIT_SECONDS
        while not any(client.trials.list(study)) and time.monotonic() < deadline:
            time.sleep(0.05)  # until the planner has filled the queue

        def drain(number: int) -> list[str]:
            found: list[str] = []
            for claim in range(1000):
                reply = client.work.claim(
                    ClaimRequest(worker=f"w{number}", claim=f"{number}-{claim}", wait_seconds=1.0)
                )
                if reply.block is None:
                    return found
                found += [run.run for run in reply.block.runs]
            raise AssertionError("the queue never ends")

        with ThreadPoolExecutor(16) as pool:
            claimed = [run for runs in pool.map(drain, range(16)) for run in runs]
        assert server.stop() == 0
    assert len(claimed) == len(set(claimed)) == 64 * 3


@pytest.mark.parametrize("kills", [5])
def test_the_server_replaces_its_killed_worker(
    empty_database_url: str, log: Path, observe: Spy, kills: int
) -> None:
    """The worker of `serve` may be killed again and again; its runs go on at once."""
    import psutil

    server = Server(empty_database_url, log, has_worker=True)
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
            assert injected >= kills - 1
            assert watcher.wait_for_end().state == "completed"
        assert server.stop() == 0
    seen = observe(study, bests=watcher.bests)
    assert check(seen) == []
    # The first death makes its runs suspects; at each later one at most one was alone, and counts.
    assert sum(one.attempt for one in seen.stored) < injected
