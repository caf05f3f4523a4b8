"""The policy: the same study whatever the order of results, and budgets kept exactly."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.tuning.search.worlds import HELD_OUT, confirm_runs, make_spec, play, tried
from tuning.constraints import parse
from tuning.evidence import evidence_steps
from tuning.records import Budget, History, Phase, Result, RunState, StudySpec
from tuning.search.policy import (
    Conclude,
    Generation,
    GiveUp,
    Wait,
    decide,
    expected_runs,
    trial_limit,
)
from tuning.search.samplers import SAMPLERS
from tuning.search.space import DEFAULT_FAMILIES, contains, narrow


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_order_of_results_does_not_matter(sampler: str) -> None:
    """Three workers or one, quick or slow: the same trials and runs, bit for bit."""
    spec = make_spec(sampler=sampler)
    first, _ = play(spec, order=1)
    second, _ = play(spec, order=2)
    assert first.trials == second.trials
    assert first.runs == second.runs


def test_another_seed_gives_another_study() -> None:
    """The seed decides everything random, so another one shows."""
    first, _ = play(make_spec(seed=1), order=1)
    second, _ = play(make_spec(seed=2), order=1)
    assert first.trials != second.trials


def test_the_trial_budget_is_kept_exactly() -> None:
    """As many distinct schedules as the budget says, numbered without a gap."""
    spec = make_spec(budget=Budget(trials=19))
    history, decision = play(spec, order=3)
    assert [trial.number for trial in tried(history)] == list(range(19))
    assert len({trial.schedule.identity for trial in tried(history)}) == 19
    assert decision == Conclude()
    searched = [run for run in history.runs if run.phase is not Phase.CONFIRM]
    assert len(searched) == 19 * spec.seeds
    assert len(searched) == expected_runs(spec) - (1 + len(spec.baselines)) * spec.confirm_seeds


def test_the_step_budget_is_kept_and_confirmation_has_its_own() -> None:
    """Updates of all phases but the confirmation fit, and one more schedule would not."""
    spec = make_spec(budget=Budget(trials=1000, steps=4_000))
    history, _ = play(spec, order=4)
    searched = sum(run.horizon for run in history.runs if run.phase is not Phase.CONFIRM)
    assert searched <= 4_000 < searched + spec.seeds * spec.horizon
    assert sum(run.horizon for run in confirm_runs(history)) <= evidence_steps(spec)
    assert len(tried(history)) == trial_limit(spec)


def test_baselines_are_tuned_at_equally_many_peaks() -> None:
    """As many as the study says, each once."""
    spec = make_spec()
    history, _ = play(spec, order=5)
    peaks = {
        family: sorted(
            trial.schedule.peak
            for trial in history.trials
            if trial.phase is Phase.BASELINE and trial.params["family"] == family
        )
        for family in spec.baselines
    }
    assert {len(set(found)) for found in peaks.values()} == {spec.baseline_peaks}


def test_baselines_and_search_alternate() -> None:
    """Neither waits for the other to finish."""
    history, _ = play(make_spec(), order=6)
    phases = [trial.phase for trial in history.trials[:6]]
    assert phases == [Phase.BASELINE, Phase.SEARCH] * 3


def test_every_searched_trial_lies_in_the_space() -> None:
    """A narrowed and partly fixed space is respected."""
    space = narrow(("cosine", "wsd"), (1e-3, 1e-1), {"warmup": (0.0, 0.05)}, {"floor": 0.0})
    history, _ = play(make_spec(space=space), order=7)
    searched = [trial for trial in history.trials if trial.phase is Phase.SEARCH]
    assert searched
    assert all(contains(space, trial.params) for trial in searched)
    assert {trial.params["floor"] for trial in searched} == {0.0}


def test_trials_share_their_seeds_and_confirmation_uses_fresh_ones() -> None:
    """Pairing needs common seeds; honesty needs seeds the search has not seen."""
    history, _ = play(make_spec(), order=8)
    by_trial = {
        trial.number: [
            run.seed
            for run in history.runs
            if run.trial == trial.number and run.phase is not Phase.CONFIRM
        ]
        for trial in tried(history)
    }
    assert len({tuple(seeds) for seeds in by_trial.values()}) == 1
    fresh = {run.seed for run in confirm_runs(history)}
    assert not fresh & set(by_trial[0])


def test_only_confirmation_reads_the_test_split() -> None:
    """The held-out split is read by the winner and the tuned baselines alone, on common seeds."""
    spec = make_spec()
    history, _ = play(spec, order=9)
    reading = [run for run in history.runs if HELD_OUT in run.splits]
    assert all(run.phase is Phase.CONFIRM for run in reading)
    seeds: dict[int, list[int]] = {}
    for run in reading:
        seeds.setdefault(run.trial, []).append(run.seed)
    assert len({tuple(one) for one in seeds.values()}) == 1
    assert len(seeds) <= 1 + len(spec.baselines)
    assert len(seeds[reading[0].trial]) >= spec.confirm_seeds


def test_a_generation_sees_nothing_younger_than_two_generations() -> None:
    """Adding results of the generation before changes nothing that is proposed."""
    spec = make_spec()
    history, _ = play(spec, order=10)
    known = history.up_to(proposals=3, results=2)
    more = history.up_to(proposals=3, results=3)
    proposed = decide(spec, known)
    assert isinstance(proposed, Generation)
    assert proposed.number == 4
    assert decide(spec, more) == proposed
    assert decide(spec, history.up_to(proposals=3, results=1)) == Wait()


def test_search_learns_from_results() -> None:
    """Later proposals lie nearer to the best peak than random ones do."""
    spec = make_spec(budget=Budget(trials=60), seed=3)
    history, _ = play(spec, order=11)
    searched = [trial for trial in history.trials if trial.phase is Phase.SEARCH]
    late = sorted(trial.schedule.peak for trial in searched[-20:])
    assert 0.003 <= late[10] <= 0.03


@pytest.mark.parametrize(
    ("peaks", "trials", "steps", "reason"),
    [
        ((0.01, 0.01), 30, None, "the space holds no further schedule that is new"),
        ((0.01, 0.01), 30, 9_000, "the space holds no further schedule that is new"),
        ((1e-4, 1.0), 30, 3_000, "the budget of 3,000 updates allows no further schedule"),
        ((1e-4, 1.0), 10, 9_000, "all 10 schedules of the budget were tried"),
    ],
)
def test_the_search_tells_why_it_ended(
    peaks: tuple[float, float], trials: int, steps: int | None, reason: str
) -> None:
    """Schedules, updates or the space, whichever there was no more of; a race changes nothing."""
    spec = make_spec(
        space=narrow(("constant",), peaks, {}, {"warmup": 0.0}),
        sampler="random",
        baselines=("linear", "cosine"),
        baseline_peaks=1,
        leaders=2,
        leader_seeds=6,
        budget=Budget(trials, steps),
    )
    history, decision = play(spec, order=14)
    assert decision == Conclude()
    number = confirm_runs(history)[0].generation
    confirmation = decide(spec, history.up_to(number - 1, number - 1))
    assert isinstance(confirmation, Generation)
    assert confirmation.reason == reason
    raced = {run.seed for run in history.runs if run.phase is not Phase.CONFIRM}
    assert len(raced) > spec.seeds


def test_a_space_of_one_schedule_ends_the_search_early() -> None:
    """When nothing new is left to propose, the study goes on to confirm instead of repeating."""
    space = narrow(("constant",), (0.01, 0.01), {}, {"warmup": 0.0})
    spec = make_spec(space=space, baselines=(), baseline_peaks=1)
    history, decision = play(spec, order=12)
    assert len(tried(history)) == 1
    assert decision == Conclude()


@pytest.mark.parametrize(
    ("sampler", "constraint", "batch"),
    [("grid", None, 16), ("grid", "final_lr <= 1e-5", 64), ("qmc", "final_lr <= 1e-5", 64)],
)
def test_a_sequence_goes_on_past_what_is_refused(
    sampler: str, constraint: str | None, batch: int
) -> None:
    """What a constraint forbids or what was tried stands before the new in every generation."""
    constraints = parse([constraint] if constraint else [])
    spec = make_spec(
        sampler=sampler,
        space=narrow(DEFAULT_FAMILIES, (1e-4, 1.0), {}, {}, constraints),
        budget=Budget(trials=170),
        baselines=("linear", "cosine"),
        batch=batch,
        seeds=1,
    )
    history, _ = play(spec, order=16)
    assert len(tried(history)) == 170


def test_a_study_in_which_nothing_completes_gives_up_with_the_reason() -> None:
    """There is no winner to confirm, and the user learns why."""
    space = narrow(("constant", "cosine"), (0.6, 1.0), {}, {})
    _, decision = play(make_spec(space=space), order=13)
    assert isinstance(decision, GiveUp)
    assert "no trial completed" in decision.reason
    assert "1e3 times" in decision.reason


def test_failed_runs_do_not_stop_a_study() -> None:
    """A generation whose every run failed counts as known, and the next one follows."""
    spec = make_spec()
    first = decide(spec, History())
    assert isinstance(first, Generation)
    failed = Result(RunState.FAILED, reason="its worker died")
    history = History(
        first.trials, first.runs, {(run.generation, run.index): failed for run in first.runs}
    )
    assert isinstance(decide(spec, history), Generation)


def failing(spec: StudySpec, generations: int, reasons: Sequence[str]) -> History:
    """A history whose runs all failed, with these reasons in turn."""
    history = History()
    for _ in range(generations):
        proposed = decide(spec, history)
        assert isinstance(proposed, Generation)
        runs = history.runs + proposed.runs
        told = zip(runs, itertools.cycle(reasons), strict=False)
        results = {
            (run.generation, run.index): Result(RunState.FAILED, reason=reason)
            for run, reason in told
        }
        history = History(history.trials + proposed.trials, runs, results)
    return history


def test_a_study_gives_up_when_more_runs_failed_than_may() -> None:
    """Three generations of eight runs each: the third is too much, and three reasons are told."""
    spec = make_spec(max_failures=23)
    history = failing(
        spec, 3, ["ValueError: a\nat line 7", "", "exit 139", "too long", "ValueError: a"]
    )
    assert isinstance(decide(spec, history), Generation)  # it may see 16 of them only
    proposed = decide(spec, history)
    more = replace(
        history, runs=history.runs + proposed.runs, trials=history.trials + proposed.trials
    )
    assert decide(spec, more) == GiveUp(
        "24 runs failed, and 23 may; the first reasons: ValueError: a; no reason told; exit 139"
    )
    assert isinstance(decide(replace(spec, max_failures=24), more), Generation)
    assert isinstance(decide(replace(spec, max_failures=None), more), Generation)


def test_diverged_runs_are_no_failures() -> None:
    """A large learning rate diverges, and that is a result like any other."""
    spec = make_spec(max_failures=0)
    history, decision = play(spec, order=14)
    diverged = [end for end in history.results.values() if end.state is RunState.DIVERGED]
    assert diverged
    assert decision == Conclude()


def test_failures_of_the_confirmation_count_as_well() -> None:
    """No verdict rests on runs of which too many failed."""
    spec = make_spec(max_failures=0)
    history, _ = play(spec, order=15)
    last = confirm_runs(history)[0]
    failed = {(last.generation, last.index): Result(RunState.FAILED, reason="exit 139")}
    broken = replace(history, results={**history.results, **failed})
    assert decide(spec, broken) == GiveUp("1 runs failed, and 0 may; the first reasons: exit 139")
    assert decide(replace(spec, max_failures=1), broken) == Conclude()
