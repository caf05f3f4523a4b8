"""Black's formula and its inverse: against the plain formula, bounds and round trips."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tuning.objectives.black import black_price, implied_deviation


def plain(log_strike: float, deviation: float) -> float:
    """The textbook formula, with the error function of the standard library."""

    def normal(x: float) -> float:
        return 0.5 * math.erfc(-x / math.sqrt(2))

    d = -log_strike / deviation + deviation / 2
    if log_strike >= 0:
        return normal(d) - math.exp(log_strike) * normal(d - deviation)
    return math.exp(log_strike) * normal(deviation - d) - normal(-d)


@given(k=st.floats(-1, 1), s=st.floats(0.01, 3))
def test_prices_are_those_of_the_textbook(k: float, s: float) -> None:
    """Where the plain formula keeps its digits, both agree."""
    assert black_price(k, s) == pytest.approx(plain(k, s), abs=1e-15)


def test_a_price_of_the_literature() -> None:
    """Hull's futures put: F = K = 20, 4 months, r = 9 %, volatility 25 %: 1.12."""
    price = 20 * math.exp(-0.09 / 3) * black_price(0.0, 0.25 * math.sqrt(1 / 3))

    assert price == pytest.approx(1.12, abs=0.005)


@given(k=st.floats(-3, 3), s=st.floats(1e-3, 6), years=st.floats(0.01, 30))
@example(k=0.0, s=1e-3, years=1.0)
@example(k=3.0, s=0.12, years=1.0)
@example(k=-3.0, s=6.0, years=1.0)
def test_the_volatility_behind_a_price_is_found(k: float, s: float, years: float) -> None:
    """Inversion returns the volatility to 1e-10, down to prices of 1e-300."""
    price = black_price(k, s)
    if price > 1e-300 and min(1.0, math.exp(k)) - price > 1e-4:
        found = implied_deviation(price, k) / math.sqrt(years)

        assert found == pytest.approx(s / math.sqrt(years), abs=1e-10, rel=1e-10)


def test_a_price_next_to_its_bound_is_inverted_as_far_as_doubles_go() -> None:
    """Near the upper bound the price at the volatility found is the price given."""
    s = np.linspace(4, 14, 101)
    for k in (-1.0, 0.0, 2.0):
        price = black_price(k, s)

        assert black_price(k, implied_deviation(price, k)) == pytest.approx(price, rel=1e-14)


@given(k=st.floats(-40, 40), depth=st.floats(1e-9, 600))
@example(k=0.0, depth=690.0)
@example(k=1e-200, depth=600.0)
@example(k=-40.0, depth=1e-9)
def test_any_price_within_its_bounds_is_inverted(k: float, depth: float) -> None:
    """From far below its bound to next to it, a price is that of the volatility found."""
    bound = min(1.0, math.exp(k))
    price = bound * math.exp(-depth)
    found = black_price(k, implied_deviation(price, k))

    assert min(abs(found / price - 1), abs((bound - found) / (bound - price) - 1)) < 1e-10


@given(k=st.floats(-3, 3), excess=st.floats(0, 10))
def test_a_price_that_no_volatility_has_is_not_a_number(k: float, excess: float) -> None:
    """Nothing below or at zero, nothing at or above the bound, and no NaN is inverted."""
    bound = min(1.0, math.exp(k))

    assert np.isnan(implied_deviation([-excess, bound + excess, math.nan, math.inf], k)).all()


def test_one_price_does_not_feel_its_neighbours() -> None:
    """A price has the same volatility, to the last bit, alone and among thousands."""
    generator = np.random.default_rng(0)
    s, k = generator.uniform(0.1, 2, 2000), generator.uniform(-1, 1, 2000)
    price = black_price(k, s)
    together = implied_deviation(price, k)

    alone = [implied_deviation(price[i : i + 1], k[i : i + 1])[0] for i in range(20)]
    assert together[:20].tolist() == alone


def test_arrays_are_broadcast() -> None:
    """Prices of one strike at several deviations have their shape."""
    prices = black_price(np.array([[-0.1], [0.2]]), [0.1, 0.2, 0.3])

    assert prices.shape == (2, 3)
    assert implied_deviation(prices, [[-0.1], [0.2]]).shape == (2, 3)
