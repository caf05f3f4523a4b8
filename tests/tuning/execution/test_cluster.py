"""A cluster without Ray: who may claim, and what becomes of blocks whose machine is gone.

The process that talks to the cluster is `cluster_child`, a real one that does as it is told.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tuning.errors import InvalidValue, NoCluster, TrainingCrashed, TrainingLost
from tuning.execution import Block, Cluster, Ended, Lane, Remote, connection, remote
from tuning.objectives import Folders
from tuning.records import Cause
from tuning.schedules import Schedule, build

SECONDS = 20.0  # patience on a busy machine
SMALL: dict[str, float] = {"CPU": 2.0, "memory": 2.0**30, "node:10.0.0.1": 1.0}
Open = Callable[..., Cluster]


class Stage:
    """The folder that tells the child what to play."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.have(SMALL)

    def have(self, *machines: dict[str, float], **free: float) -> None:
        """These machines are there from now on, with so much in all that nobody uses."""
        new = self._folder / "new"
        new.write_text(json.dumps({"machines": machines, "free": free}), encoding="utf-8")
        new.replace(self._folder / "machines")

    def fall_silent(self) -> None:
        """Nothing more is said of machines."""
        (self._folder / "machines").unlink()

    def refuse(self, reason: str) -> None:
        """Nobody connects from now on."""
        (self._folder / "refuse").write_text(reason, encoding="utf-8")

    def asked(self) -> list[dict[str, Any]]:
        """What was asked, in order."""
        path = self._folder / "asked"
        lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in lines]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """Where a test says what happens."""
    here = str(Path(__file__).parent)
    monkeypatch.setenv("RAY_PLAY", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", here)
    monkeypatch.syspath_prepend(here)
    return Stage(tmp_path)


@pytest.fixture
def connect(stage: Stage) -> Iterator[Open]:
    """Make a cluster that plays; it is left at the end."""
    made: list[Cluster] = []

    def make(**options: object) -> Cluster:
        given: dict[str, Any] = {"modules": ("needy_objectives",), "program": "cluster_child"}
        made.append(Cluster("far-away:6379", **{**given, **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()


def block(fate: str = "", *runs: str, objective: str = "modest", **config: object) -> Block:
    """A block that fares so."""
    schedule = Schedule(build("constant", 0.1, {}), 10)
    lanes = tuple(Lane(run, 1, schedule) for run in runs or ("a",))
    return Block(objective, {"fate": fate, **config}, 10, lanes)


def until(condition: Callable[[], object]) -> None:
    """Wait for something that another thread or process does."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def taken(cluster: Cluster) -> tuple[str, ...]:
    """What may be claimed; the turn ends at once."""
    turn = cluster.take(SECONDS)
    assert turn is not None
    turn.end()
    return turn.objectives


def test_a_block_is_trained_and_told(connect: Open) -> None:
    """Every event comes back, the last words of a run that failed included."""
    (ended,) = Remote(connect()).run(block())
    assert isinstance(ended, Ended)
    assert (ended.run, ended.result.reason, ended.log_tail) == ("a", "of a test", "last words")


def test_one_claims_at_a_time_and_one_block_waits(connect: Open) -> None:
    """A turn is nobody else's until its block is sent; the next comes once that has a machine."""
    cluster = connect()
    turn = cluster.take(SECONDS)
    assert turn is not None
    assert cluster.take(0.0) is None
    waiting = cluster.send(block("waits"))
    assert "modest" not in taken(cluster)
    cluster.begin(waiting)
    assert "modest" in taken(cluster)


def test_as_many_blocks_are_claimed_as_there_is_room_for(connect: Open, stage: Stage) -> None:
    """And one more, which waits, when all are in training; what is sent uses up what is free."""
    free = {"CPU": 3.0, "memory": 2.0**30}
    stage.have(SMALL, SMALL, **free)
    cluster = connect()
    assert "modest" in taken(cluster)
    sent = [cluster.send(block("waits")) for _ in range(2)]
    assert "modest" in taken(cluster)
    sent.append(cluster.send(block("waits")))
    assert "modest" not in taken(cluster)
    stage.have(SMALL, SMALL, **{**free, "CPU": 0.0})  # a look from before would not see them
    until(lambda: not cluster._free["CPU"])
    for task in sent:
        cluster.begin(task)
    assert "modest" in taken(cluster)
    cluster.send(block("waits"))
    assert "modest" not in taken(cluster)
    stage.have(SMALL, SMALL, SMALL, **{**free, "CPU": 2.0})
    until(lambda: "modest" in taken(cluster))


def test_only_what_a_machine_has_room_for_is_claimed(connect: Open, stage: Stage) -> None:
    """Cores, GPUs and memory count for each machine, not in sum; machines come and go."""
    cluster = connect()
    assert {"modest", "regime_rugged"} < {*taken(cluster)}
    assert not {"wide", "large", "graphic"} & {*taken(cluster)}
    stage.have(*[SMALL] * 8, {"CPU": 4.0, "GPU": 1.0, "memory": 2.0**33})
    until(lambda: {"large", "graphic"} < {*taken(cluster)})
    assert "wide" not in taken(cluster)
    stage.have()
    until(lambda: cluster.take(0.0) is None)


def test_a_growing_cluster_is_asked_for_more(connect: Open, stage: Stage) -> None:
    """What no machine has is claimed as well, and the more is trained, the more may wait."""
    stage.have()
    cluster = connect(is_growing=True)
    assert {"modest", "wide", "large", "graphic"} < {*taken(cluster)}
    graphic = cluster.send(block("waits", objective="graphic"))
    assert "graphic" not in taken(cluster)
    assert graphic.needs.gpus == 0.5
    for _ in range(4):
        cluster.begin(cluster.send(block("begins")))
    cluster.send(block("waits"))
    assert "modest" in taken(cluster)
    cluster.send(block("waits"))
    assert "modest" not in taken(cluster)


def test_a_block_whose_machine_is_gone_is_no_crash(connect: Open) -> None:
    """Unless its runs lose their machine every time: then they are held to be why."""
    executor = Remote(connect())
    for _ in range(2):
        with pytest.raises(TrainingLost, match="its machine was lost"):
            list(executor.run(block("is lost", "a", "b")))
    for _ in range(2):
        with pytest.raises(TrainingCrashed, match="not for the first time") as crash:
            list(executor.run(block("is lost", "a")))
        assert crash.value.cause is Cause.LOST_WORKER
    list(executor.run(block("", "b")))
    with pytest.raises(TrainingLost):
        list(executor.run(block("is lost", "b")))


def test_a_crash_is_told_with_all_that_is_known(connect: Open, stage: Stage) -> None:
    """Cause, traceback and last words cross both processes."""
    with pytest.raises(TrainingCrashed, match="too large") as crash:
        list(Remote(connect()).run(block("crashes")))
    told = crash.value
    until(lambda: len(stage.asked()) == 1)  # what has ended is not stopped
    assert (told.cause, told.trace, told.log_tail) == ("memory", "line 1", "last words")


def test_a_stop_reaches_the_cluster(connect: Open, stage: Stage) -> None:
    """The block ends at once, and the cluster is told."""
    executor = Remote(connect())
    executor.stop()  # nothing is trained: nothing happens

    def stop() -> None:
        until(lambda: executor._inbox is not None)
        executor.stop()

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(TrainingCrashed, match="stopped"):
        list(executor.run(block("begins")))
    until(lambda: [one["do"] for one in stage.asked()] == ["train", "stop"])


def test_a_block_that_nobody_follows_is_stopped(connect: Open, stage: Stage) -> None:
    """Leaving the iterator before its end is as good as a stop."""
    executor = Remote(connect())
    events = executor.run(block("", "a", "b"))
    next(events)
    events.close()
    until(lambda: [one["do"] for one in stage.asked()] == ["train", "stop"])


def test_what_waits_too_long_is_handed_back(connect: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others may have room."""
    monkeypatch.setattr(remote, "WAIT_SECONDS", 0.1)
    with pytest.raises(TrainingLost, match=r"no machine had room within 0\.1 s"):
        list(Remote(connect()).run(block("waits")))


def test_a_machine_that_falls_silent_is_lost(
    connect: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says a word every few seconds, even if there is nothing to say."""
    monkeypatch.setattr(remote, "SILENCE_SECONDS", 0.1)
    with pytest.raises(TrainingLost, match=r"its machine said nothing for 0\.1 s"):
        list(Remote(connect()).run(block("begins")))


def test_a_cluster_that_was_lost_comes_back(connect: Open, stage: Stage) -> None:
    """Whatever was trained there is handed back, also by others; then there are turns again."""
    cluster = connect()
    other = cluster.send(block("begins"))
    with pytest.raises(TrainingLost, match="the Ray cluster at far-away:6379 was lost"):
        list(Remote(cluster).run(block("ends everything")))
    until(lambda: not other.inbox.empty())
    cluster.forget(other)
    stage.have(SMALL, SMALL)
    assert "modest" in taken(cluster)
    assert list(Remote(cluster).run(block()))


def test_a_cluster_that_stays_away_is_given_up(connect: Open, stage: Stage) -> None:
    """Whoever wants to claim is told why there is nothing to claim for."""
    cluster = connect(patience_seconds=0.0)
    stage.refuse("nobody is there")
    with pytest.raises(TrainingLost):
        list(Remote(cluster).run(block("ends everything")))
    with pytest.raises(TrainingLost, match="is away"):
        cluster.send(block())
    with pytest.raises(NoCluster, match="cannot be used: nobody is there"):
        cluster.take(SECONDS)


def test_a_cluster_that_falls_silent_is_lost(
    connect: Open, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its head is gone, and Ray may not know it for a minute."""
    monkeypatch.setattr(connection, "SILENCE_SECONDS", 0.5)
    cluster = connect()
    taken(cluster)
    stage.fall_silent()
    with pytest.raises(TrainingLost, match="was lost"):
        list(Remote(cluster).run(block("waits")))


def test_a_cluster_that_cannot_be_used_says_why(connect: Open, stage: Stage) -> None:
    """In one line, with its address."""
    stage.refuse("other versions")
    told = "the Ray cluster at far-away:6379 cannot be used: other versions"
    with pytest.raises(NoCluster, match=told):
        connect()
    with pytest.raises(NoCluster, match="cannot be used: the child process exited with code 1"):
        connect(program="no_such_program")


def test_a_cluster_that_does_not_answer_is_not_waited_for(
    connect: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It might be for ever."""
    monkeypatch.setattr(connection, "CONNECT_SECONDS", 0.1)
    with pytest.raises(NoCluster, match=r"cannot be used: no answer within 0\.1 s"):
        connect()


def test_the_address_of_a_ray_client_is_refused() -> None:
    """What connects so runs elsewhere, and hears of nothing before it ends."""
    with pytest.raises(InvalidValue, match="address: 'ray://far-away:10001' is not allowed"):
        Cluster("ray://far-away:10001")


def test_a_machine_that_cannot_train_ends_the_claims(connect: Open) -> None:
    """The runs are handed back, and somebody must put the machine right."""
    cluster = connect()
    with pytest.raises(TrainingLost, match="far away has glideslope none"):
        list(Remote(cluster).run(block("is refused")))
    with pytest.raises(NoCluster, match="far away has glideslope none"):
        cluster.take(SECONDS)


def test_a_machine_is_told_what_it_must_know(
    connect: Open, stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block, where files lie, what it may take, which dataset; nothing of the service."""
    monkeypatch.setenv("GLIDESLOPE_API_KEY", "gs_secret")
    monkeypatch.setenv("GLIDESLOPE_DATABASE_URL", "secret")
    dataset = "ds_" + 32 * "a"
    cluster = connect(folders=Folders(cache=tmp_path, datasets=tmp_path / "datasets"))
    wanted = block("waits", objective="wide", dataset=dataset)
    cluster.send(wanted)
    until(stage.asked)
    (asked,) = stage.asked()
    assert asked["order"]["block"] == wanted.document()
    assert asked["order"]["needs"] == {"CPU": 8, "GPU": 0.0, "memory": 0}
    assert (asked["order"]["threads"], asked["order"]["dataset"]) == (8, dataset)
    assert asked["order"]["place"] == {
        "folders": [None, str(tmp_path), str(tmp_path / "datasets")],
        "modules": ["needy_objectives"],
        "run_seconds": None,
        "memory_bytes": None,
        "files": None,
        "file_bytes": None,
        "processes": None,
        "network": "auto",
        "user": None,
    }
    assert "secret" not in json.dumps(asked)
