"""Fractions and weights become whole numbers of updates that sum to what there is."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.errors import InvalidValue
from tuning.schedules.lengths import Ask, apportion, resolve, share

weights = st.lists(st.floats(0.01, 100.0), min_size=1, max_size=40)


@given(st.integers(0, 10_000), weights)
def test_shares_sum_to_the_whole(whole: int, parts: list[float]) -> None:
    """No update is lost or invented, and no part is negative."""
    shares = apportion(whole, parts)
    assert sum(shares) == whole
    assert min(shares) >= 0
    assert len(shares) == len(parts)


@given(st.integers(0, 10_000), weights)
def test_every_part_gets_an_update_if_there_are_enough(whole: int, parts: list[float]) -> None:
    """A part only vanishes when there are fewer updates than parts."""
    assert sum(share > 0 for share in apportion(whole, parts)) == min(whole, len(parts))


@given(st.integers(0, 10_000), weights)
def test_shares_are_near_their_quotas(whole: int, parts: list[float]) -> None:
    """With no part below one update, each is within one of its quota."""
    quotas = [whole * part / math.fsum(parts) for part in parts]
    if min(quotas) >= 1:
        shares = apportion(whole, parts)
        assert all(abs(s - q) < 1 + 1e-9 for s, q in zip(shares, quotas, strict=True))


@given(st.integers(0, 10_000), weights)
def test_a_longer_part_is_never_shorter(whole: int, parts: list[float]) -> None:
    """Shares keep the order of the weights, up to the update that a tie needs."""
    shares = apportion(max(whole, len(parts)), parts)
    ranked = sorted(zip(parts, shares, strict=True))
    assert all(shorter <= longer + 1 for (_, shorter), (_, longer) in pairwise(ranked))


def test_the_earlier_part_gets_the_update_left_over() -> None:
    """Ties have an order, so that a schedule has one layout."""
    assert apportion(5, [1, 1, 1, 1]) == (2, 1, 1, 1)
    assert apportion(3, [1, 1, 1, 1]) == (1, 1, 1, 0)
    assert apportion(0, [1, 2]) == (0, 0)


@pytest.mark.parametrize(
    ("length", "whole", "updates"),
    [(0.0, 10, 0), (1.0, 10, 10), (0.5, 1, 0), (0.5, 3, 1), (0.29, 100, 29), (0, 10, 0), (7, 7, 7)],
)
def test_a_length_is_the_nearest_number_of_updates(length: float, whole: int, updates: int) -> None:
    """Half an update goes to what follows."""
    assert resolve("hold", length, whole) == updates


@given(st.integers(1, 10_000_000), st.data())
def test_updates_as_a_fraction_come_back(whole: int, data: st.DataObject) -> None:
    """A number of updates divided by the whole resolves to itself."""
    updates = data.draw(st.integers(0, whole))
    assert resolve("hold", updates / whole, whole) == updates


asks = st.lists(
    st.builds(Ask, st.integers(0, 50), st.floats(0.0, 100.0), st.integers(0, 2)), min_size=1
)


@given(st.integers(0, 10_000), asks)
def test_shares_of_what_is_asked_for_sum_to_the_whole(whole: int, parts: list[Ask]) -> None:
    """Nobody gets less than is pinned; what does not fit is refused, and nothing else."""
    total = sum(parts, Ask())
    left = whole - total.pinned
    room_for_rests = total.asked <= left + 1e-9 * whole  # as close as rounding may come
    if left < 0 or (not room_for_rests if total.rests else left > 0 and not total.asked):
        with pytest.raises(InvalidValue, match=r"^node: "):
            share("node", whole, parts)
        return
    shares = share("node", whole, parts)
    assert sum(shares) == whole
    assert all(got >= part.pinned for got, part in zip(shares, parts, strict=True))
    rest = (left - total.asked) / total.rests if total.rests else 0.0
    shared = total.asked if total.rests or not total.asked else left
    quotas = [
        part.pinned + part.asked * shared / (total.asked or 1.0) + part.rests * rest
        for part in parts
    ]
    assert all(abs(got - quota) < 1 + 1e-6 for got, quota in zip(shares, quotas, strict=True))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ([Ask(pinned=8)], "'pinned lengths of 8 updates' .* at most the 7 updates there are"),
        ([Ask(asked=7.5), Ask(rests=1)], "'lengths of 7.5 updates' .* at most the 7 updates"),
        ([Ask(pinned=6), Ask()], "'lengths of 6 updates' .* the 7 .*, or a rest beside them"),
    ],
)
def test_what_does_not_fit_is_refused(parts: list[Ask], said: str) -> None:
    """The error names the field, what is taken and what there is."""
    with pytest.raises(InvalidValue, match=rf"^node\.sequence: {said}"):
        share("node.sequence", 7, parts)


def test_too_many_updates_are_refused() -> None:
    """The error names the field and the room there is."""
    with pytest.raises(InvalidValue, match=r"^hold: 8 .* at most the 7 updates there are"):
        resolve("hold", 8, 7)
