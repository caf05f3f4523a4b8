"""Surfaces: their grid, their volatilities, their seeds."""

from pathlib import Path

import numpy as np
import pytest

from tuning.errors import DataError
from tuning.objectives.black import black_price
from tuning.objectives.heston import Domain, heston_puts
from tuning.objectives.heston_surface import CALM
from tuning.objectives.regime_finetune import WILD
from tuning.objectives.surfaces import (
    LOG_STRIKES,
    MATURITIES,
    POINTS,
    STEP,
    YEARS,
    draw_surfaces,
    implied_volatilities,
)


def test_the_grid_is_eight_maturities_of_eleven_strikes() -> None:
    """Strikes lie at -2 to 2 times a quarter of the root of time."""
    assert len(MATURITIES) == len(YEARS) == 8
    assert POINTS == 88
    assert YEARS[[0, -1]].tolist() == [0.1, 2.0]
    assert LOG_STRIKES[0] / np.sqrt(0.1) == pytest.approx(0.25 * np.linspace(-2, 2, 11))


@pytest.mark.parametrize("domain", [CALM, WILD], ids=["calm", "wild"])
def test_volatilities_give_back_the_prices(domain: Domain) -> None:
    """Black's price at the implied volatility is Heston's price, calls and puts alike."""
    parameters = domain.draw(200, 11)
    volatilities = implied_volatilities(parameters)
    prices = black_price(LOG_STRIKES, volatilities * np.sqrt(YEARS)[:, None])
    puts = prices + np.where(LOG_STRIKES >= 0, np.exp(LOG_STRIKES) - 1, 0.0)

    assert puts == pytest.approx(heston_puts(parameters, YEARS, LOG_STRIKES), abs=1e-13)


@pytest.mark.parametrize("domain", [CALM, WILD], ids=["calm", "wild"])
def test_every_option_of_a_domain_has_a_volatility(domain: Domain) -> None:
    """Drawn surfaces are finite and of a plausible size."""
    surfaces = draw_surfaces(domain, 300, 12)

    assert surfaces.volatilities.shape == (300, 88)
    assert (surfaces.volatilities > 0.05).all()
    assert (surfaces.volatilities < 1.5).all()


def test_volatilities_are_exact_in_float32() -> None:
    """They are multiples of 2^-20, within half of one of the implied ones."""
    surfaces = draw_surfaces(CALM, 20, 13)
    exact = implied_volatilities(surfaces.parameters).reshape(20, 88)

    assert (surfaces.volatilities == surfaces.volatilities.astype("f4")).all()
    assert (surfaces.volatilities / STEP % 1 == 0).all()
    assert np.abs(surfaces.volatilities - exact).max() <= STEP / 2


def test_fewer_surfaces_are_the_first_of_more() -> None:
    """A smaller set under the same seed is a part of the larger one."""
    few, many = draw_surfaces(CALM, 5, 14), draw_surfaces(CALM, 9, 14)

    assert (few.parameters == many.parameters[:5]).all()
    assert (few.volatilities == many.volatilities[:5]).all()


def test_surfaces_come_from_the_cache_unchanged(tmp_path: Path) -> None:
    """Made without a cache, with an empty one and with a full one, they are the same."""
    ways = [draw_surfaces(CALM, 5, 15, cache) for cache in (None, tmp_path, tmp_path)]

    assert len(list(tmp_path.iterdir())) == 1
    for surfaces in ways[1:]:
        assert (surfaces.parameters == ways[0].parameters).all()
        assert (surfaces.volatilities == ways[0].volatilities).all()


def test_noise_has_the_deviation_asked_for() -> None:
    """Errors are independent of the surface, normal and the same under a seed; 0 is none."""
    clean = draw_surfaces(CALM, 300, 16)
    noisy = clean.with_noise(0.01, 3)
    errors = noisy.volatilities - clean.volatilities

    assert errors.std() == pytest.approx(0.01, rel=0.03)
    assert errors.mean() == pytest.approx(0, abs=3e-4)
    assert (noisy.volatilities == clean.with_noise(0.01, 3).volatilities).all()
    assert clean.with_noise(0.0, 3) is clean


def test_a_domain_with_worthless_options_is_refused() -> None:
    """Where a price is zero to the last digit there is nothing to learn from."""
    quiet = Domain((1e-4, 1e-4), (1e-4, 1e-4), (1.0, 1.0), (0.01, 0.01), (0.0, 0.0))

    with pytest.raises(DataError, match="no implied volatility"):
        draw_surfaces(quiet, 2, 17)
