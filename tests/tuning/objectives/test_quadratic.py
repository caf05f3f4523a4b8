"""The recursions of noisy quadratics: closed forms, finite differences, lanes."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.objectives.base import Floats
from tuning.objectives.quadratic import Moments, Quadratic, sensitivity

FORMS = [
    {"rows": rows, "drift": drift, "momentum": momentum}
    for rows, drift, momentum in itertools.product((0, 4), (0.0, 0.01), (0.0, 0.5, 0.9))
]


def some_quadratic(rows: int, drift: float, momentum: float, modes: int = 7) -> Quadratic:
    """A quadratic of moderate curvatures, noise and starts."""
    draw = np.random.default_rng(3)
    curvatures = np.sort(draw.uniform(0.05, 1.0, modes))[::-1].copy()
    starts, noise = draw.uniform(0.5, 2.0, (2, modes))
    return Quadratic(curvatures, starts, noise, rows, drift, momentum)


def losses(problem: Quadratic, lrs: Floats) -> Floats:
    """Expected losses after all updates of `lrs`, of shape (lanes, T)."""
    moments = Moments(problem, len(lrs))
    moments.train(lrs)
    return moments.losses()


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_the_gradient_is_that_of_finite_differences(form: dict[str, float]) -> None:
    """The adjoint agrees with central differences to 1e-8, forward and backward with each other."""
    problem = some_quadratic(**form)
    lrs = np.random.default_rng(4).uniform(0.0, problem.cap, 15)
    step = 1e-5 * np.eye(15)
    loss, gradient, curvature = sensitivity(problem, lrs)
    above, below = losses(problem, lrs + step), losses(problem, lrs - step)

    assert loss == pytest.approx(losses(problem, lrs[None])[0], rel=1e-13)
    assert gradient == pytest.approx((above - below) / 2e-5, abs=1e-8 * np.abs(gradient).max())
    # Quadratic in one learning rate: a wide difference is exact.
    wide = 0.1 * np.eye(15)
    second = (losses(problem, lrs + wide) + losses(problem, lrs - wide) - 2 * loss) / 0.01
    assert curvature == pytest.approx(second, rel=1e-8)


@given(
    lrs=st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12),
    start=st.floats(0.0, 100.0),
    noise=st.floats(0.0, 10.0),
    drift=st.floats(0.0, 1.0),
)
def test_one_mode_follows_the_scalar_formula(
    lrs: list[float], start: float, noise: float, drift: float
) -> None:
    """E' = (1 - a h)² E + a² s² + q, and the loss is h E / 2."""
    h = 0.8
    moment = start
    for lr in lrs:
        moment = (1 - lr * h) ** 2 * moment + lr**2 * noise + drift
    problem = Quadratic(np.array([h]), np.array([start]), np.array([noise]), drift=drift)

    assert losses(problem, np.array([lrs]))[0] == pytest.approx(h * moment / 2, rel=1e-12)


def test_regression_noise_is_that_of_gaussian_rows() -> None:
    """One update of a regression, by the fourth moments of a Gaussian: Isserlis' theorem."""
    h, m, rows, labels, lr = np.array([1.0, 0.4]), np.array([2.0, 3.0]), 3, 0.7, 0.3
    problem = Quadratic(h, m, h * labels / rows, rows)
    # E (x x'θ)_i² = h_i Σ_j h_j m_j + 2 h_i² m_i for one row; the mean gradient is h θ.
    one_row = h * (h * m).sum() + 2 * h**2 * m + h * labels
    square = one_row / rows + (1 - 1 / rows) * h**2 * m
    expected = m - 2 * lr * h * m + lr**2 * square

    assert losses(problem, np.array([[lr]]))[0] == pytest.approx(
        (h * expected).sum() / 2, rel=1e-14
    )


def test_momentum_without_noise_is_heavy_ball() -> None:
    """With neither noise nor chance in the start, moments are squares of heavy ball's iterates."""
    h, b, theta, velocity = np.array([1.0, 0.3]), 0.8, np.array([2.0, -1.0]), np.zeros(2)
    lrs = np.linspace(0.5, 0.1, 20)
    problem = Quadratic(h, theta**2, np.zeros(2), momentum=b)
    for lr in lrs:
        velocity = b * velocity + h * theta
        theta = theta - lr * velocity

    assert losses(problem, lrs[None])[0] == pytest.approx((h * theta**2).sum() / 2, rel=1e-12)


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_a_lane_keeps_its_bits_in_any_company(form: dict[str, float]) -> None:
    """Alone, beside 15 others, in chunks, after others were dropped: the same bits."""
    problem = some_quadratic(**form, modes=300)
    lrs = np.random.default_rng(5).uniform(0.0, problem.cap, (16, 40))
    together = losses(problem, lrs)
    moments = Moments(problem, 16)
    moments.train(lrs[:, :7])
    moments.keep([2, 9])
    moments.train(lrs[[2, 9], 7:])

    assert (moments.losses() == together[[2, 9]]).all()
    assert losses(problem, lrs[4:5])[0] == together[4]


def test_later_learning_rates_change_nothing_before() -> None:
    """Bit for bit, what is measured after t updates does not know the rest of the schedule."""
    problem = some_quadratic(rows=0, drift=0.01, momentum=0.5)
    one, other = Moments(problem, 1), Moments(problem, 1)
    for moments, later in ((one, 0.1), (other, 0.4)):
        moments.train(np.full((1, 9), 0.3))
        before = moments.losses()
        moments.train(np.full((1, 5), later))
        assert before == losses(problem, np.full((1, 9), 0.3))
    assert one.losses() != other.losses()


def test_the_cap_bounds_what_a_gradient_moves_in_all() -> None:
    """(1 - b) / h_max: with momentum b a gradient acts 1 / (1 - b) times over."""
    problem = some_quadratic(rows=0, drift=0.0, momentum=0.75)

    assert problem.cap == pytest.approx(0.25 / problem.curvatures.max(), rel=1e-15)


def test_an_overflowing_lane_is_not_finite_and_harms_no_other() -> None:
    """No warning, no error: the loss is infinite or not a number."""
    problem = some_quadratic(rows=4, drift=0.0, momentum=0.5)
    lrs = np.vstack([np.full(400, 1e6), np.full(400, 0.1)])

    ends = losses(problem, lrs)
    assert not np.isfinite(ends[0])
    assert ends[1] == losses(problem, lrs[1:])[0]
