"""Course: a training that ends before its schedule is the first part of the whole one."""

from collections.abc import Sequence

import pytest

from tests.tuning.execution.ledgers import LedgerProblem, PacedProblem, SegmentedProblem, ledger
from tuning.errors import InvalidValue
from tuning.execution import Block, Ended, Event, Lane, Measured
from tuning.execution.course import plan_course
from tuning.execution.training import train
from tuning.objectives import Score
from tuning.schedules import Schedule, build

HORIZON = 10


def block(
    updates: int = 0, family: str = "linear", splits: Sequence[str] = ("validation",)
) -> Block:
    """One lane whose loss is the number of its updates, one whose loss falls with it."""
    schedule = Schedule(build(family, 0.1, {}), HORIZON)
    lanes = tuple(Lane(str(seed), seed, schedule) for seed in (0, 1))
    return Block("ledger", {}, HORIZON, lanes, tuple(splits), updates=updates)


def measured(events: Sequence[Event]) -> list[Measured]:
    """What was measured, in order."""
    return [event for event in events if isinstance(event, Measured)]


@pytest.mark.parametrize("family", ["linear", "plateau", "change_on_plateau"])
@pytest.mark.parametrize("updates", [1, 2, 5, 6, 9])
def test_what_is_measured_is_the_first_part_of_what_the_whole_run_is(
    updates: int, family: str
) -> None:
    """Bit for bit, its schedule and its clock being those of the whole horizon."""
    problem = LedgerProblem()
    objective = ledger(problem)
    whole = measured(list(train(block(family=family), objective, problem)))
    part = measured(list(train(block(updates, family), objective, problem)))
    first, second = problem.made
    assert second.horizon == first.horizon == HORIZON
    assert second.updates == updates
    assert second.used == {seed: rates[:updates] for seed, rates in first.used.items()}
    shared = [one for one in whole if one.measurement.step <= updates]
    assert [one for one in part if one.measurement.step in {2, 5, 7}] == shared
    assert part[-1].measurement.step == updates


def test_a_prefix_is_scored_where_it_ends() -> None:
    """By its last iterate; no other split is read."""
    problem = LedgerProblem()
    ends = [one for one in train(block(6), ledger(problem), problem) if isinstance(one, Ended)]
    assert [end.result.metrics for end in ends] == [
        {"validation": {"loss": 6.0}},
        {"validation": {"loss": 100.0 / 7}},
    ]
    assert set(problem.made[0].reads) == {"validation"}


@pytest.mark.parametrize(
    ("begin", "updates", "mean"),
    [(0.0, 6, (2 * 2 + 3 * 5 + 1 * 6) / 6), (0.5, 6, 6.0), (0.5, 9, (2 * 7 + 2 * 9) / 4)],
)
def test_a_mean_is_taken_over_the_part_of_the_segment_that_was_trained(
    begin: float, updates: int, mean: float
) -> None:
    """The segment begins where it does in the whole run."""
    problem = LedgerProblem()
    objective = ledger(problem, score=Score("mean", begin))
    end = next(one for one in train(block(updates), objective, problem) if isinstance(one, Ended))
    assert end.result.metrics["validation"]["loss"] == pytest.approx(mean, rel=1e-15)


@pytest.mark.parametrize(("updates", "made"), [(1, 3), (5, 3), (6, 6), (8, 6), (10, 10)])
def test_a_prefix_holds_whole_units(updates: int, made: int) -> None:
    """As many as fit, at least the first, unless it is the whole horizon."""
    problem = PacedProblem()
    list(train(block(updates), ledger(problem), problem))
    assert problem.made[0].updates == made


def test_a_split_of_another_length_is_cut_in_proportion() -> None:
    """Half of the updates, of a split that lasts half as long, are a quarter."""
    problem = SegmentedProblem()
    objective = ledger(problem, trains_per_split=True)
    course = plan_course(objective, problem, "test", 8, 4)
    assert (course.horizon, course.chunks[-1][1], course.planned) == (4, 2, 4)


@pytest.mark.parametrize("updates", [-1, HORIZON + 1])
def test_a_block_does_not_end_beyond_its_horizon(updates: int) -> None:
    """Nor before it begins."""
    with pytest.raises(InvalidValue, match="updates"):
        block(updates)


def test_a_block_keeps_its_end_across_a_process_boundary() -> None:
    """As every field of it."""
    assert Block.from_document(block(6).document()) == block(6)
    assert block().updates == HORIZON
