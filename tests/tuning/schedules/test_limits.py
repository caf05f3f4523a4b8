"""Limits: what a field may hold is checked once, and stored in its plain type."""

import json
import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pytest

from tuning.errors import InvalidValue
from tuning.schedules import Cosine, Schedule, Sgdr, Warmup, Wsd
from tuning.schedules.limits import Each, Integer, Number, OrNone, settle


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


@dataclass(frozen=True)
class Optional:
    """A value that may be left out."""

    count: Annotated[int | None, OrNone(Integer(1, 9))] = None

    def __post_init__(self) -> None:
        """Refuse what is not allowed, by its place."""
        settle(self, "config")


def test_what_may_be_none_is_none_or_within_its_limit() -> None:
    """And is named by where the value stands."""
    assert (Optional().count, Optional(9).count) == (None, 9)
    with pytest.raises(InvalidValue, match=r"^config\.count: 10 .* an integer from 1 to 9$"):
        Optional(10)


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


@pytest.mark.parametrize("wrong", [2.0, -2, math.nan, math.inf, True, "1", None, 10**400])
def test_the_first_of_many_wrong_values_is_named(wrong: object) -> None:
    """Long lists are checked as one array, and short of plain numbers one by one: same error."""
    values = [0.0, 1, -0.0, wrong, 7.0]
    with pytest.raises(
        InvalidValue, match=r"^values\[3\]: .* allowed: a finite number from -1 to 1"
    ):
        Each(Number(-1.0, 1.0))("values", values)


def test_many_values_become_plain() -> None:
    """Integers and NumPy's numbers become floats, a negative zero becomes zero."""
    mixed = Each(Number(-1.0, 1.0))("values", [1, np.float64(0.5), -0.0])
    alike = Each(Number(-1.0, 1.0))("values", (1, 0.5, -0.0))
    assert mixed == alike == (1.0, 0.5, 0.0)
    assert {type(value) for value in (*mixed, *alike)} == {float}
    assert math.copysign(1.0, alike[2]) == 1.0
