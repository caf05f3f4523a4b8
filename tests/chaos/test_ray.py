"""A real Ray cluster that loses machines, gains some, and loses its head: no result is lost.

Server and worker are processes as a user starts them; the nodes of the cluster are on this machine.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from service.client import Client
from tests.chaos import paced_objectives
from tests.chaos.processes import Server, ended, environment
from tests.chaos.ray_cluster import RayCluster, ray_cluster
from tuning.evidence import describe
from tuning.execution import Inline
from tuning.records import Budget
from tuning.study import run_study, specify

pytestmark = [pytest.mark.full, pytest.mark.long, pytest.mark.timeout(300)]

HERE = str(Path(__file__).parent)
ROOT = Path(__file__).parents[2]
BODY: dict[str, Any] = {
    "objective": "stroll",
    "config": {"seconds": 0.75},
    "budget": {"trials": 8},
    "seeds": 2,
    "confirm_seeds": 2,
    "evidence_budget": 240,
    "baselines": ["constant", "cosine"],
    "baseline_peaks": 2,
    "seed": 5,
}
FOLDERS = {
    "PYTHONPATH": f"{ROOT}{os.pathsep}{HERE}",
    "GLIDESLOPE_OBJECTIVES": "paced_objectives",
    "GLIDESLOPE_LOG_LEVEL": "info",
    "GLIDESLOPE_PROCESSES": "8",
}
PATIENCE_SECONDS = 120.0


class Scene:
    """A server, a study, and workers, all of which end with the test."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.log = folder / "worker.log"
        self._folder = folder
        self._stack = stack
        database = f"sqlite:///{folder / 'test.db'}"
        self.server = Server(database, folder / "server.log", variables=FOLDERS)
        stack.enter_context(ended(self.server))
        self.client = stack.enter_context(Client(self.server.url))
        self.study = self.client.studies.create(BODY).id

    def work(self, *options: str) -> "subprocess.Popen[bytes]":
        """Start a worker."""
        command = [sys.executable, "-m", "service.cli.main", "worker", "--url", self.server.url]
        variables = {**FOLDERS, "GLIDESLOPE_CACHE_FOLDER": str(self._folder / "cache")}
        with self.log.open("a") as log:
            worker = subprocess.Popen(
                [*command, *options], stdout=log, stderr=log, env=environment(variables)
            )
        self._stack.callback(worker.wait)
        self._stack.callback(worker.kill)
        return worker

    def until(self, is_so: Callable[[], object]) -> None:
        """Wait until something is so."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not is_so():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def held(self) -> int:
        """How many runs the workers hold."""
        return sum(len(one.runs) for one in self.client.workers.list().items)

    def until_finished(self, more: int) -> None:
        """Wait until so many more runs are finished."""
        before = self.client.studies.get(self.study).progress.finished_runs
        self.until(
            lambda: self.client.studies.get(self.study).progress.finished_runs >= before + more
        )

    def until_said(self, words: str) -> None:
        """Wait until a worker said so."""
        self.until(lambda: words in self.log.read_text())

    def result(self) -> list[Any]:
        """Every trial, and the verdict, when the study has ended."""
        self.until(lambda: self.client.studies.get(self.study).state == "completed")
        trials = self.client.trials.list(self.study)
        verdict = self.client.results.verdict(self.study)
        assert verdict.pop("planner_versions")["optuna"]
        assert verdict.pop("number") == 1
        return [[[one.number, one.generation, one.schedule] for one in trials], verdict]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """A server with a study, and nobody who trains."""
    with ExitStack() as stack:
        yield Scene(tmp_path, stack)


@contextmanager
def cluster_of(cores: int) -> Iterator[RayCluster]:
    """A cluster that finds the paced objective."""
    with ray_cluster(cores, **FOLDERS) as cluster:
        yield cluster


def in_memory(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The same study run in this process: its trials and its verdict."""
    monkeypatch.setattr(paced_objectives, "HASTE", 1e6)
    monkeypatch.syspath_prepend(HERE)
    monkeypatch.setitem(sys.modules, "paced_objectives", paced_objectives)
    asked = {**BODY, "budget": Budget(**BODY["budget"])}
    spec = specify(asked.pop("objective"), objectives=paced_objectives.OBJECTIVES, **asked)
    outcome = run_study(spec, Inline(modules=["paced_objectives"]))
    assert outcome.verdict is not None
    trials = [
        (one.number, one.generation, one.schedule.document()) for one in outcome.history.trials
    ]
    words = describe(spec, outcome.verdict)
    return json.loads(json.dumps([trials, {**outcome.verdict.document(), "words": words}]))


def test_a_study_outlives_a_machine_and_uses_a_new_one(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node is killed in mid-study and another added: the same trials and values as ever."""
    with cluster_of(0) as cluster:
        first, second = cluster.add(), cluster.add()
        worker = scene.work("--engine", "ray", "--address", cluster.address)
        scene.until(lambda: first.is_training() and second.is_training())
        scene.until(lambda: scene.held() > 4)  # two blocks in training, and one waits
        second.kill()
        scene.until_said("is handed back: its machine was lost")
        scene.until_finished(2)
        third = cluster.add()
        scene.until(lambda: third.is_training() and first.is_training())
        found = scene.result()
        worker.terminate()
        assert worker.wait() == 0
    assert found == in_memory(monkeypatch)


def test_a_study_outlives_the_head_and_its_worker(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both are gone at once: leases run out, and another worker trains what they held."""
    with cluster_of(1) as cluster:
        worker = scene.work("--engine", "ray", "--address", cluster.address)
        scene.until_finished(2)
        scene.until(scene.held)
        worker.kill()
        cluster.nodes[0].kill()
        scene.work("--processes", "2")
        found = scene.result()
    assert found == in_memory(monkeypatch)
