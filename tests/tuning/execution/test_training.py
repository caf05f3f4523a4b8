"""Training: what is measured, dropped and scored, and what is read when."""

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.execution import Block, Ended, Lane, Measured
from tuning.execution.course import chunks
from tuning.execution.training import train
from tuning.objectives import NO_FOLDERS
from tuning.records import Cause, Result, RunState
from tuning.schedules import Schedule, build

ODD = str(Path(__file__).parents[2] / "contracts")
BOTH = ("validation", "test")


@pytest.fixture
def odd(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module of odd objectives."""
    monkeypatch.syspath_prepend(ODD)
    import odd_objectives

    yield odd_objectives
    sys.modules.pop("odd_objectives")


def lane(run: str = "a", peak: float = 0.1, seed: int = 0, horizon: int = 10) -> Lane:
    """A lane at a constant learning rate."""
    return Lane(run, seed, Schedule(build("constant", peak, {}), horizon))


def block(*lanes: Lane, splits: tuple[str, ...] = ("validation",)) -> Block:
    """A block of those lanes."""
    return Block("odd", {"behaviour": "calm"}, 10, lanes, splits)


@pytest.mark.parametrize(("horizon", "count"), [(1, 20), (19, 20), (20, 20), (301, 20), (7, 1)])
def test_chunks_cover_the_horizon(horizon: int, count: int) -> None:
    """Every update is in exactly one chunk, and chunks differ by one update at most."""
    edges = list(chunks(horizon, count))

    assert [step for first, last in edges for step in range(first, last)] == list(range(horizon))
    assert len(edges) == min(horizon, count)
    lengths = {last - first for first, last in edges}
    assert max(lengths) - min(lengths) <= 1


@given(
    horizon=st.integers(1, 500),
    count=st.integers(1, 30),
    unit=st.integers(1, 15),
    begin=st.integers(0, 500),
)
def test_a_chunk_begins_where_a_segment_does(
    horizon: int, count: int, unit: int, begin: int
) -> None:
    """Or with the unit after it; the number of chunks, and that none is empty, stay as they are."""
    edges = list(chunks(horizon, count, unit, begin))

    assert [step for first, last in edges for step in range(first, last)] == list(range(horizon))
    assert len(edges) == len(list(chunks(horizon, count, unit)))
    assert all(first < last and first % unit == 0 for first, last in edges)
    wanted = unit * -(-begin // unit)
    assert len(edges) == 1 or wanted >= horizon or wanted in [first for first, _ in edges]


def test_a_finite_but_absurd_loss_is_divergence(odd: ModuleType) -> None:
    """A loss beyond a thousand times the first one ends the run, with step and rate told."""
    objective = odd.OBJECTIVES["odd"]
    events = list(
        train(block(lane("a", 40.0)), objective, objective.open(odd.Config(), NO_FOLDERS))
    )

    measured, ended = events
    assert math.isfinite(measured.measurement.values["loss"])
    assert ended.result.state is RunState.DIVERGED
    assert not ended.result.metrics
    assert ended.result.reason.startswith("loss on validation was ")
    assert ended.result.reason.endswith("after update 2 at lr 40")
    assert (ended.result.cause, ended.result.step, ended.result.lr) == (Cause.BLEW_UP, 2, 40.0)


def test_a_bad_start_is_no_divergence(odd: ModuleType) -> None:
    """A loss that merely grew is a result like any other."""
    objective = odd.OBJECTIVES["odd"]
    *_, ended = train(block(lane("a", 2.05)), objective, objective.open(odd.Config(), NO_FOLDERS))

    assert ended.result.state is RunState.COMPLETED
    assert ended.result.metrics["validation"]["loss"] > 0.5 * 5.0**2


def test_a_maximised_metric_may_fall_as_low_as_it_likes(odd: ModuleType) -> None:
    """Only a metric that is not finite is divergence where more is better."""
    objective = odd.OBJECTIVES["nosy"]
    *_, ended = train(block(lane()), objective, objective.open(odd.Config(), NO_FOLDERS))

    assert replace(ended.result, provenance=None) == Result(
        RunState.COMPLETED,
        metrics={"validation": {"accuracy": -1e10}},
        blocks={"validation": (0.25, 0.75)},
    )


def test_the_test_split_is_read_once_at_the_end(odd: ModuleType) -> None:
    """One score and its blocks per lane, after the last update; none if it was not asked for."""
    objective = odd.OBJECTIVES["nosy"]
    for splits, reads in ((BOTH, [("test", 10)] * 2), (("validation",), [])):
        problem = objective.open(odd.Config(), NO_FOLDERS)
        list(train(block(lane(), splits=splits), objective, problem))
        assert [read for read in problem.reads if read[0] == "test"] == reads


def test_a_test_score_that_is_not_finite_is_divergence(odd: ModuleType) -> None:
    """A model that is finite on validation only does not count as trained; its neighbour does."""
    objective = odd.OBJECTIVES["nosy"]
    lanes = block(lane("bad", seed=1), lane("good", seed=0), splits=BOTH)
    ends = [
        event
        for event in train(lanes, objective, objective.open(odd.Config(), NO_FOLDERS))
        if isinstance(event, Ended)
    ]

    assert [end.run for end in ends] == ["bad", "good"]
    assert [end.result.state for end in ends] == [RunState.DIVERGED, RunState.COMPLETED]
    assert ends[0].result.reason == "accuracy on test was nan at last"


def test_training_stops_when_no_lane_is_left(odd: ModuleType) -> None:
    """A block whose lanes all diverged makes no further update and reads no test split."""
    objective = odd.OBJECTIVES["odd"]
    lanes = block(lane("a", 1e200), lane("b", 1e200), splits=BOTH)
    events = list(train(lanes, objective, objective.open(odd.Config(), NO_FOLDERS)))

    assert [type(event) for event in events] == [Measured, Measured, Ended, Ended]


def test_a_lane_is_told_the_rate_of_its_last_update(odd: ModuleType) -> None:
    """`lr` in a measurement is the schedule's value at the update before it."""
    objective = odd.OBJECTIVES["odd"]
    schedule = Schedule(build("linear", 0.1, {}), 10)
    falling = replace(lane(), schedule=schedule)
    *measured, _ = train(block(falling), objective, objective.open(odd.Config(), NO_FOLDERS))

    for event in measured:
        step = event.measurement.step
        assert event.measurement.values["lr"] == schedule.table()[step - 1]
