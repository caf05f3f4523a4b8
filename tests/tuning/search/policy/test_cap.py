"""The cap of the peak: estimated by a range test, and able to move when the estimate is wrong."""

import math
from dataclasses import replace

import pytest

from tests.tuning.search.worlds import make_spec, play, tried
from tuning.constraints import parse
from tuning.evidence import rank_trials
from tuning.records import Budget, Cap, History, Phase, Result, Run, RunState, StudySpec, Trial
from tuning.schedules import Schedule
from tuning.search.policy import Conclude, decide
from tuning.search.policy.cap import (
    MOST_DOUBLINGS,
    PROBE_LEVELS,
    PROBE_SEEDS,
    estimated_cap,
    moved_cap,
    probe_cost,
    space_at,
)
from tuning.search.space import narrow

DECLARED = 0.1
FAMILIES = ("linear", "cosine")


def soft(**changes: object) -> StudySpec:
    """A study whose cap is estimated; its declared range ends at 0.1."""
    space = narrow(FAMILIES, (DECLARED / 100, DECLARED), {}, {})
    plain = {
        "space": space,
        "cap": Cap.SOFT,
        "probe_steps": 5,
        "sampler": "random",
        "baselines": ("linear",),
        "budget": Budget(trials=60),
        "max_failures": None,
    }
    return make_spec(**{**plain, **changes})


class World:
    """A loss that is least at a peak and blows up beyond another one."""

    def __init__(self, best: float, limit: float) -> None:
        self._best, self._limit = best, limit

    def __call__(self, trial: Trial, run: Run) -> Result:
        """What a run comes to; the top of a ramp is passed too quickly to diverge at once."""
        peak = trial.schedule.peak * run.peak_factor
        if run.phase is Phase.PROBE:
            loss = 5.0 if peak <= 2 * self._limit else 500.0
        elif peak > self._limit:
            return Result(RunState.DIVERGED, reason="blew up", lr=peak)
        else:
            loss = 1.0 + abs(math.log(peak / self._best)) + (run.seed % 7) * 1e-3
        return Result(RunState.COMPLETED, {split: {"loss": loss} for split in run.splits})


def probes(history: History) -> list[Run]:
    """The runs of the range test."""
    return [run for run in history.runs if run.phase is Phase.PROBE]


def test_the_range_test_comes_first_and_is_charged() -> None:
    """Three heights of one ramp on three seeds, in the first generation."""
    spec = soft()
    history, decision = play(spec, 1, World(0.02, 0.5))
    assert decision == Conclude()
    runs = probes(history)
    assert len(runs) == len(PROBE_LEVELS) * PROBE_SEEDS
    assert {run.generation for run in runs} == {0}
    assert sum(run.horizon for run in runs) == probe_cost(spec) == 45
    assert len({run.seed for run in runs}) == PROBE_SEEDS
    ramp = history.trials[runs[0].trial].schedule
    assert ramp.table()[0] == pytest.approx(DECLARED / 100)
    assert ramp.peak == pytest.approx(4 * DECLARED)


def test_rungs_that_round_to_one_another_are_one_rung() -> None:
    """The cap looks at the rungs there are, not at those that were asked for."""
    history, decision = play(soft(rungs=(0.001, 0.002)), 1, World(0.02, 0.5))
    assert decision == Conclude()
    assert {run.horizon for run in history.runs} == {1, 5, 100}


def test_only_a_soft_cap_is_tested() -> None:
    """What the user gave or the objective declares is kept as it is."""
    for cap in (Cap.GIVEN, Cap.HARD):
        spec = soft(cap=cap)
        history, _ = play(spec, 2, World(0.3, 1.0))
        assert not probes(history)
        assert space_at(spec, history) == spec.space


def test_baselines_wait_for_the_range_test_and_stay_below_the_cap() -> None:
    """None is tried above the estimate, and all at as many peaks."""
    spec = soft(baselines=FAMILIES)
    history, _ = play(spec, 3, World(0.02, 0.04))
    cap = estimated_cap(spec, history)
    assert cap < DECLARED
    grids = {
        family: sorted(
            trial.schedule.peak
            for trial in history.trials
            if trial.phase is Phase.BASELINE and trial.params["family"] == family
        )
        for family in FAMILIES
    }
    assert {len(peaks) for peaks in grids.values()} == {spec.baseline_peaks}
    assert max(map(max, grids.values())) == pytest.approx(cap)
    first = min(trial.generation for trial in history.trials if trial.phase is Phase.BASELINE)
    assert first >= 2


