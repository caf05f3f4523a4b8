"""The program that talks to Ray, on a real cluster of one core."""

import hashlib
import os
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.ray_cluster import ROOT, RayCluster, ray_cluster
from tuning.errors import NoCluster
from tuning.execution import Block, Cluster, Lane
from tuning.execution import connection as connection_module
from tuning.execution.connection import Connection
from tuning.objectives.dataset_files import dataset_id
from tuning.provenance import installed
from tuning.schedules import Schedule, build

pytestmark = [pytest.mark.full, pytest.mark.long]

PROGRAM = "tuning.execution.ray"
ODD = str(Path(__file__).parents[2] / "contracts")
BYTES = b"time,close\n" * 100_000
DATASET = dataset_id(hashlib.sha256(BYTES).hexdigest())
SECONDS = 60.0  # patience on a busy machine


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayCluster]:
    """A cluster whose one node finds the odd objectives."""
    with ray_cluster(PYTHONPATH=f"{ROOT}{os.pathsep}{ODD}") as found:
        yield found


class Ear:
    """Hears all that is said of blocks, but signs of life."""

    def __init__(self) -> None:
        self.said: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.machines: queue.SimpleQueue[list[dict[str, float]]] = queue.SimpleQueue()

    def hear(self, message: dict[str, Any]) -> None:
        """Sort it."""
        if message["event"] == "machines":
            self.machines.put(message["machines"])
        elif message["event"] != "alive":
            self.said.put(message)

    def lose(self, reason: str) -> None:
        """Say so."""
        self.said.put({"event": reason})

    give_up = lose

    def next(self) -> dict[str, Any]:
        """The next message about a block."""
        return self.said.get(timeout=SECONDS)


@pytest.fixture(scope="module")
def ear() -> Ear:
    """Who listens."""
    return Ear()


@pytest.fixture(scope="module")
def connection(
    cluster: RayCluster, ear: Ear, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Connection]:
    """A connection to the cluster that knows a dataset."""
    folder = tmp_path_factory.mktemp("datasets")
    (folder / DATASET).write_bytes(BYTES)
    greeting = {"address": cluster.address, "datasets": str(folder)}
    made = Connection(PROGRAM, greeting, "the cluster", 0.0)
    made.begin(ear)
    yield made
    made.close()


def order(behaviour: str, datasets: Path, **changes: object) -> dict[str, Any]:
    """An order for a block that behaves so."""
    lane = Lane("a", 1, Schedule(build("constant", 0.1, {}), 10))
    return {
        "version": installed()["glideslope"],
        "needs": {"CPU": 1, "GPU": 0.0, "memory": 0},
        "threads": 1,
        "place": {
            "folders": [None, None, str(datasets)],
            "modules": ["odd_objectives"],
            "run_seconds": None,
            "memory_bytes": None,
            "files": None,
            "file_bytes": None,
            "processes": None,
            "network": "auto",
            "user": None,
        },
        "dataset": None,
        "block": Block("odd", {"behaviour": behaviour}, 10, (lane,)).document(),
        **changes,
    }


def test_a_dataset_travels_to_the_machine_that_needs_it(
    connection: Connection, ear: Ear, tmp_path: Path
) -> None:
    """By way of the cluster's memory, into a folder that has never seen it."""
    there = tmp_path / "there"
    wanted = order("calm", there, dataset=DATASET)
    connection.send({"do": "train", "task": "1", "order": wanted})
    events = [ear.next()["event"] for _ in range(8)]
    assert events == ["begun", *["measured"] * 5, "ended", "done"]
    assert (there / DATASET).read_bytes() == BYTES
    (machine,) = ear.machines.get(timeout=SECONDS)
    assert machine["CPU"] == 1.0


def test_a_block_that_trains_or_waits_can_be_stopped(
    connection: Connection, ear: Ear, tmp_path: Path
) -> None:
    """Its core is free at once, for the next."""
    for task in ("a", "b"):
        connection.send({"do": "train", "task": task, "order": order("hangs", tmp_path)})
    assert (ear.next()["event"], ear.next()["event"]) == ("begun", "measured")
    connection.send({"do": "stop", "task": "b"})
    waited = ear.next()
    assert (waited["task"], waited["event"]) == ("b", "lost")
    connection.send({"do": "stop", "task": "a"})
    while ear.next()["event"] != "lost":
        pass
    connection.send({"do": "train", "task": "c", "order": order("calm", tmp_path)})
    events = [ear.next()["event"] for _ in range(8)]
    assert events == ["begun", *["measured"] * 5, "ended", "done"]


def test_training_code_that_kills_its_machine_is_lost(
    connection: Connection, ear: Ear, tmp_path: Path
) -> None:
    """It killed the process of Ray that holds it: no crash that could be told, and no retry."""
    wanted = order("kills its worker", tmp_path)
    connection.send({"do": "train", "task": "killer", "order": wanted})
    said = ear.next()
    while said["event"] != "lost":
        said = ear.next()
    assert "WorkerCrashedError" in said["reason"]


def test_a_machine_of_another_version_is_unfit(
    connection: Connection, ear: Ear, tmp_path: Path
) -> None:
    """It says so itself."""
    connection.send({"do": "train", "task": "other", "order": order("calm", tmp_path, version="9")})
    assert ear.next()["event"] == "begun"
    assert "the worker has 9" in ear.next()["reason"]


@pytest.mark.parametrize(
    ("address", "reason"), [("nowhere", "nowhere"), ("127.0.0.1:9", "refused")]
)
def test_an_address_without_a_cluster_is_refused(address: str, reason: str) -> None:
    """At once, in one line, with the reason."""
    with pytest.raises(NoCluster, match=f"at {address} cannot be used: .*{reason}") as refused:
        Cluster(address)
    assert "\n" not in str(refused.value)


def test_a_head_that_comes_back_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was trained is lost, whatever Ray knows of it; then there is another process."""
    monkeypatch.setattr(connection_module, "SILENCE_SECONDS", 4.0)
    ear = Ear()
    with ray_cluster(PYTHONPATH=f"{ROOT}{os.pathsep}{ODD}") as cluster:
        greeting = {"address": cluster.address, "datasets": None}
        made = Connection(PROGRAM, greeting, "the cluster", SECONDS)
        made.begin(ear)
        made.send({"do": "train", "task": "1", "order": order("hangs", tmp_path)})
        assert ear.next()["event"] == "begun"
        cluster.nodes[0].kill()
        said = ear.next()
        while said["event"] != "the cluster was lost":
            said = ear.next()
        cluster.start_head()
        while not made.is_up:
            assert ear.machines.get(timeout=SECONDS)
        made.send({"do": "train", "task": "2", "order": order("calm", tmp_path)})
        assert [ear.next()["event"] for _ in range(8)][-1] == "done"
        made.close()
