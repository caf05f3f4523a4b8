"""Stop: a search whose differences drown in noise ends early, one that still learns does not."""

import math
import random

from tests.tuning.search.worlds import confirm_runs, make_spec, play, tried
from tuning.records import Budget, Phase, Result, Run, RunState, StudySpec, Trial
from tuning.search.policy import Conclude, Generation, decide
from tuning.search.policy.stop import noise_of_best, stop_reason


def lossy(trial: Trial, run: Run, slope: float, noise: float) -> Result:
    """A loss that the peak matters for by `slope`, with independent noise of every training."""
    drawn = random.Random(f"{trial.number} {run.seed}").gauss(0.0, noise)
    value = math.exp(slope * abs(math.log(trial.schedule.peak / 0.01)) + drawn)
    return Result(RunState.COMPLETED, {split: {"loss": value} for split in run.splits})


def flat(trial: Trial, run: Run) -> Result:
    """No schedule is better than another; only seeds differ."""
    return lossy(trial, run, 0.0, 0.05)


def steep(trial: Trial, run: Run) -> Result:
    """The peak matters a lot, and seeds hardly."""
    return lossy(trial, run, 0.5, 1e-4)


def stopping(**changes: object) -> StudySpec:
    """A study that may end early, of 48 trials on two seeds."""
    plain = {"early_stop": True, "sampler": "random", "budget": Budget(trials=48)}
    return make_spec(**{**plain, **changes})


def test_a_search_without_anything_to_find_ends_early_and_says_why() -> None:
    """Twenty-four or thirty-two schedules are enough to see it."""
    spec = stopping()
    history, decision = play(spec, 1, flat)
    assert decision == Conclude()
    assert 24 <= len(tried(history)) < 48
    first = confirm_runs(history)[0].generation
    before = history.up_to(first - 1, first - 1)
    confirmation = decide(spec, before)
    assert isinstance(confirmation, Generation)
    assert "less than the noise of its best" in confirmation.reason


def test_a_search_that_still_learns_goes_on() -> None:
    """Its budget is used."""
    history, _ = play(stopping(), 2, steep)
    assert len(tried(history)) == 48


def test_a_study_may_forbid_it() -> None:
    """Then the budget alone ends the search."""
    history, _ = play(stopping(early_stop=False), 3, flat)
    assert len(tried(history)) == 48


def test_the_answer_does_not_change_afterwards() -> None:
    """It rests on what a generation saw, not on what came later."""
    spec = stopping()
    history, _ = play(spec, 4, flat)
    reason = stop_reason(spec, history)
    assert reason
    last = max(run.generation for run in history.runs if run.phase is not Phase.CONFIRM)
    assert stop_reason(spec, history.up_to(last, last - 1)) == reason


def test_the_noise_is_what_seeds_do_not_share() -> None:
    """Close to 0.05 over the root of two seeds; unknown while little is scored."""
    spec = stopping(early_stop=False, budget=Budget(trials=200), seeds=2)
    history, _ = play(spec, 5, flat)
    noise = noise_of_best(spec, history)
    assert noise is not None
    assert 0.04 / math.sqrt(2) < noise < 0.06 / math.sqrt(2)
    assert noise_of_best(spec, history.up_to(1, 0)) is None
    assert noise_of_best(stopping(seeds=1), history) is None
