"""What every executor promises, whatever it trains in."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.chaos.ray_cluster import ROOT, ray_cluster
from tuning.errors import TrainingCrashed
from tuning.execution import (
    EXECUTORS,
    Block,
    Ended,
    Event,
    Executor,
    Inline,
    Lane,
    Measured,
)
from tuning.objectives import NO_FOLDERS, OBJECTIVES
from tuning.provenance import installed
from tuning.records import RunState
from tuning.schedules import Schedule, build

MODULES = ("odd_objectives",)
HORIZON = 30


SLOW = {"ray"}  # a cluster of its own takes its time
HERE = str(Path(__file__).parent)
NAMES = [
    pytest.param(name, marks=pytest.mark.full if name in SLOW else ()) for name in sorted(EXECUTORS)
]


@pytest.fixture(scope="module", params=NAMES)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    """One executor of each kind, which also knows the odd objectives."""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as stack:
        patch.syspath_prepend(HERE)
        patch.setenv("PYTHONPATH", HERE)
        if request.param == "ray":
            cluster = stack.enter_context(ray_cluster(PYTHONPATH=f"{ROOT}{os.pathsep}{HERE}"))
            patch.setenv("RAY_ADDRESS", cluster.address)
        executor = EXECUTORS[request.param](NO_FOLDERS, MODULES)
        yield executor
        executor.close()


def lane(run: str, kind: str, peak: float, seed: int = 1, horizon: int = HORIZON) -> Lane:
    """A lane with a schedule of that family and peak."""
    return Lane(run, seed, Schedule(build(kind, peak, {}), horizon))


def block(
    *lanes: Lane,
    objective: str = "realized_volatility",
    splits: tuple[str, ...] = ("validation", "test"),
    **config: object,
) -> Block:
    """A block of those lanes."""
    return Block(objective, config, lanes[0].schedule.horizon, lanes, splits)


def events_of(events: Iterable[Event], run: str) -> list[Event]:
    """Only the events of one run."""
    return [event for event in events if event.run == run]


@pytest.fixture
def mixed() -> Block:
    """Two sound lanes around one that diverges."""
    return block(
        lane("a", "cosine", 1e-2), lane("b", "constant", 10.0), lane("c", "linear", 1e-2, seed=2)
    )


def test_bits_are_those_of_the_inline_executor(executor: Executor, mixed: Block) -> None:
    """Where a block is trained changes no bit of any event."""
    assert list(executor.run(mixed)) == list(Inline().run(mixed))


def test_a_lane_does_not_feel_its_neighbours(executor: Executor, mixed: Block) -> None:
    """Trained beside others, one of which diverges, a run has the events it has alone."""
    together = list(executor.run(mixed))

    for one in mixed.lanes:
        alone = list(executor.run(block(one)))
        assert events_of(together, one.run) == alone


def test_every_run_is_measured_and_ends_once(executor: Executor, mixed: Block) -> None:
    """A run has its measurements in order, then one end; the diverged one stops early."""
    objective = OBJECTIVES["realized_volatility"]
    events = list(executor.run(mixed))

    for one in mixed.lanes:
        *measured, ended = events_of(events, one.run)
        assert all(isinstance(event, Measured) for event in measured)
        assert isinstance(ended, Ended)
        steps = [event.measurement.step for event in measured]
        assert steps == sorted(set(steps))
        if one.run == "b":
            assert ended.result.state is RunState.DIVERGED
            assert len(steps) == 1
        else:
            assert ended.result.state is RunState.COMPLETED
            assert (len(steps), steps[-1]) == (objective.measurements, HORIZON)


def test_every_end_tells_what_was_trained_on_and_with(executor: Executor, mixed: Block) -> None:
    """Of diverged runs too: the hash of the data, and the versions of the objective's packages."""
    ends = [event.result for event in executor.run(mixed) if isinstance(event, Ended)]
    (told,) = {end.provenance.identity: end.provenance for end in ends}.values()
    assert len(ends) == 3
    assert re.fullmatch("[0-9a-f]{64}", told.data_hash)
    assert told.versions == dict(installed(OBJECTIVES["realized_volatility"].packages))
    assert told.versions.keys() >= {"glideslope", "jax", "numpy", "python", "scikit-learn"}


def test_a_run_is_scored_on_its_last_iterate(executor: Executor) -> None:
    """The validation metrics of the result are those of the last measurement."""
    *_, measured, ended = executor.run(block(lane("a", "linear", 1e-2)))

    values = dict(measured.measurement.values)
    lr = values.pop("lr")
    assert ended.result.metrics["validation"] == values
    assert set(ended.result.metrics) == set(ended.result.blocks) == {"validation", "test"}
    assert lr == lane("a", "linear", 1e-2).schedule.table()[-1]


def test_training_code_that_raises_harms_no_other_block(executor: Executor) -> None:
    """An exception becomes `TrainingCrashed`, with its traceback; the next block trains."""
    odd = lane("a", "constant", 0.1)
    with pytest.raises(TrainingCrashed) as crash:
        list(executor.run(block(odd, objective="odd", behaviour="raises")))

    assert str(crash.value) == "ValueError: the data are odd"
    assert "in raise_odd" in crash.value.trace
    assert crash.value.trace.endswith("ValueError: the data are odd\nand so is this message")
    assert list(executor.run(block(odd, objective="odd")))[-1].result.state is RunState.COMPLETED


@pytest.mark.parametrize(
    ("objective", "config", "reason"),
    [
        ("no_such", {}, "objective: 'no_such'"),
        ("realized_volatility", {"batch": 0}, "config.batch: 0"),
        ("realized_volatility", {"file": "prices.csv"}, "no data folder"),
    ],
)
def test_a_block_that_cannot_be_opened_crashes_with_the_reason(
    executor: Executor, objective: str, config: dict[str, object], reason: str
) -> None:
    """A bad objective or config is reported like any failure of training code."""
    with pytest.raises(TrainingCrashed, match=reason):
        list(executor.run(block(lane("a", "constant", 0.1), objective=objective, **config)))


def test_what_training_code_prints_disturbs_nothing(
    executor: Executor, capfd: pytest.CaptureFixture[str]
) -> None:
    """Prints and raw writes to standard output are not taken for events."""
    events = list(
        executor.run(block(lane("a", "constant", 0.1), objective="odd", behaviour="prints"))
    )

    assert [type(event) for event in events] == [Measured] * 5 + [Ended]
