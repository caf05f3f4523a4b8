"""Laws of the horizon: exact on exact data, honest about what the data do not bear."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.tuning.evidence.stories import HORIZON, Tried, finished, spec_for
from tuning.evidence.horizons import (
    PEAK_EXPONENT,
    Point,
    believe_peak_exponent,
    fit_exponent,
    fit_peak_law,
    measure_speedup,
)
from tuning.records import Direction, History, Metric, Result, Run, RunState

PEAKS = (0.0025, 0.005, 0.01, 0.02, 0.04)
EXPONENT = -0.4


def level(peak: float, horizon: int, *, power: float = 0.5, bend: float = 0.1) -> float:
    """A loss whose best peak is 0.01 (h / T)^-0.4, and whose minimum goes with h^-power."""
    share = horizon / HORIZON
    off = math.log(peak / (0.01 * share**EXPONENT))
    return math.exp(bend * off**2) * share**-power


def trained(horizons: tuple[int, ...], noise: float = 0.0, **changes: float) -> History:
    """Baselines of two families at five peaks, each over these horizons."""
    random = np.random.default_rng(8)
    tried = [Tried(name, 1.0, peak) for name in ("constant", "cosine") for peak in PEAKS]
    history = finished(*tried)
    runs, results = [], {}
    for trial in history.trials:
        for horizon in horizons:
            index = len(runs)
            runs.append(Run(0, index, trial.number, trial.phase, 1, horizon))
            loss = level(trial.schedule.peak, horizon, **changes)
            loss *= math.exp(noise * random.standard_normal())
            results[0, index] = Result(RunState.COMPLETED, {"validation": {"loss": loss}})
    return History(history.trials, tuple(runs), results)


def test_the_exponent_of_an_exact_law_is_found_exactly() -> None:
    """From two families that share it."""
    found = fit_peak_law(spec_for(), trained((25, 50, 100)))
    assert found.peak_exponent == pytest.approx(EXPONENT, abs=1e-8)
    assert found.horizons == (25, 50, 100)


def test_a_raised_peak_counts_as_what_was_trained() -> None:
    """Over shorter horizons runs are made at a multiple of the trial's peak."""
    history = trained((25, 50, 100))
    runs = tuple(
        replace(run, peak_factor=2.0) if run.horizon == 25 else run for run in history.runs
    )
    found = fit_peak_law(spec_for(), replace(history, runs=runs))
    assert found.peak_exponent is not None
    assert found.peak_exponent < EXPONENT - 0.3


def test_what_is_believed_of_the_exponent_is_what_was_found_drawn_to_the_prior() -> None:
    """An exact law is believed, a noisy one halfway by its error, and always within 0 to 1."""
    shifted = trained((25, 50, 100))
    runs = tuple(replace(one, peak_factor=(one.horizon / 100) ** 0.2) for one in shifted.runs)
    planted = History(shifted.trials, runs, shifted.results)  # -0.4 becomes -0.2
    exact = fit_peak_law(spec_for(), planted)
    assert exact.peak_exponent is not None
    assert believe_peak_exponent(spec_for(), planted) == pytest.approx(-exact.peak_exponent)
    noisy = trained((25, 50, 100), noise=0.05)
    law = fit_peak_law(spec_for(), noisy)
    assert law.peak_exponent is not None
    ends = sorted((PEAK_EXPONENT[0], -law.peak_exponent))
    assert ends[0] <= believe_peak_exponent(spec_for(), noisy) <= ends[1]
    far = tuple(replace(one, peak_factor=(100 / one.horizon) ** 2.0) for one in shifted.runs)
    assert believe_peak_exponent(spec_for(), replace(shifted, runs=far)) == 1.0
    for nothing in (History(), trained((100,))):
        assert believe_peak_exponent(spec_for(), nothing) == PEAK_EXPONENT[0]


def test_intervals_of_the_exponent_cover() -> None:
    """95 % of them, by simulation; exact binomial."""
    random = np.random.default_rng(9)
    studies, hits = 300, 0
    for _ in range(studies):
        points = [
            Point(
                "a",
                horizon,
                math.log(peak),
                math.log(level(peak, horizon)) + 0.02 * random.standard_normal(),
            )
            for horizon in (25, 50, 100)
            for peak in PEAKS
        ]
        exponent, error, freedom = fit_exponent(points, HORIZON)
        half = stats.t.ppf(0.975, freedom) * error
        hits += exponent - half <= EXPONENT <= exponent + half
    interval = stats.binomtest(hits, studies).proportion_ci(0.999)
    assert interval.low <= 0.95 <= interval.high


@pytest.mark.parametrize(
    ("history", "said"),
    [
        (trained((100,)), "only one horizon"),
        (trained((25, 50, 100), noise=0.02, bend=0.0), "no minimum"),
        (trained((25, 100), noise=0.6), "too few"),
        (History(), "only one horizon"),
    ],
)
def test_what_the_data_do_not_bear_is_not_claimed(history: History, said: str) -> None:
    """None, with the reason."""
    found = fit_peak_law(spec_for(), history)
    assert (found.peak_exponent, found.ci95) == (None, None)
    assert said in found.reason


def test_the_speedup_of_a_power_law_is_found() -> None:
    """A loss that goes with h^-0.5: 20 % less takes (1 / 0.8)^2 times the updates."""
    history = trained((25, 100))
    best = min(level(peak, 100) for peak in PEAKS)
    found = measure_speedup(spec_for(), history, 0.8 * best, ("cosine", best))
    assert found.baseline == "cosine"
    shorter = min(level(peak, 25) for peak in PEAKS)
    power = math.log(shorter / best) / math.log(4.0)
    assert found.value == pytest.approx(0.8 ** (-1.0 / power))
    assert "power law" in found.reason


@pytest.mark.parametrize(
    ("history", "winner", "said"),
    [
        (trained((100,)), 0.9, "one horizon only"),
        (trained((25, 100), power=-0.5), 0.9, "does not get better"),
        (trained((25, 100), power=0.05), 0.5, "beyond 8 times"),
        (trained((25, 100)), -1.0, "only positive losses"),
        (trained((25, 100)), None, "nothing to compare"),
    ],
)
def test_a_speedup_that_cannot_be_told_says_why(
    history: History, winner: float | None, said: str
) -> None:
    """No horizons, no gain from them, too far, no logarithm, no winner."""
    found = measure_speedup(spec_for(), history, winner, ("cosine", 1.0))
    assert found.value is None
    assert said in found.reason


def test_a_skill_has_no_power_law() -> None:
    """Only losses do."""
    spec = spec_for(metric=Metric("loss", Direction.MAXIMIZE))
    assert measure_speedup(spec, trained((25, 100)), 0.9, ("cosine", 1.0)).value is None