@pytest.mark.parametrize("factor", [3.0, 1.0, 1 / 3])
@pytest.mark.parametrize("seed", range(3))
def test_a_first_estimate_wrong_by_three_either_way_is_mended(factor: float, seed: int) -> None:
    """The best peak is found within x1.5, wherever the declared range ends.

    The best is at 0.05 and everything above 0.1 diverges; the range ends at 0.3, 0.1 or 0.033, and
    there is no range test to help.
    """
    high = 0.1 * factor
    space = narrow(FAMILIES, (high / 100, high), {}, {})
    spec = soft(space=space, probe_steps=0, seed=seed, budget=Budget(trials=80))
    history, _ = play(spec, seed, World(0.05, 0.1))
    best = rank_trials(history, spec.metric)[0][0]
    assert 0.05 / 1.5 <= best.schedule.peak <= 0.05 * 1.5
    late = [trial for trial in tried(history)[-30:] if trial.phase is Phase.SEARCH]
    assert sum(trial.schedule.peak > 0.1 for trial in late) < 0.4 * len(late)


def test_a_range_test_that_blows_up_lowers_the_first_estimate() -> None:
    """Between the highest ramp that trained and the lowest that did not."""
    spec = soft()
    history, _ = play(spec, 4, World(0.01, 0.03))
    assert estimated_cap(spec, history) == pytest.approx(DECLARED / 2)


def test_a_range_test_that_blows_up_never_raises_the_end() -> None:
    """Not even of a range too narrow to halve."""
    space = narrow(FAMILIES, (1e-3, DECLARED), {}, {}, parse(["peak >= 0.08"]))
    spec = soft(space=space)
    history, _ = play(spec, 4, World(0.01, 0.03))
    assert estimated_cap(spec, history) == DECLARED


@pytest.mark.parametrize(("best", "doublings"), [(0.05, 0), (0.09, 1), (0.19, 2), (5.0, 3)])
def test_the_cap_doubles_while_the_best_presses_against_it(best: float, doublings: int) -> None:
    """At most three times, and only when the best peak is within x1.3."""
    spec = soft(probe_steps=0, baselines=())
    first = decide(spec, History())
    history = History(first.trials, first.runs)  # type: ignore[union-attr] # a generation
    trial = history.trials[0]
    pressed = Trial(
        trial.number, 0, Phase.SEARCH, narrowed(trial, best), {**trial.params, "peak": best}
    )
    trials = (pressed, *history.trials[1:])
    results = {
        (run.generation, run.index): Result(
            RunState.COMPLETED,
            {"validation": {"loss": 0.0 if run.trial == pressed.number else 1.0}},
        )
        for run in history.runs
    }
    seen = History(trials, history.runs, results)
    assert moved_cap(spec, seen) == pytest.approx(DECLARED * 2**doublings)
    assert doublings <= MOST_DOUBLINGS


def narrowed(trial: Trial, peak: float) -> Schedule:
    """The schedule of a trial with another peak."""
    return replace(trial.schedule, family=replace(trial.schedule.family, peak=peak))


def test_a_constraint_on_the_peak_holds_for_a_cap_that_moves() -> None:
    """Whatever the best presses against."""
    space = narrow(FAMILIES, (1e-3, DECLARED), {}, {}, parse(["peak <= 0.05"]))
    spec = soft(space=space)
    history, _ = play(spec, 5, World(0.5, 10.0))
    assert max(trial.schedule.peak for trial in tried(history)) <= 0.05


def test_the_cap_depends_on_results_and_not_on_their_order() -> None:
    """The same study in any order."""
    spec = soft()
    one, _ = play(spec, 6, World(0.2, 1.0))
    other, _ = play(spec, 7, World(0.2, 1.0))
    assert (one.trials, one.runs) == (other.trials, other.runs)
