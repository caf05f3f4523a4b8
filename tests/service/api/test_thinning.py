"""Thinning keeps the shape of a curve."""

import math

import numpy as np
import pytest

from service.api.thinning import thin


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7, 100, 1001])
@pytest.mark.parametrize("points", [2, 3, 4, 5, 10, 200])
def test_no_more_points_than_asked_for_and_no_extreme_lost(count: int, points: int) -> None:
    """Rising places, the first and the last among them, and the lowest and highest value."""
    values = list(np.random.default_rng(count).normal(size=count))
    places = thin(values, points)
    assert places == sorted(set(places))
    assert len(places) <= max(points, 2)
    if count:
        assert {0, count - 1} <= set(places)
    if count and points >= 4:
        kept = [values[place] for place in places]
        assert (min(kept), max(kept)) == (min(values), max(values))
    if count <= points:
        assert places == list(range(count))


def test_a_spike_and_a_gap_survive() -> None:
    """A value that is not finite is as high as can be."""
    values: list[float | None] = [math.sin(i / 50) for i in range(5000)]
    values[1234], values[3210] = 99.0, None
    assert {1234, 3210} <= set(thin(values, 100))
