"""The optimum of noisy quadratics, against tabled digits, closed forms and bounds."""

import numpy as np
import pytest

from tuning.objectives.quadratic import Moments, Quadratic, sensitivity
from tuning.objectives.quadratic_optimum import best_schedule, kalman, lower_bound
from tuning.objectives.quadratic_problems import Config, build

# Problem, updates, optimum, and the loss if every mode had learning rates of its own: computed
# before this code was, by another program.
TABLE = [
    ("N1", 500, 0.314177, 0.234814),
    ("N2", 500, 0.024579, 0.009288),
    ("N3", 500, 0.011257, 0.009095),
    ("N4", 500, 0.412218, 0.034006),
    ("N5", 500, 0.005638, None),
    ("N6", 50, 0.667624, 0.457396),
]


def one_mode(drift: float = 0.0, momentum: float = 0.0, h: float = 1.0) -> Quadratic:
    """One mode with E_0 = 25 and s = 1."""
    return Quadratic(np.array([h]), np.array([25.0]), np.ones(1), 0, drift, momentum)


@pytest.mark.parametrize(("name", "horizon", "optimum", "bound"), TABLE)
def test_the_tabled_digits(name: str, horizon: int, optimum: float, bound: float | None) -> None:
    """N1 to N6 come out to the digits given, above the bound per mode and within the box."""
    problem = build(Config(problem=name))
    loss, rates = best_schedule(problem, horizon)

    assert loss == pytest.approx(optimum, abs=5.1e-7)
    assert bound is None or lower_bound(problem, horizon) == pytest.approx(bound, abs=5.1e-7)
    assert lower_bound(problem, horizon) < loss
    assert rates.min() >= 0.0
    assert rates.max() <= problem.cap


def test_the_best_schedule_satisfies_the_conditions_of_a_minimum() -> None:
    """Inside the box the gradient vanishes; at the cap it points outwards (Karush-Kuhn-Tucker)."""
    problem = build(Config(problem="N2", modes=40))
    loss, rates = best_schedule(problem, 120)
    _, gradient, curvature = sensitivity(problem, rates)
    inside = rates < (1 - 1e-9) * problem.cap
    gain = gradient[inside] ** 2 / curvature[inside] / 2  # of a perfect step in one update

    assert 0.2 < np.mean(~inside) < 0.8
    assert gain.max() < 1e-10 * loss
    assert (gradient[~inside] < 0).all()


@pytest.mark.parametrize("drift", [0.0, 0.001])
def test_no_perturbation_of_the_best_schedule_is_better(drift: float) -> None:
    """Two hundred random schedules nearby lose less or more, and none wins."""
    problem = build(Config(problem="N1", modes=20, form="drifting", drift=drift))
    loss, rates = best_schedule(problem, 60)
    draw = np.random.default_rng(1)
    nearby = rates * np.exp(draw.normal(0.0, 0.1, (200, 60)) * draw.random((200, 60)))
    moments = Moments(problem, 200)
    moments.train(np.minimum(nearby, problem.cap))

    assert moments.losses().min() >= loss * (1 - 1e-12)


@pytest.mark.parametrize("h", [1.0, 2.5])
def test_one_static_mode_has_the_closed_form(h: float) -> None:
    """a_t = 1 / (h (t + 1 + k)), k = s² / (h² E_0), and 1/E_T = 1/E_0 + T h² / s²."""
    loss, rates = best_schedule(one_mode(h=h), 500)

    assert rates == pytest.approx(1 / (h * (np.arange(1, 501) + 1 / (h**2 * 25))), rel=1e-6)
    assert 2 * loss / h == pytest.approx(1 / (1 / 25 + 500 * h**2), rel=1e-10)
    assert loss == pytest.approx(lower_bound(one_mode(h=h), 500), rel=1e-10)


def test_one_drifting_mode_has_the_kalman_gains() -> None:
    """The filter's gains are optimal; they settle at P = .105125 and a = .095125."""
    problem = one_mode(drift=0.01)
    loss, rates = best_schedule(problem, 500)
    moment, gains = kalman(problem, 500)

    assert loss == pytest.approx(moment[0] / 2, rel=1e-10)
    assert rates[-50:] == pytest.approx(gains[-50:, 0], rel=1e-3)
    settled = (0.01 + np.sqrt(0.01**2 + 4 * 0.01)) / 2  # P² = q P + q r
    assert moment[0] == pytest.approx(settled, rel=1e-12)
    assert round(float(moment[0]), 6) == 0.105125
    assert round(float(gains[-1, 0]), 6) == 0.095125


def test_the_drifting_optimum_of_several_modes_lies_above_the_filters() -> None:
    """One learning rate for all modes costs something over one Kalman filter for each."""
    problem = build(Config(problem="N1", modes=30, form="drifting", drift=0.001))
    loss, _ = best_schedule(problem, 100)

    assert lower_bound(problem, 100) < loss < 1.5 * lower_bound(problem, 100)


def test_momentum_buys_nothing_under_its_cap() -> None:
    """With momentum the optimum stays above the Kalman bound, near that of plain SGD."""
    plain = best_schedule(build(Config(problem="N2", modes=20)), 60)[0]
    heavy = build(Config(problem="N2", modes=20, momentum=0.5))
    loss, rates = best_schedule(heavy, 60)

    assert lower_bound(heavy, 60) < loss
    assert loss == pytest.approx(plain, rel=0.05)
    assert rates.max() <= heavy.cap


def test_one_update_has_a_closed_form() -> None:
    """With a = h E / (h² E + s²), what is left is E s² / (h² E + s²)."""
    loss, rates = best_schedule(one_mode(), 1)

    assert rates[0] == pytest.approx(25 / 26, rel=1e-9)
    assert loss == pytest.approx(25 / 52, rel=1e-12)


def test_a_mode_that_needs_no_update_gets_none() -> None:
    """At the optimum and without noise there is nothing to gain."""
    problem = Quadratic(np.ones(2), np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    moment, gains = kalman(problem, 3)

    assert moment == pytest.approx([0.0, 0.25])
    assert (gains[:, 0] == 0.0).all()
