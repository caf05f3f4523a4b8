"""Cycles: families that rise again, once or many times.

The one idea: a cycle is a node over a number of updates; `tuning.schedules.compose.cycles` repeats
it, with lengths that grow and amplitudes that shrink.
"""

import math
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import Annotated, ClassVar, Literal, final

from tuning.errors import InvalidValue
from tuning.schedules.compose import Affine, Node, Ramp, Sequence, cycles
from tuning.schedules.curves import CURVES
from tuning.schedules.families.base import Family
from tuning.schedules.lengths import apportion, resolve
from tuning.schedules.limits import Among, Fraction, Integer, Length, Positive

MAX_CYCLES = 10_000

CycleCount = Annotated[int, Integer(1, MAX_CYCLES)]


@final
@dataclass(frozen=True, kw_only=True)
class OneCycle(Family):
    """Rise to the peak, then fall far below where it began.

    From P `start` up along `curve` for `rise` (a fraction of the updates after warmup, or updates),
    then down along it to P `floor`. The defaults are PyTorch's: 1/25 of the peak, 30 %, and 1e-4 of
    the start (Smith & Topin, 2018, arXiv:1708.07120). The way down keeps at least one update, so
    that the peak is used. To end on the last update as PyTorch does, give the rise in updates.

    >>> from tuning.schedules import Schedule
    >>> Schedule(OneCycle(1.0), 10)([0, 1, 2, 3, 10])
    array([4.0e-02, 2.8e-01, 7.6e-01, 1.0e+00, 4.0e-06])
    """

    tunable: ClassVar[tuple[str, ...]] = ("rise", "floor")

    rise: Length = 0.3
    start: Fraction = 0.04
    floor: Fraction = 4e-6
    curve: Annotated[str, Among(CURVES)] = "cosine"
    kind: Literal["one_cycle"] = "one_cycle"

    def body(self, length: int) -> Node:
        """Up, then down."""
        up, curve = rising(self.rise, length), CURVES[self.curve]
        return Sequence(
            (Ramp(up, self.start, 1.0, curve), Ramp(length - up, 1.0, self.floor, curve))
        )


@final
@dataclass(frozen=True, kw_only=True)
class Triangular(Family):
    """Straight up and down between the floor and the peak, again and again.

    `cycles` triangles share the updates after warmup, each `cycle_growth` times as long as the one
    before and `cycle_decay` times as high above the floor; the first part of each, `rise` (a
    fraction), goes up. A `cycle_decay` of 0.5 is "triangular2" (Smith, 2017, arXiv:1506.01186).

    >>> from tuning.schedules import Schedule
    >>> Schedule(Triangular(1.0, cycles=2, floor=0.0, cycle_decay=0.5), 8)(range(8))
    array([0.  , 0.5 , 1.  , 0.5 , 0.  , 0.25, 0.5 , 0.25])
    """

    tunable: ClassVar[tuple[str, ...]] = (
        "cycles",
        "cycle_growth",
        "cycle_decay",
        "rise",
        "floor",
    )

    cycles: CycleCount = 4
    cycle_growth: Positive = 1.0
    cycle_decay: Fraction = 1.0
    rise: Fraction = 0.5
    floor: Fraction = 0.25
    kind: Literal["triangular"] = "triangular"

    def body(self, length: int) -> Node:
        """The triangles, between the floor and the peak."""
        lengths = cycle_lengths(length, self.cycle_growth, self.cycles)
        amplitudes = geometric(self.cycle_decay, self.cycles)
        return Affine(cycles(self._triangle, lengths, amplitudes), self.floor, 1.0)

    def _triangle(self, length: int) -> Node:
        up = rising(self.rise, length)
        return Sequence((Ramp(up, 0.0, 1.0), Ramp(length - up, 1.0, 0.0)))


@final
@dataclass(frozen=True, kw_only=True)
class Sgdr(Family):
    """Half a cosine down to the floor, restarted at the peak.

    `cycles` half cosines share the updates after warmup, each `cycle_growth` times as long as the
    one before and `cycle_decay` times as high above the floor (Loshchilov & Hutter, 2017,
    arXiv:1608.03983; one cycle is `cosine`).

    >>> from tuning.schedules import Schedule
    >>> Schedule(Sgdr(1.0, cycles=2, cycle_growth=2.0), 6)(range(7))
    array([1.        , 0.5       , 1.        , 0.85355339, 0.5       ,
           0.14644661, 0.        ])
    """

    tunable: ClassVar[tuple[str, ...]] = (
        "warmup",
        "cycles",
        "cycle_growth",
        "cycle_decay",
        "floor",
    )

    cycles: CycleCount = 4
    cycle_growth: Positive = 2.0
    cycle_decay: Fraction = 1.0
    floor: Fraction = 0.0
    kind: Literal["sgdr"] = "sgdr"

    def body(self, length: int) -> Node:
        """The half cosines, between the floor and the peak."""
        lengths = cycle_lengths(length, self.cycle_growth, self.cycles)
        amplitudes = geometric(self.cycle_decay, self.cycles)
        return Affine(cycles(_half_cosine, lengths, amplitudes), self.floor, 1.0)


def _half_cosine(length: int) -> Node:
    return Ramp(length, 1.0, 0.0, CURVES["cosine"])


def cycle_lengths(length: int, growth: float, count: int) -> tuple[int, ...]:
    """So many cycles share the updates, each `growth` times as long as the one before."""
    weights = geometric(growth, count)
    if not (math.isfinite(sum(weights)) and weights[-1] > 0.0):
        raise InvalidValue("cycle_growth", growth, f"closer to 1 for {count:,} cycles")
    return apportion(length, weights)


def rising(rise: Length, length: int) -> int:
    """Updates on the way up, at least one of `length` being left for the way down."""
    return min(resolve("rise", rise, length), max(0, length - 1))


def geometric(ratio: float, count: int) -> list[float]:
    """1, ratio, ratio², ...; products rather than powers: the same bits on every machine."""
    return list(accumulate(repeat(ratio, count - 1), float.__mul__, initial=1.0))
