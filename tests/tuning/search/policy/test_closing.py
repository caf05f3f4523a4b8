"""Closing: once the time is up nothing is searched any more, and what is known is confirmed."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.tuning.search.worlds import make_spec, play, tried
from tuning.constraints import parse
from tuning.evidence import rank_trials
from tuning.execution import Inline
from tuning.records import Budget, History, Phase, Result, RunState
from tuning.search.policy import Generation, GiveUp, Wait, decide
from tuning.search.policy.observations import observe
from tuning.search.space import narrow
from tuning.study import run_study, specify


def test_a_closed_search_waits_for_what_runs_and_confirms() -> None:
    """No new trial, no promotion, no race; the reason is told."""
    spec = make_spec(rungs=(0.5,), leaders=4, leader_seeds=8)
    history, _ = play(spec, 1)
    closed = replace(history.up_to(4, 3), closed_from=5)
    assert decide(spec, closed) == Wait()
    closed = replace(history.up_to(4, 4), closed_from=5)
    confirmation = decide(spec, closed)
    assert isinstance(confirmation, Generation)
    assert confirmation.is_confirmation
    assert (confirmation.trials, confirmation.reason) == ((), "the search's time was up")
    further = {run.trial for run in closed.runs if run.horizon == 100}
    bad = {
        run.trial
        for run in closed.runs
        if closed.results[run.generation, run.index].state is not RunState.COMPLETED
    }
    at_rung = {trial.number for trial in tried(closed)} - further - bad - set(closed.pruned)
    assert at_rung
    assert set(confirmation.pruned) == at_rung


def test_a_leader_whose_further_seeds_were_cancelled_keeps_its_score() -> None:
    """A run that was dropped says nothing about a schedule."""
    spec = make_spec(seeds=1, leaders=4, leader_seeds=8, budget=Budget(trials=20))
    history, _ = play(spec, 2)
    race = min(run.generation for run in history.runs if run.seed != history.runs[0].seed)
    known = history.up_to(race, race - 1)
    dropped = {
        (run.generation, run.index): Result(RunState.CANCELLED)
        for run in known.runs
        if run.generation == race
    }
    closed = replace(known, results={**known.results, **dropped}, closed_from=race + 1)
    assert isinstance(decide(spec, closed), Generation)


def test_a_goal_that_is_reached_ends_the_search_and_says_so() -> None:
    """On all paired seeds; nothing is proposed or raced after that, whatever the budget allows."""
    spec = make_spec(budget=Budget(trials=60), goal=1.1, leaders=4, leader_seeds=8)
    history, _ = play(spec, 1)
    (number,) = {run.generation for run in history.runs if run.phase is Phase.CONFIRM} & {
        min(run.generation for run in history.runs if run.phase is Phase.CONFIRM)
    }
    told = decide(spec, history.up_to(number - 1, number - 1))
    assert isinstance(told, Generation)
    assert told.reason.startswith("schedule ")
    assert told.reason.endswith("and the goal is 1.1")
    assert len(tried(history)) < 60
    (best, score), *_ = rank_trials(history, spec.metric)
    assert score <= 1.1
    assert f"schedule {best.number} " in told.reason or len(tried(history)) > best.number
    again, _ = play(spec, 9)
    assert (again.trials, again.runs) == (history.trials, history.runs)


def test_a_goal_out_of_reach_changes_nothing() -> None:
    """Nor does none."""
    plain, _ = play(make_spec(), 1)
    far, _ = play(make_spec(goal=0.1), 1)
    assert (far.trials, far.runs) == (plain.trials, plain.runs)


def test_a_cancelled_trial_says_nothing_about_its_schedule() -> None:
    """It is not ranked, though a seed of it ended well, nor told to the sampler as a bad one."""
    spec = make_spec(seeds=2)
    history, _ = play(spec, 1)
    best = rank_trials(history, spec.metric)[0][0]
    own = [run for run in history.runs if run.trial == best.number]
    dropped = {(own[1].generation, own[1].index): Result(RunState.CANCELLED)}
    at = own[0].generation + 1
    known = replace(
        history, results={**history.results, **dropped}, pruned={**history.pruned, best.number: at}
    )
    assert best.number not in {trial.number for trial, _ in rank_trials(known, spec.metric)}
    told = [one for one in observe(spec, known) if one.params["peak"] == best.schedule.peak]
    assert told
    assert not any(one.is_bad or one.value is not None for one in told)


def test_a_search_closed_before_it_began_has_nothing_to_confirm() -> None:
    """It gives up, saying so, and why it was closed."""
    decision = decide(make_spec(), History(closed_from=0))
    assert isinstance(decision, GiveUp)
    nothing = "no trial completed, for none was proposed"
    assert decision.reason == f"the search's time was up, and {nothing}"
    stopped = decide(make_spec(), History(closed_from=0, closed_because="it was stopped"))
    assert isinstance(stopped, GiveUp)
    assert stopped.reason == f"it was stopped, and {nothing}"


def test_constraints_that_nothing_satisfies_leave_nothing_to_confirm() -> None:
    """Whether any schedule does, only a search can tell; it says where to look."""
    space = narrow(("linear", "cosine"), (1e-4, 1.0), {}, {})
    space = replace(space, constraints=parse(["first_lr >= 1e9"]))
    spec = make_spec(space=space, baselines=("linear",), sampler="random")
    history, decision = play(spec, 1)
    assert history.runs == ()
    assert isinstance(decision, GiveUp)
    assert decision.reason.endswith("see whether constraints leave any")


def ticking(step: float) -> Iterator[float]:
    """A clock that moves on by `step` whenever it is looked at."""
    now = 0.0
    while True:
        yield now
        now += step


@pytest.mark.parametrize(("seconds", "generations"), [(2.5, 2), (1.5, 1)])
def test_a_study_in_memory_begins_no_generation_after_its_time(
    seconds: float, generations: int
) -> None:
    """The clock is the caller's; the confirmation follows."""
    spec = specify(
        "noisy_quadratic",
        horizon=40,
        rungs=(),
        baselines=(),
        seeds=1,
        confirm_seeds=2,
        sampler="random",
        budget=Budget(trials=40, seconds=seconds),
    )
    clock = ticking(1.0)
    outcome = run_study(spec, Inline(), clock=lambda: next(clock))
    searched = {run.generation for run in outcome.history.runs if run.phase is not Phase.CONFIRM}
    assert len(searched) == generations
    assert outcome.verdict is not None
