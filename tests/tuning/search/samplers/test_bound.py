"""The convex bound: against the published formula, term by term."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tuning.schedules import Cosine, Linear, Schedule, Wsd
from tuning.search.samplers.bound import convex_bound, minimiser
from tuning.search.samplers.segments import PLACES, WEIGHTS, spread


def published(rates: list[float], distance: float, size: float) -> float:
    """Theorem 1 of Schaipp et al. (2025), summed as it is printed."""
    last = len(rates)
    total = distance**2 / (2 * sum(rates)) + sum(a * a for a in rates) * size**2 / (2 * sum(rates))
    for k in range(1, last):  # 1 .. T - 1
        after, here = sum(rates[k:]), sum(rates[k - 1 :])
        squares = sum(a * a * size**2 for a in rates[k - 1 :])
        total += 0.5 * rates[k - 1] / after * squares / here
    return total


@given(
    rates=arrays.arrays(float, st.integers(1, 40), elements=st.floats(1e-3, 10.0)),
    distance=st.floats(0.1, 10.0),
    size=st.floats(0.1, 10.0),
)
def test_it_is_the_published_bound(rates: np.ndarray, distance: float, size: float) -> None:
    """D² A + G² B equals the theorem's right-hand side for any positive rates."""
    bound = convex_bound(rates)
    found = distance**2 * bound.travel + size**2 * bound.noise
    assert found == pytest.approx(published(rates.tolist(), distance, size), rel=1e-9)


def test_updates_without_a_step_at_the_end_do_not_count() -> None:
    """A tail of zeros leaves the bound as it was."""
    rates = Schedule(Linear(0.3), 20).table()
    longer = np.concatenate([rates, np.zeros(5)])
    assert convex_bound(longer).noise == pytest.approx(convex_bound(rates).noise, rel=1e-12)


def test_a_constant_rate_pays_a_logarithm_and_a_line_does_not() -> None:
    """What the paper is about: the last iterate of a decaying schedule is better."""
    flat = convex_bound(np.ones(1000))
    line = convex_bound(Schedule(Linear(1.0), 1000).table())
    assert flat.travel * flat.noise > 2.0 * line.travel * line.noise
    # B of a constant is (1 + H(T - 1)) / 2, with harmonic numbers H.
    assert flat.noise == pytest.approx((1 + (1 / np.arange(1, 1000)).sum()) / 2)


@pytest.mark.parametrize("family", [Linear(1.0), Cosine(1.0), Wsd(1.0)])
def test_a_few_places_tell_it_about_as_well_as_all_updates(family: object) -> None:
    """Looked at in 160 places it is within a few percent, ratios of schedules within one."""
    schedule = Schedule(family, 20_000)  # type: ignore[arg-type] # a family
    exact = convex_bound(schedule.table())
    seen = convex_bound(schedule((PLACES * 20_000).astype(int)), 20_000 * WEIGHTS)
    assert seen.travel == pytest.approx(exact.travel, rel=1e-3)
    assert seen.noise == pytest.approx(exact.noise, rel=0.05)


@pytest.mark.parametrize("distance", [0.003, 0.3, 3.0, 10.0])
def test_minimisers_beat_known_shapes_and_stay_below_the_cap(distance: float) -> None:
    """No line and no hold at any peak has a lower bound."""
    updates = 500
    weights = updates * WEIGHTS

    def cost(rates: np.ndarray) -> float:
        bound = convex_bound(rates, weights)
        return float(updates * distance * bound.travel + bound.noise)

    heights = np.array(minimiser(distance, updates))
    assert heights.max() <= 0.0
    shapes = [np.maximum(1 - PLACES, 1e-4), np.minimum(1.0, np.maximum(1 - PLACES, 1e-4) / 0.3)]
    known = [peak * shape for shape in shapes for peak in np.geomspace(0.01, 1.0, 40)]
    assert cost(np.exp(spread(heights, PLACES))) < min(map(cost, known))
