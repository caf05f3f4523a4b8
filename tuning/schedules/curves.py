"""Curves: how a value goes from 1 to 0 while u, the elapsed part of a segment, goes from 0 to 1.

The one idea: c(u) = base(u^warp)^power. Four bases and two exponents give linear, polynomial,
square and square-root decays, `1-sqrt`, half a cosine, its powers and its k-decay, and more.
A rising segment is a falling one played backwards, c(1 - u), so there are no rising curves.
Not here: between which values a segment moves (`tuning.schedules.compose.Ramp`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tuning.schedules.limits import Among, Positive, settle

Floats: TypeAlias = NDArray[np.float64]
Base: TypeAlias = Callable[[Floats, Floats], Floats]

REST = 0.01


def _linear(_: Floats, left: Floats) -> Floats:
    return left


def _cosine(elapsed: Floats, _: Floats) -> Floats:
    return 0.5 * (1.0 + np.cos(np.pi * elapsed))


def _mirror_cosine(elapsed: Floats, left: Floats) -> Floats:
    return 2.0 * left - _cosine(elapsed, left)


def _exponential(elapsed: Floats, _: Floats) -> Floats:
    # Geometric decay to REST, stretched to reach zero: a floor of zero stays possible.
    return (REST**elapsed - REST) / (1.0 - REST)


BASES: Mapping[str, Base] = MappingProxyType(
    {
        "linear": _linear,
        "cosine": _cosine,
        "mirror_cosine": _mirror_cosine,
        "exponential": _exponential,
    }
)


@dataclass(frozen=True, slots=True)
class Curve:
    """A decreasing curve c(u) = base(u^warp)^power with c(0) = 1 and c(1) = 0.

    Args:
        base: `linear` 1 - u; `cosine` (1 + cos πu)/2; `mirror_cosine` 2(1 - u) - cosine, as far
            below the line as the cosine is above it; `exponential` (r^u - r)/(1 - r), r = 0.01.
        warp: exponent of u: below 1 it falls early, above 1 late.
        power: exponent of the base's value: above 1 it falls early, below 1 late.

    >>> Curve("linear", power=2.0)(np.array([0.0, 0.5, 1.0]))
    array([1.  , 0.25, 0.  ])
    """

    base: Annotated[str, Among(BASES)] = "linear"
    warp: Positive = 1.0
    power: Positive = 1.0

    def __post_init__(self) -> None:
        """Refuse an unknown base or an exponent that is not positive."""
        settle(self)

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
        value = BASES[self.base](elapsed, 1.0 - elapsed if left is None else left)
        value = np.clip(value, 0.0, 1.0)  # rounding may leave [0, 1], a root must not
        return value if self.power == 1.0 else value**self.power

    def raised(self, power: float) -> "Curve":
        """The same curve to a power."""
        return replace(self, power=self.power * power)

    def document(self) -> dict[str, Any]:
        """The curve as JSON-able values."""
        return {"base": self.base, "warp": self.warp, "power": self.power}


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
    }
)
