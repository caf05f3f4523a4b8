"""A schedule over its horizon: steps, tables, hashes, previews, refusals."""

import hashlib
import math
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning.errors import InvalidValue, UnknownName
from tuning.schedules import Cosine, Linear, OneCycle, Schedule, Sgdr, Triangular, Warmup, Wsd


@pytest.mark.parametrize("horizon", [0, -1, 10_000_001, 1.0, math.nan, True, "10", None])
def test_a_horizon_outside_its_range_is_refused(horizon: object) -> None:
    """The error names the field, the value and the range."""
    with pytest.raises(InvalidValue, match=r"^horizon: .* an integer from 1 to 10,000,000"):
        Schedule(Cosine(0.1), horizon)


def test_a_family_by_name_is_refused() -> None:
    """A schedule needs the family itself."""
    with pytest.raises(InvalidValue, match=r"^family: 'cosine'"):
        Schedule("cosine", 10)


@pytest.mark.parametrize("steps", [-1, [0, -5], 0.5, [0.0], "0", True, [None]])
def test_steps_that_are_no_updates_are_refused(steps: object) -> None:
    """An update has a non-negative integer index."""
    with pytest.raises(InvalidValue, match=r"^steps: .* integers from 0"):
        Schedule(Cosine(0.1), 10)(steps)


def test_no_steps_have_no_values() -> None:
    """An empty question has an empty answer."""
    assert Schedule(Cosine(0.1), 10)([]).shape == (0,)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.int32, np.uint64])
def test_any_integer_type_will_do(kind: type) -> None:
    """Small or unsigned integers do not overflow."""
    schedule = Schedule(Sgdr(0.1, warmup=Warmup(100)), 1000)
    steps = np.array([0, 50, 120], dtype=kind)
    assert (schedule(steps) == schedule(steps.astype(np.int64))).all()


def test_the_table_hash_is_that_of_little_endian_doubles() -> None:
    """Any language can check it: eight bytes a value, in order."""
    schedule = Schedule(Linear(0.1, warmup=Warmup(2)), 4)
    packed = struct.pack("<4d", 0.0, 0.05, 0.1, 0.05)
    assert schedule.table_sha256 == hashlib.sha256(packed).hexdigest()


def test_the_identity_does_not_change_between_versions() -> None:
    """Stored studies refer to it: whoever changes it breaks them."""
    schedule = Schedule(Wsd(0.1, warmup=Warmup(0.1), hold=0.5, floor=0.1), 1000)
    assert schedule.identity == ("5d0239aeed389f324fe83124eb0f78a9f8f5101dfdbd96ca43f65b09603d7e33")


def test_lengths_in_updates_scale_with_the_horizon() -> None:
    """A warmup and a hold in updates take the same parts of a quarter of the horizon."""
    schedule = Schedule(Wsd(0.1, warmup=Warmup(100), hold=600), 1000)
    shorter = schedule.at(250)
    assert shorter.identity == Schedule(Wsd(0.1, warmup=Warmup(25), hold=150), 250).identity


def test_horizons_may_be_changed_in_any_order() -> None:
    """What a schedule is over a horizon does not depend on the horizons before."""
    schedule = Schedule(Wsd(0.1, warmup=Warmup(74), hold=1777), 3720)
    assert schedule.at(930).at(7).at(465).identity == schedule.at(465).identity


def test_a_hold_longer_than_its_room_is_refused() -> None:
    """What the warmup took is not there any more."""
    with pytest.raises(InvalidValue, match=r"^hold: 81 .* at most the 80 updates"):
        Schedule(Wsd(0.1, warmup=Warmup(20), hold=81), 100)


def test_the_longest_search_ranges_fit() -> None:
    """A fifth of warmup and 0.95 of hold leave a cooldown."""
    values = Schedule(Wsd(0.1, warmup=Warmup(0.2), hold=0.95), 100).table()
    assert (values[20:96] == 0.1).all()
    assert values[-1] < 0.1


