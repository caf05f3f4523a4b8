"""The plan: two sets, growth by widths alone, and a budget that holds exactly."""

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tuning.evidence.playing import Value, play
from tests.tuning.evidence.stories import HORIZON, Tried, finished, spec_for
from tuning.constraints import parse
from tuning.evidence import arm_trials, evidence_steps, plan_confirmation
from tuning.evidence.arms import HELD_OUT, is_measuring, is_variant, second_set
from tuning.records import History, Phase, Result, Run, RunState, StudySpec, Trial
from tuning.search.space import narrow

TRIED = (
    Tried("wsd", 1.00, 0.02, is_baseline=False),
    Tried("constant", 1.20),
    Tried("cosine", 1.30),
)
ARMS = 3


def noisy(size: float) -> Value:
    """A world in which a run's loss has that relative noise, its own at every seed."""

    def value(trial: Trial, run: Run) -> float:
        level = {"wsd": 1.0, "constant": 1.2}.get(str(trial.params["family"]), 1.3)
        draw = random.Random(f"{trial.params['family']}/{run.seed}").gauss(0.0, 1.0)
        return level * (1.0 + size * draw)

    return value


def kinds(history: History) -> list[str]:
    """What the generations after the search are, in order."""
    found = []
    for generation in range(1, 1 + max(run.generation for run in history.runs)):
        runs = [run for run in history.runs if run.generation == generation]
        is_second = all(is_measuring(run) for run in runs)
        is_changed = all(is_variant(history.trials[run.trial]) for run in runs)
        found.append("second" if is_second else "variants" if is_changed else "first")
    return found


def seeds_of(history: History) -> int:
    """Seeds of the second set."""
    return len(next(iter(second_set(history).values())))


def spent(history: History) -> int:
    """Updates of the evidence."""
    return sum(run.horizon for run in history.runs if run.phase is Phase.CONFIRM)


def test_the_sets_come_in_order_and_the_test_split_is_read_in_the_second_alone() -> None:
    """First set, second set, its growth, variants."""
    spec = spec_for(confirm_seeds=10)
    history, _ = play(spec, finished(*TRIED), noisy(0.05))
    *grown, last = kinds(history)
    assert grown[:3] == ["first", "second", "second"]
    assert set(grown[1:]) == {"second"}
    assert last == "variants"
    confirmed = [run for run in history.runs if run.phase is Phase.CONFIRM]
    assert {HELD_OUT in run.splits for run in confirmed if is_measuring(run)} == {True}
    assert not any(HELD_OUT in run.splits for run in confirmed if not is_measuring(run))
    first_read = min(run.generation for run in confirmed if is_measuring(run))
    assert all(run.generation >= first_read for run in confirmed if HELD_OUT in run.splits)


def test_quiet_studies_stop_at_the_first_size_and_noisy_ones_grow() -> None:
    """Until the half-width is below what is worthwhile."""
    spec = spec_for(confirm_seeds=10)
    sizes = []
    for noise in (1e-4, 0.008, 0.05):
        history, _ = play(spec, finished(*TRIED), noisy(noise))
        sizes.append(seeds_of(history))
    assert sizes[0] == 10
    assert sizes == sorted(sizes)
    assert sizes[2] > 20


def test_the_growth_does_not_depend_on_where_the_intervals_lie() -> None:
    """Shifted and mirrored differences of the same widths get the same seeds."""
    spec = spec_for(confirm_seeds=10, worthwhile=0.005)

    def shifted(shift: float, sign: float) -> int:
        def value(trial: Trial, run: Run) -> float:
            draw = random.Random(f"{trial.params['family']}/{run.seed}").gauss(0.0, 1.0)
            lead = shift if trial.params["family"] == "wsd" else 0.0
            return 1.0 + lead + sign * 0.004 * draw

        only = finished(TRIED[0], replace(TRIED[1], score=5.0))
        cut = replace(spec, baselines=("constant",), evidence_budget=60 * HORIZON)
        history, _ = play(cut, only, value)
        return seeds_of(history)

    assert len({shifted(0.0, 1.0), shifted(-0.2, 1.0), shifted(0.2, 1.0)}) == 1


def test_every_arm_gets_the_same_seeds_and_no_run_twice() -> None:
    """Results are by arm and seed: a round adds new seeds only."""
    spec = spec_for(confirm_seeds=6)
    history, _ = play(spec, finished(*TRIED), noisy(0.05))
    pairs = [(run.trial, run.seed) for run in history.runs if run.phase is Phase.CONFIRM]
    assert len(set(pairs)) == len(pairs)
    seeds = [tuple(ends) for ends in second_set(history).values()]
    assert len(seeds) == ARMS
    assert len(set(seeds)) == 1


