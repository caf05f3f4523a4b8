"""The ladder: short horizons first, the better go on, every budget holds whatever the order."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import Phase as Step
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tuning.search.worlds import end, make_spec, play, score, tried
from tuning.records import Budget, Cap, History, Phase, Result, Run, RunState, StudySpec, Trial
from tuning.search.policy import Conclude, Generation, Wait, decide, least_steps
from tuning.search.policy.ladder import Rise, rung_horizons

RUNGS = (0.25, 0.5)
STATES = (RunState.COMPLETED, RunState.DIVERGED, RunState.FAILED)


def shorter_is_worse(trial: Trial, run: Run) -> Result:
    """A world in which a shorter training ends higher, and peaks above 0.5 diverge."""
    found = end(trial, run)
    if found.state is not RunState.COMPLETED:
        return found
    value = score(trial, run.seed) * (trial.schedule.horizon / run.horizon) ** 0.5
    return Result(RunState.COMPLETED, {split: {"loss": value} for split in run.splits})


def laddered(**changes: object) -> StudySpec:
    """A study with two rungs."""
    return make_spec(**{"rungs": RUNGS, "budget": Budget(trials=30), **changes})


def spent(history: History) -> int:
    """Updates of all phases but the confirmation."""
    return sum(run.horizon for run in history.runs if run.phase is not Phase.CONFIRM)


def test_rungs_are_whole_updates_below_the_horizon() -> None:
    """A rung that rounds to another, to nothing or to the horizon is none."""
    assert rung_horizons((0.25, 0.5), 100) == (25, 50)
    assert rung_horizons((0.1, 0.25, 0.9), 2) == (1,)
    assert rung_horizons((0.5,), 1) == ()


def test_the_peak_rises_with_a_shorter_horizon_up_to_the_cap() -> None:
    """By the power 0.4 of the shortening, and never falls."""
    rise = Rise(0.4, 1.0)
    assert rise.factor(0.01, 4.0) == pytest.approx(4.0**0.4)
    assert 0.9 * rise.factor(0.9, 4.0) == pytest.approx(1.0)
    assert rise.factor(2.0, 4.0) == 1.0


def test_a_trial_climbs_rung_by_rung_and_is_decided_once() -> None:
    """No trial skips a rung but a baseline, which goes from the first to the last."""
    spec = laddered()
    history, decision = play(spec, 1, shorter_is_worse)
    assert decision == Conclude()
    climbed: dict[int, list[int]] = {}
    for run in history.runs:
        if run.phase is not Phase.CONFIRM and run.seed == history.runs[0].seed:
            climbed.setdefault(run.trial, []).append(run.horizon)
    for number, horizons in climbed.items():
        allowed = (25, 100) if history.trials[number].phase is Phase.BASELINE else (25, 50, 100)
        assert tuple(horizons) == allowed[: len(horizons)]
    counts = Counter(len(horizons) for horizons in climbed.values())
    assert counts[1] > counts[2] + counts[3] > 0
    dropped = [number for number in climbed if climbed[number][-1] < 100]
    diverged = {number for number in dropped if history.trials[number].schedule.peak > 0.5}
    assert set(history.pruned) == set(dropped) - diverged


def test_the_better_go_on() -> None:
    """Whoever was promoted was not worse at its rung than whoever was dropped with it."""
    history, _ = play(laddered(), 2, shorter_is_worse)
    promoted = {run.trial for run in history.runs if run.horizon == 50}
    assert promoted
    for number, generation in history.pruned.items():
        trial = history.trials[number]
        rivals = [
            history.trials[run.trial]
            for run in history.runs
            if run.horizon == 50 and run.generation == generation and run.phase is Phase.SEARCH
        ]
        if trial.phase is Phase.SEARCH and number not in promoted:
            assert all(score(rival, 0) <= score(trial, 0) for rival in rivals)


def test_every_baseline_gets_the_same_short_runs_and_one_long_one() -> None:
    """Its best peak at the rung, over the full horizon."""
    spec = laddered()
    history, _ = play(spec, 3, shorter_is_worse)
    for family in spec.baselines:
        tried = [
            trial
            for trial in history.trials
            if trial.phase is Phase.BASELINE and trial.params["family"] == family
        ]
        assert len(tried) == spec.baseline_peaks
        long = {
            run.trial for run in history.runs if run.horizon == 100 and run.phase is Phase.BASELINE
        }
        best = min(tried, key=lambda trial: score(trial, 0))
        assert {trial.number for trial in tried} & long == {best.number}


def test_short_runs_have_raised_peaks_and_long_ones_do_not() -> None:
    """And the raised peak stays below the end of the range."""
    history, _ = play(laddered(), 4, shorter_is_worse)
    for run in history.runs:
        peak = history.trials[run.trial].schedule.peak
        assert run.peak_factor >= 1.0
        assert peak * run.peak_factor <= max(peak, 1.0) * (1 + 1e-12)
        if run.horizon == 100:
            assert run.peak_factor == 1.0


def drawn(seed: int) -> Callable[[Trial, Run], Result]:
    """A world in which some runs fail or diverge, always the same ones."""

    def outcome(trial: Trial, run: Run) -> Result:
        place = (31 * trial.number + 7 * run.horizon + run.seed + seed) % 11
        state = STATES[place] if place in {1, 2} else RunState.COMPLETED
        if state is not RunState.COMPLETED:
            return Result(state, reason="drawn")
        return shorter_is_worse(trial, run)

    return outcome


@settings(max_examples=15, deadline=None, phases=(Step.explicit, Step.reuse, Step.generate))
@given(
    world=st.integers(0, 99),
    first=st.integers(0, 99),
    second=st.integers(0, 99),
    seed=st.integers(0, 9),
    room=st.integers(0, 6_000),
    rungs=st.sampled_from([(), (0.25, 0.5), (0.5,)]),
    leaders=st.sampled_from([0, 3]),
    cap=st.sampled_from([Cap.GIVEN, Cap.SOFT]),
)
def test_any_order_of_results_gives_the_same_study_within_its_budget(
    world: int,
    first: int,
    second: int,
    seed: int,
    room: int,
    rungs: tuple[float, ...],
    leaders: int,
    cap: Cap,
) -> None:
    """Bit for bit the same trials, runs and drops; not an update more than the budget."""
    plain = make_spec(
        rungs=rungs,
        seed=seed,
        sampler="random",
        leaders=leaders,
        leader_seeds=6,
        cap=cap,
        probe_steps=20,
    )
    steps = least_steps(plain) + room
    spec = replace(plain, budget=Budget(trials=60, steps=steps))
    one, ending = play(spec, first, drawn(world))
    other, again = play(spec, second, drawn(world))
    assert (one.trials, one.runs, one.pruned) == (other.trials, other.runs, other.pruned)
    assert ending == again
    assert spent(one) <= steps
    assert len(tried(one)) <= 60
    assert [run.index for run in one.runs if run.generation == 1] == list(
        range(sum(run.generation == 1 for run in one.runs))
    )
    generations = [run.generation for run in one.runs]
    assert all(b - a in {0, 1} for a, b in pairwise(generations))


@pytest.mark.parametrize("batch", [1, pytest.param(4, marks=pytest.mark.full), 64])
@pytest.mark.parametrize("cap", [Cap.GIVEN, Cap.SOFT])
@pytest.mark.parametrize("leaders", [0, 3])
def test_the_smallest_budgets_take_one_searched_schedule_all_the_way(
    batch: int, cap: Cap, leaders: int
) -> None:
    """However many are begun at once, and whether or not a race could lend its updates."""
    plain = laddered(
        sampler="random", batch=batch, leaders=leaders, leader_seeds=6, cap=cap, probe_steps=20
    )
    least = least_steps(plain)
    for room in (0, 10, 50, 100, 200, 333, 500, 1_000):
        spec = replace(plain, budget=Budget(trials=60, steps=least + room))
        history, _ = play(spec, 7, shorter_is_worse)
        assert spent(history) <= least + room
        searched = [run for run in history.runs if run.phase is Phase.SEARCH]
        assert max(run.horizon for run in searched) == spec.horizon


def test_a_generation_sees_results_two_generations_old() -> None:
    """With rungs as without: younger results change nothing, older ones are waited for."""
    spec = laddered(sampler="random")
    history, _ = play(spec, 5, shorter_is_worse)
    for number in range(2, 7):
        known = history.up_to(number - 1, number - 2)
        more = history.up_to(number - 1, number - 1)
        proposed = decide(spec, known)
        assert isinstance(proposed, Generation)
        assert decide(spec, more) == proposed
        assert decide(spec, history.up_to(number - 1, number - 3)) == Wait()


def test_no_more_than_the_share_goes_on_even_if_proposals_get_better() -> None:
    """Of those that completed a rung, rounded up."""

    def improving(trial: Trial, run: Run) -> Result:
        value = 10.0 * 0.97**trial.number
        return Result(RunState.COMPLETED, {split: {"loss": value} for split in run.splits})

    spec = laddered(sampler="random", budget=Budget(trials=60), promote=0.25, baselines=())
    history, _ = play(spec, 6, improving)
    reached = {
        horizon: {
            run.trial
            for run in history.runs
            if run.horizon == horizon and run.phase is Phase.SEARCH
        }
        for horizon in (25, 50, 100)
    }
    assert 0 < len(reached[50]) <= 0.25 * len(reached[25]) + 1
    assert 0 < len(reached[100]) <= 0.25 * len(reached[50]) + 1


@pytest.mark.parametrize("steps", [None, 3_000, 4_321])
def test_a_search_that_does_not_climb_trains_in_full_and_tunes_baselines_over_the_first_rung(
    steps: int | None,
) -> None:
    """Every searched schedule begins and ends at the horizon; the budget in updates holds."""
    spec = laddered(climb=False, budget=Budget(trials=30, steps=steps))
    history, decision = play(spec, 1, shorter_is_worse)
    assert decision == Conclude()
    searched = [run for run in history.runs if run.phase is Phase.SEARCH]
    assert {run.horizon for run in searched} == {100}
    assert {run.peak_factor for run in searched} == {1.0}
    baselines = [run for run in history.runs if run.phase is Phase.BASELINE]
    peaks = Counter(run.horizon for run in baselines)
    assert peaks == {25: 2 * 3 * spec.seeds, 100: 2 * spec.seeds}
    assert not history.pruned.keys() & {run.trial for run in searched}
    if steps is not None:
        assert spent(history) <= steps
        assert spent(history) > steps - 2 * spec.batch * spec.seeds * spec.horizon
    else:
        assert len(tried(history)) == 30
