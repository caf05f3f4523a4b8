"""A study under faults, as the tests of this folder run it: its server, its workers, its watcher.

The one idea: a test makes a study, hurts whatever serves or trains it, and looks at it all the time
as a client would, who keeps every best that it was shown and every answer that went wrong. Not
here: what is hurt and how (each test), what must hold afterwards (`checker`).
"""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from service.client import Client, ClientError, Patience
from service.schemas.studies import StudyView
from tests.chaos.checker import Refusal
from tests.chaos.processes import ROOT, RecordingWorker, Server, ended
from tests.chaos.recording import Witness

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
# Many short runs, and nothing but them and a small confirmation; with `PACED` for all processes.
MANY: dict[str, Any] = {
    "objective": "stroll",
    "sampler": "random",
    "space": {"families": ["cosine", "wsd", "linear"]},
    "baselines": [],
    "batch": 8,
    "seeds": 1,
    "confirm_seeds": 2,
    "early_stop": False,
    "leaders": 0,
    "seed": 3,
}
PACED = {
    "GLIDESLOPE_OBJECTIVES": "paced_objectives",
    "PYTHONPATH": f"{ROOT}{os.pathsep}{Path(__file__).parent}",
}
LIMIT_SECONDS = 150


class Watcher:
    """Polls a study from a thread of its own; keeps every best and every answer of 5xx."""

    def __init__(self, url: str, study: str) -> None:
        self.bests: list[tuple[str, float]] = []
        self.refusals: list[Refusal] = []
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
        witness, patience = Witness(), Patience(seconds=0.2, answer_seconds=2.0)
        self.refusals = witness.refusals
        with Client(url, transport=witness, patience=patience) as client:
            while not self._over.wait(0.03):
                try:
                    self.view = client.studies.get(study)
                except ClientError:
                    continue  # the server is down: that is the fault under test
                if self.view.best is not None:
                    self.bests.append((self.view.best.stage, self.view.best.value))


@contextmanager
def serving(
    url: str,
    log: Path,
    tmp_path: Path,
    workers: int,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Any]:
    """A server without a worker of its own, and recording workers."""
    server = Server(url, log, variables=variables)
    told = tmp_path / "told.jsonl"
    started = [
        RecordingWorker(server.url, f"worker-{number}", told, log, variables=variables)
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
