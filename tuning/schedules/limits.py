"""Limits: what a field of a frozen value may hold, stated beside the field itself.

The one idea: `floor: Fraction = 0.0` is the whole declaration; the annotation carries the limit,
and `settle` checks every annotated field of a new value once and stores it in its plain type
(`1` becomes `1.0`, a NumPy integer an `int`), so equal values have equal JSON.
Not here: the narrower ranges a search moves in (`tuning.schedules.parameters`).
"""

import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from numbers import Integral, Real
from typing import Annotated, Any, Literal, Protocol, get_args, get_origin

import numpy as np
from numpy.typing import NDArray

from tuning.errors import InvalidValue, UnknownName

LARGEST = sys.float_info.max


class Limit(Protocol):
    """Checks a value and returns it in its plain type, or raises `InvalidValue`."""

    def __call__(self, field: str, value: object) -> object:
        """Return the plain value, or raise naming `field`, the value and the allowed range."""


def plain(value: object) -> float | int | None:
    """An int or a finite float for any integral or real number that fits into a float.

    None for all else: NaN, infinities, integers beyond the largest float, booleans, text.
    """
    number: float | int
    match value:
        case bool():
            return None
        case Integral():
            number = int(value)
        case Real():
            number = float(value) + 0.0  # a negative zero becomes zero
        case _:
            return None
    return number if abs(number) <= LARGEST else None


def as_floats(values: Sequence[object]) -> NDArray[np.float64] | None:
    """Values that are all plain ints or floats as an array; None if one is something else."""
    if not set(map(type, values)) <= {int, float}:
        return None
    try:
        return np.array(values, dtype=np.float64)
    except OverflowError:  # an integer beyond the largest float
        return None


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number in [low, high], or in (low, high] if `above` is set."""

    low: float = 0.0
    high: float = math.inf
    above: bool = False

    def __call__(self, field: str, value: object) -> float:
        """Return `value` as a float."""
        number = plain(value)
        if number is None or not self._holds(number):
            raise InvalidValue(field, value, str(self))
        return float(number)

    def _holds(self, value: float) -> bool:
        above = value > self.low if self.above else value >= self.low
        return above and value <= self.high

    def each(self, field: str, values: Sequence[object]) -> tuple[float, ...]:
        """Return all values as floats; as one at a time would, only a hundred times as fast."""
        numbers = as_floats(values)
        if numbers is None:
            return tuple(self(f"{field}[{place}]", one) for place, one in enumerate(values))
        above = numbers > self.low if self.above else numbers >= self.low
        wrong = ~(above & (numbers <= self.high) & np.isfinite(numbers))
        if wrong.any():
            at = int(wrong.argmax())
            raise InvalidValue(f"{field}[{at}]", values[at], str(self))
        return tuple((numbers + 0.0).tolist())  # a negative zero becomes zero

    def __str__(self) -> str:
        """The allowed range in words."""
        low = f"above {self.low:g}" if self.above else f"from {self.low:g}"
        return f"a finite number {low}" + (f" to {self.high:g}" if self.high < math.inf else "")


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer in [low, high]."""

    low: int
    high: int

    def __call__(self, field: str, value: object) -> int:
        """Return `value` as an int."""
        number = plain(value)
        if isinstance(number, int) and self.low <= number <= self.high:
            return number
        raise InvalidValue(field, value, f"an integer from {self.low:,} to {self.high:,}")


@dataclass(frozen=True, slots=True)
class Share:
    """A length: a fraction of a whole as a float, or a number of updates as an int."""

    longest: float = 1.0

    def __call__(self, field: str, value: object) -> float | int:
        """Return a fraction as a float, updates as an int."""
        number = plain(value)
        if isinstance(number, int) and number >= 0:
            return number
        if isinstance(number, float) and 0.0 <= number <= self.longest:
            return number
        longest = f"{self.longest:.1f}"
        allowed = f"a fraction from 0.0 to {longest}, or an integer number of updates from 0"
        raise InvalidValue(field, value, allowed)


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def __call__(self, field: str, value: object) -> bool:
        """Return `value` unless it is no boolean."""
        if not isinstance(value, bool):
            raise InvalidValue(field, value, "true or false")
        return value


@dataclass(frozen=True, slots=True)
class OrNone:
    """None, or a value within a limit."""

    limit: Limit

    def __call__(self, field: str, value: object) -> object:
        """Return None, or the plain value."""
        return None if value is None else self.limit(field, value)


class Among:
    """One of the names of a table."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)

    def __call__(self, field: str, value: object) -> str:
        """Return `value` if it is one of the names."""
        if not isinstance(value, str) or value not in self.names:
            raise UnknownName(field, value, self.names)
        return value


@dataclass(frozen=True, slots=True)
class Each:
    """Several values, each within one limit, as a tuple."""

    limit: Limit
    fewest: int = 1
    most: float = math.inf

    def __call__(self, field: str, value: object) -> tuple[Any, ...]:
        """Return the plain values of a list or tuple."""
        if not isinstance(value, list | tuple):
            raise InvalidValue(field, value, str(self))
        if not self.fewest <= len(value) <= self.most:
            raise InvalidValue(field, f"{len(value):,} values", str(self))
        if isinstance(self.limit, Number):
            return self.limit.each(field, value)
        return tuple(self.limit(f"{field}[{place}]", one) for place, one in enumerate(value))

    def __str__(self) -> str:
        """The allowed numbers of values in words."""
        fewest = f" of at least {self.fewest} values" if self.fewest else ""
        return f"a list{fewest}" + (f", at most {self.most:,}" if self.most < math.inf else "")


LIMITS: tuple[type, ...] = (Number, Integer, Share, Flag, OrNone, Among, Each)

Positive = Annotated[float, Number(above=True)]
Fraction = Annotated[float, Number(0.0, 1.0)]
PositiveFraction = Annotated[float, Number(0.0, 1.0, above=True)]
Length = Annotated[float | int, Share()]
Time = Annotated[float | int, Share(longest=1e6)]
Lengths = Annotated[tuple[float | int, ...], Each(Share(), fewest=0)]


def settle(value: Any, place: str = "") -> None:  # noqa: ANN401 # any frozen dataclass
    """Check every annotated field of a new frozen dataclass and store it in its plain type.

    A field is checked if its annotation is `Annotated[..., Limit]` or a `Literal` of strings;
    `place` is where the value stands. Raises `InvalidValue` (`UnknownName` for names) naming the
    first field that is not allowed.
    """
    for field, limits in _limits_within(type(value)):  # type: ignore[arg-type] # it is hashable
        name = f"{place}.{field}" if place else field
        for limit in limits:
            object.__setattr__(value, field, limit(name, getattr(value, field)))


@cache
def _limits_within(kind: type[Any]) -> tuple[tuple[str, tuple[Limit, ...]], ...]:
    """The limits of every field of a dataclass."""
    return tuple((field.name, limits_of(field.type)) for field in fields(kind))


def limits_of(annotation: object) -> tuple[Limit, ...]:
    """The limits that an annotation declares.

    >>> limits_of(Fraction), limits_of(float)
    ((Number(low=0.0, high=1.0, above=False),), ())
    """
    if get_origin(annotation) is Literal:
        return (Among(get_args(annotation)),)
    return tuple(getattr(annotation, "__metadata__", ()))


def check_known(document: Mapping[str, object], known: Iterable[str], field: str = "") -> None:
    """Refuse a document with a field nobody reads; `field` is where the document stands."""
    names = tuple(known)
    for name in document:
        if name not in names:
            raise UnknownName(f"{field}.{name}" if field else name, document[name], names)
