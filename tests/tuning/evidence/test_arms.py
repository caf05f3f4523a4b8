"""Arms: the winner is fixed by seeds that carry no interval."""

from dataclasses import replace

import pytest

from tests.tuning.evidence.playing import play
from tests.tuning.evidence.stories import Tried, finished, spec_for
from tuning.evidence import arm_trials, choose_winner, plan_confirmation
from tuning.evidence.arms import HELD_OUT, first_set, second_set
from tuning.records import Direction, History, Metric, Result, Run, RunState, Trial

LEADERS = (
    Tried("wsd", 1.00, 0.02, is_baseline=False),
    Tried("linear", 1.01, 0.02, is_baseline=False),
    Tried("constant", 1.20),
    Tried("cosine", 1.30),
)


def lucky(trial: Trial, run: Run) -> float:
    """The search's leader was lucky: on validation alone, as in the first set, it is worst."""
    is_first = HELD_OUT not in run.splits
    level = {"wsd": 1.5 if is_first else 0.5}.get(str(trial.params["family"]), 1.1)
    return level + 1e-4 * (run.seed % 97) * (1 + trial.number)


def test_without_a_first_set_the_search_fixes_the_winner() -> None:
    """Whatever ranks first."""
    winner = choose_winner(spec_for(), finished(*LEADERS))
    assert winner is not None
    assert winner.number == 0
    assert choose_winner(spec_for(), History()) is None


def test_the_first_set_corrects_luck_and_the_second_has_no_say() -> None:
    """The leader loses the first set, and nothing the second set shows brings it back."""
    spec = spec_for(confirm_seeds=4)
    history, _ = play(spec, finished(*LEADERS), lucky)
    winner = choose_winner(spec, history)
    assert winner is not None
    assert winner.params["family"] == "linear"
    assert [trial.number for trial in arm_trials(spec, history)] == [1, 2, 3]
    assert set(first_set(history)) == {0, 1, 2, 3}
    assert set(second_set(history)) == {1, 2, 3}


def test_the_two_sets_share_no_seed_with_each_other_or_the_search() -> None:
    """What chose the winner cannot flatter it."""
    spec = spec_for(confirm_seeds=4)
    history, _ = play(spec, finished(*LEADERS), lucky)
    first = {seed for ends in first_set(history).values() for seed in ends}
    second = {seed for ends in second_set(history).values() for seed in ends}
    searched = {run.seed for run in history.runs if run.generation == 0}
    assert first
    assert second
    assert not first & second
    assert not (first | second) & searched


def test_a_finalist_that_blows_up_in_the_first_set_is_out() -> None:
    """However good its other seeds are."""

    def fragile(trial: Trial, run: Run) -> float | Result:
        if trial.number == 0 and HELD_OUT not in run.splits:
            return Result(RunState.DIVERGED)
        return lucky(trial, run)

    spec = spec_for(confirm_seeds=4)
    history, _ = play(spec, finished(*LEADERS), fragile)
    winner = choose_winner(spec, history)
    assert winner is not None
    assert winner.number == 1


def test_if_no_finalist_survives_the_first_set_the_search_decides() -> None:
    """There has to be a winner to report on."""
    spec = spec_for(confirm_seeds=4)
    history, _ = play(spec, finished(*LEADERS), lambda _, __: Result(RunState.DIVERGED))
    winner = choose_winner(spec, history)
    assert winner is not None
    assert winner.number == 0


@pytest.mark.parametrize("direction", Direction)
def test_the_winner_is_the_best_either_way(direction: Direction) -> None:
    """Lowest of a loss, highest of a skill."""
    spec = spec_for(confirm_seeds=4, metric=Metric("loss", direction))
    history, _ = play(spec, finished(*LEADERS), lambda trial, _: 1.0 + 0.1 * trial.number)
    winner = choose_winner(spec, history)
    assert winner is not None
    assert winner.number == (0 if direction is Direction.MINIMIZE else 3)


def test_while_the_first_set_is_trained_there_is_a_leader_to_show() -> None:
    """Whoever looks at a study under way sees arms, though no seed is shared yet."""
    spec = spec_for(confirm_seeds=4)
    history = finished(*LEADERS)
    plan = plan_confirmation(spec, history, 1)
    assert plan is not None
    first = next(run for run in plan.runs if run.trial == 0)
    last = [run for run in plan.runs if run.trial == 1][-1]
    ends = {
        (run.generation, run.index): Result(RunState.COMPLETED, {"validation": {"loss": 1.0}})
        for run in (first, last)
    }
    apart = replace(history.runs[1], seed=999)  # nor one of the search
    begun = replace(
        history,
        runs=(history.runs[0], apart, *history.runs[2:], *plan.runs),
        results={**history.results, **ends},
    )
    assert [trial.number for trial in arm_trials(spec, begun)] == [0, 2, 3]
