"""What counts of a training: means, splits with a training of their own, units, hard caps."""

from collections.abc import Iterable

import numpy as np
import pytest

from tests.tuning.execution.ledgers import LedgerProblem, PacedProblem, SegmentedProblem, ledger
from tuning.errors import BrokenObjective, InvalidValue, TrainingCrashed
from tuning.execution import Block, Ended, Event, Inline, Lane, Measured
from tuning.execution.training import train
from tuning.objectives import Score
from tuning.records import Cause, RunState
from tuning.schedules import Schedule, build

BOTH = ("validation", "test")


def block(*seeds: int, peak: float = 0.1, splits: tuple[str, ...] = ("validation",)) -> Block:
    """A block of one lane per seed, whose learning rate falls in a line."""
    schedule = Schedule(build("linear", peak, {}), 10)
    return Block("ledger", {}, 10, tuple(Lane(str(s), s, schedule) for s in seeds), splits)


def ends(events: Iterable[Event]) -> dict[str, Ended]:
    """The ends by run."""
    return {event.run: event for event in events if isinstance(event, Ended)}


@pytest.mark.parametrize(
    ("begin", "mean"),
    [
        (0.0, (2 * 2 + 3 * 5 + 2 * 7 + 3 * 10) / 10),
        (0.5, (2 * 7 + 3 * 10) / 5),
        (0.6, (1 * 7 + 3 * 10) / 4),  # a chunk begins where the segment does
        (0.9, 10.0),
    ],
)
def test_a_mean_weights_measurements_by_the_updates_they_stand_for(
    begin: float, mean: float
) -> None:
    """The loss is the number of updates, measured after 2, 5, 7 and 10 of them."""
    objective = ledger(LedgerProblem(), score=Score("mean", begin))
    end = ends(train(block(0), objective, objective.open({}, None)))["0"]

    assert end.result.metrics["validation"]["loss"] == pytest.approx(mean, rel=1e-15)


def test_a_mean_is_a_lane_s_own() -> None:
    """A neighbour that diverges in the middle leaves it as it is."""
    objective = ledger(LedgerProblem(), score=Score("mean"))
    together = ends(train(block(4, 0), objective, LedgerProblem()))
    alone = ends(train(block(0), objective, LedgerProblem()))

    assert together["4"].result.state is RunState.DIVERGED
    assert together["0"] == alone["0"]


def test_a_split_with_a_training_of_its_own_has_the_schedule_laid_out_over_it() -> None:
    """The test split is read in its own training only, which is half as long here."""
    problem = SegmentedProblem()
    events = list(train(block(2, splits=BOTH), ledger(problem, trains_per_split=True), problem))

    search, held_out = problem.made
    schedule = block(2).lanes[0].schedule
    assert (search.splits, search.horizon) == (("validation",), 10)
    assert (held_out.splits, held_out.horizon) == (("test",), 5)
    assert search.used[2] == schedule.table().tolist()
    assert held_out.used[2] == schedule.at(5).table().tolist()
    assert set(search.reads) == {"validation"}
    steps = [event.measurement.step for event in events if isinstance(event, Measured)]
    assert steps == [2, 5, 7, 10]
    (end,) = ends(events).values()
    assert end.result.metrics == {
        "validation": {"loss": pytest.approx(1.0 + schedule.table().sum())},
        "test": {"loss": pytest.approx(1.0 + schedule.at(5).table().sum())},
    }
    assert set(end.result.blocks) == set(BOTH)
    assert events[-1] == end


def test_a_run_that_diverges_on_the_second_split_has_diverged_once() -> None:
    """What it reached on the first does not count; its neighbour goes on to the end."""

    class Late(SegmentedProblem):
        def horizon(self, split: str, horizon: int) -> int:
            return 3 if split == "validation" else horizon

    problem = Late()
    found = list(train(block(4, 0, splits=BOTH), ledger(problem, trains_per_split=True), problem))
    results = ends(found)

    assert len([event for event in found if isinstance(event, Ended)]) == 2
    assert results["4"].result.state is RunState.DIVERGED
    assert (results["4"].result.cause, results["4"].result.step) == (Cause.NON_FINITE, 5)
    assert not results["4"].result.metrics
    assert results["0"].result.state is RunState.COMPLETED
    assert problem.made[1].seeds == [0]


