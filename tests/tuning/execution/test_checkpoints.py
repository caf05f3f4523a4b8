"""Checkpoints: a run that was killed goes on, and ends at the bits of one that was not."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tuning.errors import TrainingCrashed
from tuning.execution import Block, Ended, Event, Inline, Lane, Process, checkpoints
from tuning.execution.checkpoints import Checkpoints
from tuning.execution.training import train
from tuning.objectives import NO_FOLDERS, OBJECTIVES, Folders, Objective, configure
from tuning.objectives.base import Arrays
from tuning.records import Measurement
from tuning.schedules import Schedule, build

HERE = str(Path(__file__).parent)
HORIZON = 40
CHUNK = 2


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the objective counts its updates."""
    path = tmp_path / "notes"
    monkeypatch.setenv("SLOW_NOTES", str(path))
    monkeypatch.setenv("PYTHONPATH", HERE)
    monkeypatch.syspath_prepend(HERE)
    return path


@pytest.fixture
def slow(notes: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of the objective; it asks for a checkpoint after every chunk."""
    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 30.0)  # to be put back
    import slow_objective

    monkeypatch.setattr(checkpoints, "EVERY_SECONDS", 0.0)
    yield slow_objective
    sys.modules.pop("slow_objective")


def lane(run: str, seed: int = 1, family: str = "cosine", peak: float = 0.1) -> Lane:
    """A run."""
    return Lane(run, seed, Schedule(build(family, peak, {}), HORIZON))


def block(*lanes: Lane, objective: str = "walk", splits: Sequence[str] = ("validation",)) -> Block:
    """Some runs."""
    return Block(objective, {}, HORIZON, lanes, tuple(splits))


def files(folder: Path) -> list[Path]:
    """Checkpoints that are there; a process killed while it wrote one leaves half a file beside."""
    return sorted(folder.glob("*.npz"))


def trained(objective: Objective, block: Block, folder: Path | None = None) -> Iterator[Event]:
    """Train here."""
    config = configure(objective, block.config)
    return train(block, objective, objective.open(config, NO_FOLDERS), None, folder)


def broken_off(objective: Objective, block: Block, folder: Path, events: int) -> None:
    """Train until so many events were told, as if the process had died then."""
    assert len(list(islice(trained(objective, block, folder), events))) == events


def of(run: str, events: Sequence[Event]) -> list[Event]:
    """The events of one run."""
    return [event for event in events if event.run == run]


def updates(notes: Path) -> int:
    """Updates made since the notes were last read."""
    count = sum(int(line.split()[1]) for line in notes.read_text().splitlines())
    notes.write_text("")
    return count


def test_a_killed_process_goes_on_where_it_stood(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`kill -9` in the middle of two runs; each alone then ends as if nothing had happened."""
    folders = Folders(cache=tmp_path / "cache")
    pair = block(lane("a", 1), lane("b", 2))
    with monkeypatch.context() as patch:
        patch.setenv("SLOW_HANGS", "31")
        patch.setattr(
            "tuning.execution.link.KEPT_VARIABLES", (*_kept(), "SLOW_HANGS", "SLOW_NOTES")
        )
        executor = Process(folders, ("slow_objective",))
        events = executor.run(pair)
        before = list(islice(events, 30))
        assert executor._link is not None
        os.kill(executor._link.pid, signal.SIGKILL)
        with pytest.raises(TrainingCrashed):
            list(events)
        executor.close()
    assert updates(notes) == 2 * 30
    assert len(files(tmp_path / "cache" / "checkpoints")) == 2

    monkeypatch.setattr("tuning.execution.link.KEPT_VARIABLES", (*_kept(), "SLOW_NOTES"))
    executor = Process(folders, ("slow_objective",))
    after = [list(executor.run(block(one))) for one in pair.lanes]
    executor.close()
    # The kill may come before the last checkpoint of either.
    assert 2 * (HORIZON - 30) <= updates(notes) <= 2 * (HORIZON - 30 + CHUNK)
    assert files(tmp_path / "cache" / "checkpoints") == []

    whole = list(Inline(modules=("slow_objective",)).run(pair))
    sys.modules.pop("slow_objective")
    for one, events_after in zip("ab", after, strict=True):
        assert events_after == of(one, whole)
        assert of(one, before) == events_after[: len(of(one, before))]


def _kept() -> tuple[str, ...]:
    from tuning.execution.link import KEPT_VARIABLES

    return KEPT_VARIABLES


@pytest.mark.parametrize("name", ["walk", "mean_walk", "split_walk"])
@pytest.mark.parametrize("family", ["cosine", "plateau"])
def test_events_are_those_of_an_uninterrupted_training(
    slow: ModuleType, notes: Path, tmp_path: Path, name: str, family: str
) -> None:
    """Scores by a mean, splits trained one by one, rates that follow from what was measured."""
    objective = slow.OBJECTIVES[name]
    runs = [lane("a", 1, family), lane("b", 2, family)]
    if family == "plateau":
        runs = [
            replace(
                one, schedule=replace(one.schedule, family=replace(one.schedule.family, patience=1))
            )
            for one in runs
        ]
    work = block(*runs, objective=name, splits=("validation", "test"))
    whole = list(trained(objective, work))
    whole_updates = updates(notes)
    broken_off(objective, work, tmp_path / "kept", 2 * 13)
    done = updates(notes)
    assert list(trained(objective, work, tmp_path / "kept")) == whole
    assert done + updates(notes) <= whole_updates + 2 * CHUNK
    assert files(tmp_path / "kept") == []


def test_runs_that_stand_apart_are_trained_apart(
    slow: ModuleType, notes: Path, tmp_path: Path
) -> None:
    """A new run beside one that goes on, and one further on: each has its own bits."""
    objective = slow.OBJECTIVES["walk"]
    runs = [lane("a", 1), lane("b", 2), lane("c", 3)]
    for count, one in ((5, runs[0]), (11, runs[2])):
        broken_off(objective, block(one), tmp_path / "kept", count)
    updates(notes)
    events = list(trained(objective, block(*runs), tmp_path / "kept"))
    assert updates(notes) == 3 * HORIZON - 4 * CHUNK - 10 * CHUNK
    whole = list(trained(objective, block(*runs)))
    assert all(of(run, events) == of(run, whole) for run in "abc")


def test_a_diverged_run_leaves_nothing(slow: ModuleType, tmp_path: Path) -> None:
    """Its checkpoint goes with it, and the other run's stays until its end."""
    objective = slow.OBJECTIVES["walk"]
    work = block(lane("a", 1), lane("b", 2, "constant", 4.0))
    events = trained(objective, work, tmp_path / "kept")
    for event in events:
        if isinstance(event, Ended):
            assert event.run == "b"
            break
    events.close()  # type: ignore[attr-defined] # a generator
    assert len(files(tmp_path / "kept")) == 1
    assert len(list(trained(objective, work, tmp_path / "kept"))) > 20
    assert files(tmp_path / "kept") == []


def truncate(path: Path) -> None:
    """Half a file."""
    path.write_bytes(path.read_bytes()[:200])


def strip(path: Path) -> None:
    """A file whose state lacks what the model needs."""
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files if name != "state/speed"}
    with path.open("wb") as file:
        np.savez(file, **arrays)


