"""Fractions and weights become whole numbers of updates that sum to what there is."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuning.errors import InvalidValue
from tuning.schedules.lengths import apportion, resolve

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


def test_too_many_updates_are_refused() -> None:
    """The error names the field and the room there is."""
    with pytest.raises(InvalidValue, match=r"^hold: 8 .* at most the 7 updates there are"):
        resolve("hold", 8, 7)
