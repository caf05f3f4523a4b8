"""Baselines: tuned as well as a fine scan of the peak would, at an equal price."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.tuning.search.worlds import BEST_PEAK, make_spec, play, tried
from tuning.constraints import parse
from tuning.objectives.quadratic import Moments
from tuning.objectives.quadratic_problems import Config, build
from tuning.records import Budget, Cap, Phase, Result, Run, RunState, StudySpec, Trial
from tuning.schedules import FAMILIES, Schedule
from tuning.search.policy import Conclude
from tuning.search.space import DEFAULT_FAMILIES, lay_out, narrow
from tuning.study import specify

SCANNED = 100  # peaks over three decades below the cap


def final_losses(problem: str, schedules: list[Schedule]) -> list[float]:
    """Expected losses at the end of schedules of one horizon."""
    moments = Moments(build(Config(problem=problem)), len(schedules))
    moments.train(np.array([schedule.table() for schedule in schedules]))
    return moments.losses().tolist()


def best_of_scan(problem: str, family: str, horizon: int) -> float:
    """The least loss of a family at any peak; the policy never sees it."""
    cap = build(Config(problem=problem)).cap
    shape = {"family": family, **FAMILIES[family].defaults()}
    peaks = cap * np.geomspace(1e-3, 1.0, SCANNED)
    return min(
        final_losses(problem, [lay_out({**shape, "peak": float(p)}, horizon) for p in peaks])
    )


def excesses(
    problem: str, horizon: int, trials: int, peaks: int, *, climb: bool = False
) -> dict[str, float]:
    """How far each baseline, at the best of its peaks, is above its family's best, relative."""
    spec = specify(
        "noisy_quadratic",
        config={"problem": problem},
        horizon=horizon,
        budget=Budget(trials),
        climb=climb,
        seeds=1,
        leader_seeds=1,
    )
    assert spec.baseline_peaks == peaks

    def outcome(trial: Trial, run: Run) -> Result:
        (loss,) = final_losses(problem, [run.laid_out(trial.schedule)])
        return Result(RunState.COMPLETED, {split: {"loss": loss} for split in run.splits})

    history, decision = play(spec, 1, outcome)
    assert decision == Conclude()
    long = {
        str(history.trials[run.trial].params["family"]): history.trials[run.trial].schedule
        for run in history.runs
        if run.phase is Phase.BASELINE and run.horizon == horizon
    }
    assert long.keys() == set(spec.baselines)
    return {
        family: final_losses(problem, [schedule])[0] / best_of_scan(problem, family, horizon) - 1.0
        for family, schedule in long.items()
    }


PROBLEMS = [("N1", 200), ("N2", 200), ("N3", 200), ("N6", 50)]


@pytest.mark.full
@pytest.mark.parametrize(("problem", "horizon"), PROBLEMS)
def test_five_peaks_come_near_the_best_of_a_scan(problem: str, horizon: int) -> None:
    """Whether the best peak is at the cap, a third below or a fiftieth of it."""
    found = excesses(problem, horizon, trials=60, peaks=5)
    assert np.median(list(found.values())) < 0.03
    assert max(found.values()) < 0.25


@pytest.mark.full
@pytest.mark.parametrize(("problem", "horizon"), PROBLEMS)
def test_three_peaks_come_near_the_best_of_a_scan_in_a_search_that_climbs(
    problem: str, horizon: int
) -> None:
    """Its own short trainings help the model of curves to place the peaks."""
    found = excesses(problem, horizon, trials=40, peaks=3, climb=True)
    assert np.median(list(found.values())) < 0.03
    assert max(found.values()) < 0.25


@pytest.mark.full
def test_three_peaks_come_near_the_best_of_a_scan_mostly() -> None:
    """A budget of 40 trials leaves no more for each of six baselines."""
    found = [
        excess
        for problem, horizon in PROBLEMS
        for excess in excesses(problem, horizon, trials=40, peaks=3).values()
    ]
    assert np.median(found) < 0.03
    assert max(found) < 0.25


def counted(spec: StudySpec, order: int) -> Counter[str]:
    """How many peaks each baseline was tried at in a study."""
    history, decision = play(spec, order)
    assert decision == Conclude()
    trials = [trial for trial in tried(history) if trial.phase is Phase.BASELINE]
    identities = {trial.schedule.identity for trial in tried(history)}
    assert len(identities) == len(tried(history)) == spec.budget.trials
    return Counter(str(trial.params["family"]) for trial in trials)


@pytest.mark.parametrize("rungs", [(), (0.25,)])
@pytest.mark.parametrize("peaks", [1, 2, 5])
def test_every_baseline_gets_equally_many_peaks(peaks: int, rungs: tuple[float, ...]) -> None:
    """Also where some diverge, and none of them a schedule that was tried before."""
    spec = make_spec(baseline_peaks=peaks, rungs=rungs, budget=Budget(24), sampler="curve")
    assert counted(spec, 1) == {"constant": peaks, "cosine": peaks}


def test_the_best_peak_is_closed_in_on() -> None:
    """With five peaks over four decades to within x2; half a step of an even grid is x2.5."""
    spec = make_spec(baseline_peaks=5, budget=Budget(40), sampler="curve")
    history, _ = play(spec, 2)
    for family in spec.baselines:
        offs = [
            abs(math.log(trial.schedule.peak / BEST_PEAK))
            for trial in history.trials
            if trial.phase is Phase.BASELINE and trial.params["family"] == family
        ]
        assert min(offs) < math.log(2.0)


def test_constraints_narrow_a_baseline_instead_of_costing_it_peaks() -> None:
    """A constant may end no higher than the bound, so it is tuned below it; the budget holds."""
    space = narrow(DEFAULT_FAMILIES, (1e-4, 1.0), {}, {}, parse(["final_lr <= 1e-3"]))
    spec = make_spec(space=space, baseline_peaks=4, budget=Budget(24))
    assert counted(spec, 3) == {"constant": 4, "cosine": 4}
    impossible = replace(space, constraints=tuple(parse(["final_lr <= 1e-5"])))
    assert counted(replace(spec, space=impossible), 3) == {"cosine": 4}


def test_the_cap_itself_is_tried_and_never_passed() -> None:
    """A peak that the cap would make the same over the first rung is not tried beside it."""
    spec = make_spec(rungs=(0.25,), baseline_peaks=5, cap=Cap.HARD, sampler="curve")
    history, _ = play(replace(spec, budget=Budget(30)), 4)
    factor = 4.0**0.4
    peaks = [trial.schedule.peak for trial in history.trials if trial.phase is Phase.BASELINE]
    assert max(peaks) == 1.0
    assert not [peak for peak in peaks if 1.0 / factor * (1 + 1e-9) < peak < 1.0]
