"""What the model is told of schedules: the same for the same curve, whatever its family."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tuning.schedules import FAMILIES
from tuning.schedules.parameters import KNOTS
from tuning.schedules.pchip import pchip
from tuning.search.samplers.description import (
    BOUND,
    SEGMENTS,
    describe,
    describe_knots,
    heights_of,
    mean_rate,
    scaled,
)
from tuning.search.samplers.points import placed
from tuning.search.samplers.segments import EDGES, PLACES, WEIGHTS, segment_means, spread
from tuning.search.samplers.starts import knots_point, start_points
from tuning.search.space import DEFAULT_FAMILIES, contains, lay_out, narrow

ZOO = tuple(dict.fromkeys((*DEFAULT_FAMILIES, "knots")))
SPACE = narrow(ZOO, (1e-3, 1.0), {}, {})
levels = st.lists(st.floats(-6.0, 0.0), min_size=9, max_size=9).map(np.array)


@given(heights=levels)
@example(heights=np.array([0.0] * 7 + [-2e-311, -1.0]))
def test_many_curves_at_once_are_drawn_as_one_is(heights: np.ndarray) -> None:
    """The vectorised curve is that of `tuning.schedules.pchip`."""
    knots = 0.5 - 0.5 * np.cos(np.pi * np.arange(9) / 8)
    single = pchip(PLACES, knots, heights)
    assert spread(heights, PLACES) == pytest.approx(single, abs=1e-12)
    both = spread(np.stack([heights, heights]), np.stack([PLACES, PLACES]))
    assert both == pytest.approx(np.stack([single, single]), abs=1e-12)


def test_segments_cover_the_horizon_and_hold_means() -> None:
    """Ten segments, narrower towards the end; a straight line has its mean in each."""
    assert WEIGHTS.sum() == pytest.approx(1.0)
    middles = (np.array(EDGES[1:]) + np.array(EDGES[:-1])) / 2
    assert segment_means(1.0 - PLACES) == pytest.approx(1.0 - middles)


@pytest.mark.parametrize("family", ZOO)
def test_segment_means_are_those_of_the_table(family: str) -> None:
    """Within a percent of the means over all updates, cyclic families within five."""
    point = placed(SPACE, family, {"peak": 0.5, "warmup": 0.04})
    table = lay_out(point, 10_000).table()
    cuts = (np.array(EDGES) * 10_000).round().astype(int)
    means = [table[a:b].mean() for a, b in pairwise(cuts)]
    found = describe([point], 1.0, 10_000)[0, :SEGMENTS]
    assert found == pytest.approx(np.log(np.maximum(means, 1e-4)), abs=0.05)
    assert mean_rate(point, 10_000) == pytest.approx(table.mean(), rel=0.02)


def test_families_that_are_one_curve_have_one_description() -> None:
    """A hold of nothing with a straight decay is a line."""
    line = placed(SPACE, "linear", {"peak": 0.5, "floor": 0.0})
    hold = placed(SPACE, "wsd", {"peak": 0.5, "hold": 0.0, "cooldown": "linear", "floor": 0.0})
    columns = describe([line, hold], 1.0, 500)
    assert columns[0] == pytest.approx(columns[1], abs=1e-12)


@settings(max_examples=30)
@given(heights=levels, warmup=st.sampled_from([0.0, 0.05, 0.2]))
def test_free_curves_are_described_as_they_are_laid_out(heights: np.ndarray, warmup: float) -> None:
    """What is computed for a candidate is what its point gives, up to the rounding of updates."""
    point = knots_point(SPACE, heights, warmup)
    assert contains(SPACE, point)
    laid_out = describe([point], 1.0, 100_000)
    candidate = describe_knots(heights_of(point, 1.0, 100_000)[None], np.array([warmup]))
    assert candidate[:, :SEGMENTS] == pytest.approx(laid_out[:, :SEGMENTS], abs=0.01)
    assert candidate[:, BOUND] == pytest.approx(laid_out[:, BOUND], abs=0.02)


def test_another_peak_shifts_the_description() -> None:
    """Segments and log B go up, log A goes down, and the floor stays."""
    low, high = (placed(SPACE, "linear", {"peak": peak, "floor": 0.0}) for peak in (0.1, 0.3))
    columns = describe([low, high], 1.0, 500)
    assert scaled(columns[:1], np.log([3.0]))[0] == pytest.approx(columns[1])
    assert scaled(columns[:1], np.array([-50.0]))[0, :SEGMENTS].tolist() == [np.log(1e-4)] * 10


def test_only_cycles_tell_their_count() -> None:
    """One cycle is none; two and more show count, range, rise and growth."""
    counts = [
        describe([placed(SPACE, "sgdr", {"cycles": count})], 1.0, 500)[0, SEGMENTS + 2 :]
        for count in (1, 2, 8)
    ]
    assert counts[0].tolist() == [0.0] * 4
    assert counts[1][0] == pytest.approx(np.log(2))
    assert counts[2][1] == 2.0


def test_starts_lie_in_the_space_whatever_is_left_of_it() -> None:
    """Families that the space lacks are left out, ranges are kept."""
    assert len(start_points(SPACE, 500)) == 12
    narrowed = narrow(("linear", "knots"), (0.01, 0.1), {}, {"warmup": 0.1, "floor": 0.2})
    points = start_points(narrowed, 500)
    assert {point["family"] for point in points} == {"linear", "knots"}
    assert all(contains(narrowed, point) for point in points)
    assert start_points(narrow(("constant",), (0.01, 0.1), {}, {}), 500) == []


def test_levels_at_knots_are_search_coordinates() -> None:
    """A smooth curve of any number of levels stands at nine of them."""
    family = FAMILIES["knots"](0.1, values=(1.0, 0.5, 0.1))
    coordinates = family.coordinates()
    found = [coordinates[name] for name in (KNOTS[0], KNOTS[4], KNOTS[8])]
    assert found == pytest.approx([1.0, 0.5, 0.1])