def test_warmup_meets_the_body_where_it_starts() -> None:
    """A one-cycle begins at a fraction of its peak: the warmup leads there, not to the peak."""
    values = Schedule(OneCycle(1.0, warmup=Warmup(10)), 110).table()
    assert values[:11].tolist() == pytest.approx([0.004 * t for t in range(11)])
    assert values.max() == 1.0


@pytest.mark.parametrize(("horizon", "end", "warmup"), [(1, "last", 0), (4, "after", 4)])
def test_a_body_without_room_does_not_rebound(horizon: int, end: str, warmup: int) -> None:
    """There is nowhere to go back to: the end value is held."""
    family = Linear(0.1, warmup=Warmup(warmup), end=end, after_end="rebound")
    values = Schedule(family, horizon)(np.arange(horizon, horizon + 5))
    assert len(set(values.tolist())) == 1


def test_more_cycles_than_updates_keep_the_highest() -> None:
    """The first cycles are there, so the peak is."""
    values = Schedule(Sgdr(1.0, cycles=8, cycle_growth=1.0, cycle_decay=0.5), 3).table()
    assert values.tolist() == [1.0, 0.5, 0.25]


def test_a_growth_without_bounds_is_refused() -> None:
    """Lengths that are no numbers are an error naming the field."""
    with pytest.raises(InvalidValue, match=r"^cycle_growth: 9.0 .* for 1,000 cycles"):
        Schedule(Triangular(1.0, cycles=1000, cycle_growth=9.0), 100)


def test_a_geometric_warmup_from_zero_is_refused() -> None:
    """Zero times any ratio is zero."""
    with pytest.raises(InvalidValue, match=r"^start: 0.0 .* geometric"):
        Warmup(10, curve="geometric")


def test_a_geometric_warmup_to_zero_is_refused() -> None:
    """A triangle may start at zero, which no ratio reaches."""
    family = Triangular(1.0, floor=0.0, warmup=Warmup(10, curve="geometric", start=0.1))
    with pytest.raises(InvalidValue, match=r"^warmup\.curve: 'geometric' "):
        Schedule(family, 100)


@pytest.mark.parametrize("phase", [(2, 0), (1, -1), "00", [0], None])
def test_a_phase_nobody_uses_is_refused(phase: object) -> None:
    """The error lists the phases."""
    with pytest.raises(InvalidValue, match=r"^phase: .* one of \(0, 0\), "):
        Warmup(10, phase=phase)


def test_a_curve_nobody_knows_is_refused() -> None:
    """The error lists the curves."""
    with pytest.raises(UnknownName, match=r"^curve: 'quick' .* one of 1-sqrt, "):
        Warmup(10, curve="quick")


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 2000), st.integers(4, 300), st.integers(1, 32), st.floats(0.3, 1.0))
def test_a_preview_keeps_the_extremes(horizon: int, points: int, cycles: int, decay: float) -> None:
    """At most so many points, on the curve, with its first, last, lowest and highest value."""
    schedule = Schedule(Sgdr(0.1, cycles=cycles, cycle_decay=decay), horizon)
    steps, values = schedule.preview(points)
    table = schedule.table()
    assert len(steps) <= points
    assert (np.diff(steps) > 0).all()
    assert (values == table[steps]).all()
    assert (steps[0], steps[-1]) == (0, horizon - 1)
    assert (values.min(), values.max()) == (table.min(), table.max())


def test_a_short_preview_is_the_table() -> None:
    """Nothing is left out if everything fits."""
    steps, values = Schedule(Cosine(0.1), 20).preview(20)
    assert steps.tolist() == list(range(20))
    assert (values == Schedule(Cosine(0.1), 20).table()).all()


def test_a_preview_needs_points() -> None:
    """First, last, lowest and highest are four."""
    with pytest.raises(InvalidValue, match=r"^points: 3 "):
        Schedule(Cosine(0.1), 20).preview(3)
