"""The generated surface: its formula, its path, what it does not know ahead."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tuning.objectives.drifting import (
    MATURITIES,
    SCALED_STRIKES,
    Walk,
    generate,
    ssvi,
)

ONE = np.ones(1)


def test_a_longer_path_begins_with_the_shorter() -> None:
    """What was drawn for a snapshot does not depend on how many follow."""
    short, long = generate(5, 50.0, 3), generate(9, 50.0, 3)

    assert (long.vols[:5] == short.vols).all()
    assert (generate(5, 50.0, 4).vols != short.vols).any()


def test_noise_has_the_size_asked_for() -> None:
    """Two paths that differ in noise alone differ by it."""
    noise = generate(200, 50.0, 0).vols - generate(200, 0.0, 0).vols

    assert abs(1e4 * noise.std() - 50.0) < 1.0
    assert abs(1e4 * noise.mean()) < 1.0


def test_persistence_is_the_quote_before() -> None:
    """On a fixed grid every instrument was quoted one snapshot earlier, but in the first."""
    path = generate(4, 50.0, 0)

    assert np.isnan(path.earlier[0]).all()
    assert (path.earlier[1:] == path.vols[:-1]).all()
    change = np.sqrt(((path.vols[1:] - path.vols[:-1]) ** 2).mean(axis=1))
    assert np.allclose(path.persistence()[1:], change, rtol=1e-14)


def test_the_walk_reverts_to_its_mean() -> None:
    """Without noise a shock decays geometrically."""
    shocks = np.array([1.0, 0.0, 0.0])

    assert Walk(2.0, 0.5, 0.0).path(np.zeros(3), shocks).tolist() == [3.0, 2.5, 2.25]


@given(
    rho=st.floats(-0.8, 0.8),
    share=st.floats(0.05, 1.0),
    short=st.floats(0.1, 1.5),
    long=st.floats(0.1, 1.5),
)
def test_no_butterfly_has_a_negative_price(
    rho: float, share: float, short: float, long: float
) -> None:
    """Durrleman's density factor is not negative while eta (1 + |rho|) <= 2.

    g = (1 - k w' / (2 w))^2 - w'^2 / 4 (1 / w + 1 / 4) + w'' / 2 (Gatheral and Jacquier, 2014).
    """
    eta = share * 2 / (1 + abs(rho))
    k = np.linspace(-0.9, 0.9, 361)
    years = np.full_like(k, 0.5)
    vols = ssvi(k, years, short * ONE, long * ONE, rho * ONE, eta * ONE)[0]
    w, step = vols**2 * 0.5, k[1] - k[0]
    slope = (w[2:] - w[:-2]) / (2 * step)
    bend = (w[2:] - 2 * w[1:-1] + w[:-2]) / step**2
    k, w = k[1:-1], w[1:-1]
    g = (1 - k * slope / (2 * w)) ** 2 - slope**2 / 4 * (1 / w + 0.25) + bend / 2

    assert (g > -1e-6).all()


def test_the_grid_is_that_of_a_surface() -> None:
    """Eight maturities from a week to a year and eleven strikes around the forward."""
    path = generate(1, 0.0, 0)

    assert path.vols.shape == (1, len(MATURITIES) * len(SCALED_STRIKES)) == (1, 88)
    assert (np.abs(path.inputs) < 2.0).all()