def test_measurements_fall_between_units() -> None:
    """Three updates belong together; only the last chunk may end within a unit."""
    problem = PacedProblem()
    events = train(block(0), ledger(problem, measurements=3), problem)

    steps = [event.measurement.step for event in events if isinstance(event, Measured)]
    assert steps == [3, 6, 10]


def test_a_learning_rate_above_the_hard_cap_is_refused_before_anything_is_trained() -> None:
    """At the cap, or above it by a rounding, it is trained."""
    problem = LedgerProblem()
    objective = ledger(problem, hard_cap=lambda _: 0.1)
    with pytest.raises(InvalidValue, match=r"^schedule: .*hard cap, 0\.1"):
        list(train(block(0, peak=0.1001), objective, problem))

    assert not problem.made
    assert ends(train(block(0, peak=0.1 + 2e-17), objective, problem))["0"]


@pytest.mark.parametrize(
    ("loss", "cause"), [(np.inf, Cause.NON_FINITE), (1.1e60, Cause.BLEW_UP), (-1e61, Cause.BLEW_UP)]
)
def test_a_last_score_that_is_no_score_tells_where_it_was(loss: float, cause: Cause) -> None:
    """The step and learning rate of the last update, and whether the metric was finite."""

    class OnlyBadAtLast(LedgerProblem):
        def trainer(self, *asked: object) -> object:  # type: ignore[override]
            trainer = super().trainer(*asked)  # type: ignore[arg-type]
            usual = trainer.evaluate
            trainer.evaluate = lambda split: (  # type: ignore[method-assign]
                {"loss": np.array([loss])} if split == "test" else usual(split)
            )
            return trainer

    problem = OnlyBadAtLast()
    end = ends(train(block(0, splits=BOTH), ledger(problem), problem))["0"].result
    assert (end.state, end.cause, end.step) == (RunState.DIVERGED, cause, 10)
    assert end.lr == block(0).lanes[0].schedule.table()[-1]


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        ({"accuracy": np.ones(1)}, "returned accuracy; the objective's metrics are loss"),
        ({}, "returned nothing"),
        ({"loss": np.ones(1), "more": np.ones(1)}, "returned loss, more"),
        ({"loss": np.ones((1, 1))}, r"loss of evaluate\('validation'\) is of shape \(1, 1\)"),
        ({"loss": np.ones(2)}, r"of shape \(2,\); it should be \(1,\)"),
        ({"loss": 1.0}, r"of shape \(\)"),
        ({"loss": np.array(["good"])}, "should be numbers"),
    ],
)
def test_what_a_trainer_returns_is_checked(returned: dict[str, object], words: str) -> None:
    """A wrong name or shape is told as such, whatever NumPy would make of it."""

    class Odd(LedgerProblem):
        def trainer(self, *asked: object) -> object:  # type: ignore[override]
            trainer = super().trainer(*asked)  # type: ignore[arg-type]
            trainer.evaluate = lambda _: returned  # type: ignore[method-assign]
            return trainer

    problem = Odd()
    with pytest.raises(BrokenObjective, match=words):
        list(train(block(0), ledger(problem), problem))


def test_block_losses_are_checked() -> None:
    """One loss per lane and declared block."""
    problem = LedgerProblem(blocks={"validation": ("a", "b", "c")})
    with pytest.raises(BrokenObjective, match=r"shape \(1, 2\); it should be \(1, 3\)"):
        list(train(block(0), ledger(problem), problem))


def test_a_refused_block_crashes_as_refused() -> None:
    """An executor tells what must not be trained from code that raised."""
    lane = Lane("a", 0, Schedule(build("constant", 1.0, {}), 10))
    with pytest.raises(TrainingCrashed) as crash:
        list(Inline().run(Block("realized_volatility", {"batch": 0}, 10, (lane,))))
    assert crash.value.cause is Cause.REFUSED
