"""The trend: what theory expects, fitted to results in two numbers."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from tuning.search.samplers.description import describe
from tuning.search.samplers.points import drawn
from tuning.search.samplers.process import Kernel, Posterior, _Cost, fit
from tuning.search.samplers.trend import Trend, fit_trend
from tuning.search.space import DEFAULT_FAMILIES, narrow

SPACE = narrow(DEFAULT_FAMILIES, (1e-3, 1.0), {}, {})


@pytest.fixture
def columns() -> np.ndarray:
    """Forty members of the zoo."""
    random = np.random.default_rng(0)
    points = [drawn(SPACE, DEFAULT_FAMILIES[i % len(DEFAULT_FAMILIES)], random) for i in range(40)]
    return describe(points, 1.0, 500)


def planted(columns: np.ndarray) -> np.ndarray:
    """Losses as theory has them, from an optimum at D² = 0.05."""
    return Trend(np.log(0.05), 0.1, -1.0, 0.8)(columns)


def test_a_planted_trend_is_found(columns: np.ndarray) -> None:
    """Up to the steps in which its two numbers are tried, and up to a factor and a constant."""
    values = 3.0 * planted(columns) + 1.0
    found = fit_trend(columns, values)
    assert found is not None
    assert abs(found.distance - np.log(0.05)) <= 1.0
    assert np.corrcoef(found(columns), values)[0, 1] > 0.99


def test_a_trend_that_results_contradict_has_no_weight(columns: np.ndarray) -> None:
    """As where an optimum moves; the mean is then what it is without."""
    trend = Trend(np.log(0.05), 0.1, -1.0, 0.8)
    values = -trend(columns)
    kernel = Kernel(np.full(columns.shape[1], 3.0), 1.0, 0.01, trend=trend)
    found = Posterior.after(kernel, columns, values, np.ones(40))
    without = Posterior.after(replace(kernel, trend=None), columns, values, np.ones(40))
    assert found.mean[1] == 0.0
    assert found.predict(columns)[0] == pytest.approx(without.predict(columns)[0])


def test_it_speaks_for_schedules_far_from_all_results(columns: np.ndarray) -> None:
    """From a dozen results the order of the others is told better with it than without."""
    values = planted(columns) + 0.02 * np.random.default_rng(1).normal(size=40)
    few, rest = columns[:12], columns[12:]
    errors = []
    for trend in (None, fit_trend(few, values[:12])):
        kernel, _ = fit(few, values[:12], np.ones(12), None, trend)
        means, _ = Posterior.after(kernel, few, values[:12], np.ones(12)).predict(rest)
        errors.append(np.abs(means - values[12:]).mean())
    assert errors[1] < 0.5 * errors[0]


def test_the_gradient_stays_exact(columns: np.ndarray) -> None:
    """What the trend weighs is the best it can weigh, so its change does not count."""
    some = columns[:20, :12]
    trend = Trend(-3.0, 0.1, -1.0, 0.8)
    values = planted(columns)[:20] + np.sin(some[:, 0])
    cost = _Cost(some, values, np.ones(20), None, trend)
    logs = cost.start(0.5, 0.01)
    numeric = approx_fprime(logs, lambda at: cost(at)[0], 1e-6)
    assert cost(logs)[1] == pytest.approx(numeric, rel=1e-3, abs=1e-3)