@settings(max_examples=30, deadline=None)
@given(budget=st.integers(0, 400), noise=st.sampled_from([0.0, 0.004, 0.05]))
def test_the_budget_holds_exactly(budget: int, noise: float) -> None:
    """Never a run beyond it, once it pays for the first size at all."""
    least = ARMS * 4 * HORIZON
    spec = spec_for(confirm_seeds=4, evidence_budget=least + budget * HORIZON // 4)
    history, plans = play(spec, finished(*TRIED), noisy(noise))
    assert spent(history) <= evidence_steps(spec)
    assert seeds_of(history) >= 4
    for plan in plans:
        assert [run.index for run in plan.runs] == list(range(len(plan.runs)))
        assert len({(run.generation, run.horizon, run.splits) for run in plan.runs}) == 1


def test_the_least_budget_buys_the_second_set_and_nothing_else() -> None:
    """It is what the verdict cannot do without."""
    spec = spec_for(confirm_seeds=4, evidence_budget=ARMS * 4 * HORIZON)
    history, _ = play(spec, finished(*TRIED), noisy(0.05))
    assert kinds(history) == ["second"]


def test_where_seeds_make_no_difference_there_is_no_first_set_and_no_growth() -> None:
    """An exact objective is its own proof."""
    spec = spec_for(seeds=2, confirm_seeds=4)
    history = finished(*TRIED)
    again = tuple(replace(run, index=50 + run.index, seed=2) for run in history.runs)
    results = {(run.generation, run.index): history.results[0, run.trial] for run in again}
    twice = replace(history, runs=(*history.runs, *again), results={**history.results, **results})
    done, _ = play(spec, twice, noisy(0.0))
    assert kinds(done) == ["second", "variants"]
    assert seeds_of(done) == 4


def test_growth_ends_where_blocks_dominate() -> None:
    """More seeds would not narrow what the choice of the blocks leaves open."""
    spec = spec_for(confirm_seeds=4)

    def on_blocks(trial: Trial, run: Run) -> Result:
        base = 1.0 + 1e-4 * (run.seed % 13)
        tilt = 0.3 if trial.params["family"] == "wsd" else 0.0
        blocks = tuple(base + tilt * (block - 3.5) for block in range(8))
        metrics = {split: {"loss": sum(blocks) / 8} for split in run.splits}
        return Result(RunState.COMPLETED, metrics, {"validation": blocks})

    history, _ = play(spec, finished(*TRIED), on_blocks)
    assert seeds_of(history) == 4


def test_the_plan_is_a_pure_function() -> None:
    """Asked twice, it answers the same; nothing is left when no trial completed."""
    spec = spec_for(confirm_seeds=4)
    history = finished(*TRIED)
    assert plan_confirmation(spec, history, 1) == plan_confirmation(spec, history, 1)
    assert plan_confirmation(spec, History(), 1) is None


def test_variants_stay_within_the_range_of_the_study() -> None:
    """An objective may forbid a peak beyond it."""
    spec = spec_for(confirm_seeds=4)
    high = spec.space.parameters["peak"].high
    edge = replace(TRIED[0], peak=0.9 * high)
    history, _ = play(spec, finished(edge, *TRIED[1:]), noisy(0.001))
    variants = [trial for trial in history.trials if is_variant(trial)]
    peaks = {trial.schedule.peak for trial in variants} - {0.9 * high}
    assert sorted(peaks) == pytest.approx([0.45 * high])
    numbers = [trial.number for trial in history.trials]
    assert all(b == a + 1 for a, b in pairwise(numbers))
    assert arm_trials(spec, history)[0].number == 0


@pytest.mark.parametrize(
    ("ranges", "fixed", "constraint", "changed"),
    [
        ({}, {}, "final_lr <= 0.015", {("peak", 0.005), ("warmup", 0.05)}),
        ({}, {}, "warmup <= 0.04", {("peak", 0.005), ("peak", 0.02)}),
        ({"warmup": (0.0, 0.04)}, {}, None, {("peak", 0.005), ("peak", 0.02)}),
        ({}, {"warmup": 0.0}, None, {("peak", 0.005), ("peak", 0.02)}),
    ],
)
def test_variants_keep_what_a_user_demands_of_every_schedule(
    ranges: dict[str, tuple[float, float]],
    fixed: dict[str, float],
    constraint: str | None,
    changed: set[tuple[str, float]],
) -> None:
    """A narrowed or fixed warmup, and constraints, also those on a learning rate."""
    constraints = parse([constraint] if constraint else [])
    space = narrow(("constant", "cosine"), (1e-4, 1.0), ranges, fixed, constraints)
    spec = spec_for(space=space, confirm_seeds=4)
    winner = Tried("constant", 1.0, 0.01, is_baseline=False)
    history, _ = play(spec, finished(winner, *TRIED[1:]), noisy(0.001))
    base = history.trials[0].params
    found = {
        (name, value)
        for trial in history.trials
        if is_variant(trial)
        for name, value in trial.params.items()
        if value != base[name]
    }
    assert found == changed


def test_the_default_budget_is_four_times_the_first_size() -> None:
    """Over every arm there may be."""
    spec: StudySpec = spec_for(confirm_seeds=10)
    assert evidence_steps(spec) == 4 * (1 + len(spec.baselines)) * 10 * HORIZON
    assert evidence_steps(replace(spec, evidence_budget=7)) == 7
