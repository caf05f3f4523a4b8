"""Curves: how a value goes from 1 to 0 while u, the elapsed part of a segment, goes from 0 to 1.

The one idea: c(u) = base(u^warp)^power. A few bases and two exponents give linear, polynomial,
square and square-root decays, `1-sqrt`, half a cosine, its powers and its k-decay, and more.
A rising segment is a falling one played backwards, c(1 - u), so there are no rising curves.
Not here: between which values a segment moves (`tuning.schedules.compose.Ramp`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tuning.errors import InvalidValue
from tuning.schedules.limits import Among, Number, Positive, settle

Floats: TypeAlias = NDArray[np.float64]
Base: TypeAlias = Callable[..., Floats]

REST = 0.01


def _linear(_: Floats, left: Floats) -> Floats:
    return left


def _cosine(elapsed: Floats, _: Floats) -> Floats:
    return 0.5 * (1.0 + np.cos(np.pi * elapsed))


def _mirror_cosine(elapsed: Floats, left: Floats) -> Floats:
    return 2.0 * left - _cosine(elapsed, left)


def _exponential(elapsed: Floats, _: Floats, rest: float) -> Floats:
    # Geometric decay to a rest, stretched to reach zero: a floor of zero stays possible.
    return (rest**elapsed - rest) / (1.0 - rest)


def _rex(elapsed: Floats, left: Floats, bend: float) -> Floats:
    return left / (left + bend * elapsed)


def _tanh(elapsed: Floats, left: Floats, low: float, high: float) -> Floats:
    highest, lowest = math.tanh(high), math.tanh(low)
    values: Floats = (highest - np.tanh(low * left + high * elapsed)) / (highest - lowest)
    return values


BASES: Mapping[str, Base] = MappingProxyType(
    {
        "linear": _linear,
        "cosine": _cosine,
        "mirror_cosine": _mirror_cosine,
        "exponential": _exponential,
        "rex": _rex,
        "tanh": _tanh,
    }
)
DEFAULTS: Mapping[str, tuple[float, ...]] = MappingProxyType(
    {"exponential": (REST,), "rex": (0.5,), "tanh": (-7.0, 3.0)}
)
# What these numbers of a base may be.
NUMBERS: Mapping[str, tuple[Number, ...]] = MappingProxyType(
    {
        "exponential": (Number(1e-300, 0.999999),),
        "rex": (Number(0.0, 1e6, above=True),),
        "tanh": (Number(-50.0, 50.0), Number(-50.0, 50.0)),
    }
)


@dataclass(frozen=True, slots=True)
class Curve:
    """A decreasing curve c(u) = base(u^warp)^power with c(0) = 1 and c(1) = 0.

    Args:
        base: `linear` 1 - u; `cosine` (1 + cos πu)/2; `mirror_cosine` 2(1 - u) - cosine, as far
            below the line as the cosine is above it; `exponential` (r^u - r)/(1 - r), r = 0.01;
            `rex` (1 - u)/(1 - u + b u), b = 0.5; `tanh` 1 - tanh(l (1 - u) + h u), brought to 1 and
            0 at the ends, l = -7 and h = 3.
        warp: exponent of u: below 1 it falls early, above 1 late.
        power: exponent of the base's value: above 1 it falls early, below 1 late.
        args: the numbers r, b, or l and h of the base; none are its defaults.

    >>> Curve("linear", power=2.0)(np.array([0.0, 0.5, 1.0]))
    array([1.  , 0.25, 0.  ])
    """

    base: Annotated[str, Among(BASES)] = "linear"
    warp: Positive = 1.0
    power: Positive = 1.0
    args: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Refuse an unknown base, an exponent that is not positive, numbers the base has not."""
        settle(self)
        limits = NUMBERS.get(self.base, ())
        if self.args and len(self.args) != len(limits):
            raise InvalidValue("args", self.args, f"no or {len(limits)} numbers for {self.base}")
        args = tuple(limit("args", one) for limit, one in zip(limits, self.args, strict=False))
        object.__setattr__(self, "args", () if args == DEFAULTS.get(self.base) else args)
        if self.base == "tanh" and args and args[0] >= args[1]:
            raise InvalidValue("args", args, "the lower number first")

    def __call__(self, elapsed: Floats, left: Floats | None = None) -> Floats:
        """The curve at u.

        Args:
            elapsed: u in [0, 1], any shape.
            left: 1 - u, if the caller knows it without rounding.

        Returns:
            c(u) in [0, 1], the shape of `elapsed`.
        """
        if self.warp != 1.0:
            elapsed, left = elapsed**self.warp, None
        numbers = self.args or DEFAULTS.get(self.base, ())
        value = BASES[self.base](elapsed, 1.0 - elapsed if left is None else left, *numbers)
        value = np.clip(value, 0.0, 1.0)  # rounding may leave [0, 1], a root must not
        return value if self.power == 1.0 else value**self.power

    def raised(self, power: float) -> "Curve":
        """The same curve to a power."""
        return replace(self, power=self.power * power)

    def document(self) -> dict[str, Any]:
        """The curve as JSON-able values."""
        args = {"args": list(self.args)} if self.args else {}
        return {"base": self.base, "warp": self.warp, "power": self.power, **args}


CURVES: Mapping[str, Curve] = MappingProxyType(
    {
        "linear": Curve("linear"),
        "cosine": Curve("cosine"),
        "1-sqrt": Curve("linear", warp=0.5),
        "1-square": Curve("linear", warp=2.0),
        "sqrt": Curve("linear", power=0.5),
        "square": Curve("linear", power=2.0),
        "exponential": Curve("exponential"),
        "mirror_cosine": Curve("mirror_cosine"),
        "half_exponential": Curve("exponential", args=(0.5,)),
        "rex": Curve("rex"),
        "sine": Curve("cosine", power=0.5),
    }
)

CurveName = Annotated[str, Among(CURVES)]
