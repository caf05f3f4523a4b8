"""The race: the leaders get more seeds, and luck on few seeds does not win."""

import random

from tests.tuning.search.worlds import confirm_runs, make_spec, play, score
from tuning.evidence import rank_trials
from tuning.records import Budget, History, Phase, Result, Run, RunState, StudySpec, Trial
from tuning.search.policy.spending import race_cost


def noisy(trial: Trial, run: Run) -> Result:
    """A world with independent noise of every training."""
    value = score(trial, 0) + random.Random(f"{trial.number} {run.seed}").gauss(0.0, 0.1)
    return Result(RunState.COMPLETED, {split: {"loss": value} for split in run.splits})


def still(trial: Trial, run: Run) -> Result:
    """A world in which seeds make no difference."""
    return Result(RunState.COMPLETED, {split: {"loss": score(trial, 0)} for split in run.splits})


def racing(**changes: object) -> StudySpec:
    """Four leaders, from one seed to eight."""
    return make_spec(
        **{"seeds": 1, "leaders": 4, "leader_seeds": 8, "budget": Budget(trials=30), **changes}
    )


def seeds_of(history: History) -> dict[int, int]:
    """Seeds of every trial before the confirmation."""
    counts: dict[int, int] = {}
    for run in history.runs:
        if run.phase is not Phase.CONFIRM:
            counts[run.trial] = counts.get(run.trial, 0) + 1
    return counts


def test_rounds_double_the_seeds_and_halve_the_field() -> None:
    """One seed each, then four trials with 2, then two with 4; one alone races no more."""
    history, _ = play(racing(), 1, noisy)
    counts = sorted(seeds_of(history).values(), reverse=True)
    assert counts == [4, 4, 2, 2] + [1] * 26


def test_leaders_share_their_further_seeds() -> None:
    """So that they are compared pair by pair; none of them is a seed of the confirmation."""
    history, _ = play(racing(), 2, noisy)
    by_trial: dict[int, list[int]] = {}
    for run in history.runs:
        if run.phase is not Phase.CONFIRM:
            by_trial.setdefault(run.trial, []).append(run.seed)
    longest = max(by_trial.values(), key=len)
    assert all(seeds == longest[: len(seeds)] for seeds in by_trial.values())
    assert not {run.seed for run in confirm_runs(history)} & set(longest)


def test_the_winner_is_the_best_of_those_with_most_seeds() -> None:
    """Not the trial with the luckiest first seed."""
    history, _ = play(racing(), 3, noisy)
    counts = seeds_of(history)
    winner = rank_trials(history, racing().metric)[0][0]
    assert counts[winner.number] == max(counts.values())
    assert confirm_runs(history)[0].trial == winner.number


def test_without_noise_nobody_is_trained_again_and_again() -> None:
    """The first further seed shows that it makes no difference."""
    history, _ = play(racing(), 4, still)
    assert sorted(seeds_of(history).values(), reverse=True) == [2] * 4 + [1] * 26


def test_a_race_costs_what_was_set_aside() -> None:
    """The search leaves it its updates."""
    spec = racing()
    assert race_cost(spec) == (4 * 1 + 2 * 2) * spec.horizon
    history, _ = play(racing(budget=Budget(trials=100, steps=4_000)), 5, noisy)
    assert sum(run.horizon for run in history.runs if run.phase is not Phase.CONFIRM) == 4_000
    assert sorted(seeds_of(history).values(), reverse=True)[:4] == [4, 4, 2, 2]


def test_no_leaders_no_race() -> None:
    """A study may do without."""
    history, _ = play(racing(leaders=0), 6, noisy)
    assert set(seeds_of(history).values()) == {1}
