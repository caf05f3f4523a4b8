"""Limits: what a field may hold is checked once, and stored in its plain type."""

import json

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.schedules import Cosine, Schedule, Sgdr, Warmup, Wsd


def test_equal_values_have_equal_json() -> None:
    """Integers, NumPy scalars and a negative zero are stored as what they are equal to."""
    plain = Sgdr(1.0, cycles=3, floor=0.0)
    other = Sgdr(np.float64(1), cycles=np.int32(3), floor=-0.0)
    assert json.dumps(Schedule(other, 9).document()) == json.dumps(Schedule(plain, 9).document())
    assert Schedule(other, 9).identity == Schedule(plain, 9).identity


def test_a_length_is_a_fraction_or_updates_by_its_type() -> None:
    """1.0 is all there is, 1 is one update; NumPy's types count as Python's."""
    assert Warmup(1.0).updates(50) == 50
    assert Warmup(1).updates(50) == 1
    assert Warmup(np.float32(0.5)).updates(50) == 25
    assert Warmup(np.int64(20)).updates(50) == 20


@pytest.mark.parametrize("length", [1.5, -0.1, -1, True, "0.5", None, float("nan")])
def test_a_length_that_is_neither_is_refused(length: object) -> None:
    """The error says what both kinds of length may be."""
    with pytest.raises(InvalidValue, match=r"^length: .* fraction from 0\.0 to 1\.0, or an int"):
        Warmup(length)


def test_flags_are_booleans() -> None:
    """A one is not a yes."""
    with pytest.raises(InvalidValue, match=r"^pinned: 1 .* true or false"):
        Warmup(pinned=1)


def test_ranges_are_said_in_words() -> None:
    """The allowed range is part of the error."""
    with pytest.raises(InvalidValue, match=r"^floor: 2 .* a finite number from 0 to 1$"):
        Cosine(0.1, floor=2)
    with pytest.raises(InvalidValue, match=r"^cooldown: 'fast' .* one of 1-sqrt, "):
        Wsd(0.1, cooldown="fast")