@pytest.mark.parametrize("damage", [truncate, strip])
def test_what_cannot_be_taken_up_begins_anew(
    slow: ModuleType,
    notes: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], None],
) -> None:
    """A damaged file, or the state of another version, is told and costs the time alone."""
    objective = slow.OBJECTIVES["walk"]
    whole = list(trained(objective, block(lane("a"))))
    broken_off(objective, block(lane("a")), tmp_path, 9)
    (path,) = tmp_path.glob("*.npz")
    damage(path)
    updates(notes)
    with caplog.at_level(logging.WARNING):
        assert list(trained(objective, block(lane("a")), tmp_path)) == whole
    assert updates(notes) == HORIZON
    assert "begin" in caplog.text


@pytest.mark.parametrize(
    "other",
    [
        lane("a", 2),
        lane("a", 1, "linear"),
        lane("a", 1, "cosine", 0.2),
    ],
)
def test_another_run_does_not_take_it_up(
    slow: ModuleType, notes: Path, tmp_path: Path, other: Lane
) -> None:
    """Seed and schedule decide whose checkpoint it is; the run's name does not."""
    objective = slow.OBJECTIVES["walk"]
    broken_off(objective, block(lane("a")), tmp_path / "kept", 9)
    updates(notes)
    list(trained(objective, block(other), tmp_path / "kept"))
    assert updates(notes) == HORIZON
    list(trained(objective, block(lane("another name")), tmp_path / "kept"))
    assert updates(notes) == HORIZON - 8 * CHUNK


