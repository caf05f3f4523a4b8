"""Scores: all seeds or none, and an order that does not depend on who came first."""

import pytest

from tests.tuning.evidence.stories import Tried, finished
from tuning.evidence import conclude_trial, rank_trials
from tuning.evidence.score import is_better
from tuning.records import Direction, History, Metric, Result, RunState, TrialState

LOSS = Metric("loss")


def completed(value: float) -> Result:
    """A run with this loss."""
    return Result(RunState.COMPLETED, {"validation": {"loss": value}})


@pytest.mark.parametrize(
    ("ends", "state"),
    [
        ((RunState.DIVERGED,), TrialState.DIVERGED),
        ((RunState.FAILED, RunState.DIVERGED), TrialState.FAILED),
        ((RunState.DIVERGED, RunState.CANCELLED, RunState.FAILED), TrialState.CANCELLED),
        ((), TrialState.COMPLETED),
    ],
)
def test_one_bad_seed_decides_the_trial(ends: tuple[RunState, ...], state: TrialState) -> None:
    """The worst end counts, and leaves no score."""
    results = [completed(1.0), *map(Result, ends)]
    assert conclude_trial(results, LOSS) == (state, None if ends else 1.0)


@pytest.mark.parametrize(
    ("direction", "expected"),
    [(Direction.MINIMIZE, [1, 3, 0, 2]), (Direction.MAXIMIZE, [2, 0, 1, 3])],
)
def test_trials_are_ranked_best_first(direction: Direction, expected: list[int]) -> None:
    """Equal scores in the order of their numbers."""
    history = finished(*(Tried("constant", score) for score in (2.0, 1.0, 3.0, 1.0)))
    ranked = rank_trials(history, Metric("loss", direction))
    assert [trial.number for trial, _ in ranked] == expected


def test_a_trial_is_ranked_when_all_its_seeds_are_in() -> None:
    """One result missing, and it has no score yet."""
    history = finished(Tried("constant", 1.0), Tried("constant", 2.0))
    results = {key: end for key, end in history.results.items() if key != (0, 0)}
    ranked = rank_trials(History(history.trials, history.runs, results), LOSS)
    assert [(trial.number, score) for trial, score in ranked] == [(1, 2.0)]


def test_confirmation_does_not_change_the_ranking() -> None:
    """The winner is fixed before its fresh seeds are looked at."""
    history = finished(
        Tried("constant", 1.0, fresh=(9.0, 9.0)), Tried("constant", 2.0, fresh=(0.1, 0.1))
    )
    assert [trial.number for trial, _ in rank_trials(history, LOSS)] == [0, 1]


def test_a_draw_is_no_improvement() -> None:
    """So that the earlier trial stays the best."""
    for direction in Direction:
        assert not is_better(1.0, 1.0, direction)
    assert is_better(1.0, 2.0, Direction.MINIMIZE)
    assert is_better(2.0, 1.0, Direction.MAXIMIZE)