class Still:
    """A trainer that can be put down."""

    def __init__(self) -> None:
        self.asked = 0

    def state(self) -> Arrays:
        """Two lanes and what they share."""
        self.asked += 1
        return {"weights": np.arange(6.0).reshape(2, 3), "done": np.array(4)}

    def restore(self, state: Arrays) -> None:
        """Not here."""


def test_a_checkpoint_is_not_written_too_often(slow: ModuleType, tmp_path: Path) -> None:
    """Every so many seconds at most, by the clock that is given; and read as it was written."""
    now = [0.0]
    checkpoints.EVERY_SECONDS = 30.0
    lanes = [lane("a", 1), lane("b", 2)]
    made = Checkpoints(
        tmp_path, slow.OBJECTIVES["walk"], block(*lanes), ("validation",), "", lambda: now[0]
    )
    pasts = {
        "a": [Measurement(2, {"loss": np.inf, "lr": 0.1})],
        "b": [Measurement(2, {"loss": 1.0})],
    }
    trainer = Still()
    for seconds, written in ((29.0, 0), (30.0, 1), (59.0, 1), (61.0, 2)):
        now[0] = seconds
        made.note(trainer, lanes, pasts)  # type: ignore[arg-type] # it only has a state
        assert trainer.asked == written
    ((members, found),) = made.together(lanes)
    assert list(members) == lanes
    assert [list(one.past) for one in found] == [pasts["a"], pasts["b"]]
    merged = checkpoints.merge(found)
    assert {name: one.tolist() for name, one in merged.items()} == {
        name: one.tolist() for name, one in trainer.state().items()
    }


def test_files_that_nobody_takes_up_are_not_kept_for_ever(
    slow: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The oldest go first."""
    monkeypatch.setattr(checkpoints, "KEPT_FILES", 3)
    kept = tmp_path / "kept"
    kept.mkdir()
    for number in range(5):
        (kept / f"{number}.npz").write_bytes(b"")
        os.utime(kept / f"{number}.npz", (number, number))
    broken_off(slow.OBJECTIVES["walk"], block(lane("a")), kept, 5)
    names = [path.name for path in files(kept)]
    assert len(names) == 3
    assert {"3.npz", "4.npz"} <= set(names)


def test_a_folder_that_cannot_be_written_costs_nothing(
    slow: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told, and the training goes on."""
    (tmp_path / "kept").write_text("a file")
    objective = slow.OBJECTIVES["walk"]
    with caplog.at_level(logging.WARNING):
        events = list(trained(objective, block(lane("a")), tmp_path / "kept"))
    assert isinstance(events[-1], Ended)
    assert "cannot be written" in caplog.text


def test_a_prefix_goes_on_and_lends_nothing_to_the_whole_run(
    slow: ModuleType, notes: Path, tmp_path: Path
) -> None:
    """A killed one ends at the bits of one that was not; the whole run begins at the beginning."""
    objective, kept = slow.OBJECTIVES["walk"], tmp_path / "kept"
    whole = block(lane("a"))
    part = replace(whole, updates=HORIZON // 2 + 1)
    untouched = list(trained(objective, part))
    broken_off(objective, part, kept, 5)
    updates(notes)
    assert len(list(trained(objective, whole, kept))) > len(untouched)
    assert updates(notes) == HORIZON
    assert list(trained(objective, part, kept)) == untouched
    assert updates(notes) == part.updates - 4 * CHUNK
    assert files(kept) == []


SMALL: Mapping[str, Mapping[str, object]] = {
    "heston_surface": {"surfaces": 64, "validation_surfaces": 24, "test_surfaces": 16},
    "online_surface": {"snapshots": 22, "updates": 2},
}


@pytest.mark.full
@pytest.mark.parametrize("name", sorted(SMALL))
def test_the_compiled_engine_goes_on_too(slow: ModuleType, tmp_path: Path, name: str) -> None:
    """Built-in objectives on it, those that forecast before they learn among them."""
    objective = OBJECTIVES[name]
    config = configure(objective, SMALL[name])
    horizon = objective.horizon(config, NO_FOLDERS, None if objective.fixed_horizon else HORIZON)
    runs = tuple(
        Lane(run, seed, Schedule(build("cosine", 0.01, {}), horizon))
        for run, seed in (("a", 1), ("b", 2))
    )
    work = Block(name, SMALL[name], horizon, runs, ("validation", "test"))
    whole = list(trained(objective, work))
    broken_off(objective, work, tmp_path / "kept", 2 * 6)
    assert len(files(tmp_path / "kept")) == 2
    assert list(trained(objective, work, tmp_path / "kept")) == whole
    assert files(tmp_path / "kept") == []
