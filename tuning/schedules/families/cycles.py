"""Cycles: families that rise again, once or many times.

The one idea: a cycle is a node over a number of updates; `tuning.schedules.compose.cycles` repeats
it, with lengths that grow and amplitudes that shrink.
Not here: cycles of any real period (`tuning.schedules.families.waves`).
"""

import math
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import Annotated, ClassVar, Literal, Protocol, final

from tuning.errors import InvalidValue
from tuning.schedules.compose import Affine, Node, Ramp, Sequence, cycles
from tuning.schedules.curves import CURVES, Curve, CurveName
from tuning.schedules.families.base import Family
from tuning.schedules.lengths import apportion, resolve
from tuning.schedules.limits import Fraction, Integer, Length, Positive

MAX_CYCLES = 10_000
RECURRING = ("cycles", "cycle_growth", "cycle_decay")  # what every family of cycles lets vary

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
    curve: CurveName = "cosine"
    kind: Literal["one_cycle"] = "one_cycle"

    def body(self, length: int) -> Node:
        """Up, then down."""
        up, curve = rising(self.rise, length), CURVES[self.curve]
        return Sequence(
            (Ramp(up, self.start, 1.0, curve), Ramp(length - up, 1.0, self.floor, curve))
        )


@final
@dataclass(frozen=True, kw_only=True)
class ThreePhase(Family):
    """One cycle in three phases: up, down to the start, annihilate.

    From P `start` up to P over `rise`, down to P `start` over `fall` (fractions of the updates
    after warmup, or updates), then to P `floor`, each along `curve`: PyTorch's `three_phase` and
    Optax's linear_onecycle_schedule (pct_final 0.85).

    >>> from tuning.schedules import Schedule
    >>> Schedule(ThreePhase(1.0, rise=2, fall=2, start=0.2, floor=0.0), 6)(range(7))
    array([0.2, 0.6, 1. , 0.6, 0.2, 0.1, 0. ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("rise", "floor")

    rise: Length = 0.3
    fall: Length = 0.55
    start: Fraction = 0.04
    floor: Fraction = 4e-6
    curve: CurveName = "linear"
    kind: Literal["three_phase"] = "three_phase"

    def body(self, length: int) -> Node:
        """Up, down, and down further."""
        up, curve = rising(self.rise, length), CURVES[self.curve]
        down = min(resolve("fall", self.fall, length), length - up)
        climb, back = Ramp(up, self.start, 1.0, curve), Ramp(down, 1.0, self.start, curve)
        begin = self.start if down else 1.0
        return Sequence((climb, back, Ramp(length - up - down, begin, self.floor, curve)))


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

    tunable: ClassVar[tuple[str, ...]] = (*RECURRING, "rise", "floor")

    cycles: CycleCount = 4
    cycle_growth: Positive = 1.0
    cycle_decay: Fraction = 1.0
    rise: Fraction = 0.5
    floor: Fraction = 0.25
    kind: Literal["triangular"] = "triangular"

    def body(self, length: int) -> Node:
        """The triangles, between the floor and the peak."""
        return recurring(self, length, CURVES["linear"], self.rise)


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

    tunable: ClassVar[tuple[str, ...]] = ("warmup", *RECURRING, "floor")

    cycles: CycleCount = 4
    cycle_growth: Positive = 2.0
    cycle_decay: Fraction = 1.0
    floor: Fraction = 0.0
    kind: Literal["sgdr"] = "sgdr"

    def body(self, length: int) -> Node:
        """The half cosines, between the floor and the peak."""
        return recurring(self, length, CURVES["cosine"])


@final
@dataclass(frozen=True, kw_only=True)
class Restarts(Family):
    """Cycles of any curve, each with a warmup of its own.

    As `sgdr`, but along any `curve`, and the first part of each cycle, `rise` (a fraction), goes up
    in a line from the floor, as kozistr's CosineAnnealingWarmupRestarts.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Restarts(1.0, cycles=2, rise=0.25, curve="linear", cycle_decay=0.5), 8)(range(8))
    array([0.        , 1.        , 0.66666667, 0.33333333, 0.        ,
           0.5       , 0.33333333, 0.16666667])
    """

    tunable: ClassVar[tuple[str, ...]] = (*RECURRING, "rise", "floor")

    cycles: CycleCount = 4
    cycle_growth: Positive = 1.0
    cycle_decay: Fraction = 1.0
    rise: Fraction = 0.1
    floor: Fraction = 0.0
    curve: CurveName = "cosine"
    kind: Literal["restarts"] = "restarts"

    def body(self, length: int) -> Node:
        """The cycles, between the floor and the peak."""
        return recurring(self, length, CURVES[self.curve], self.rise)


class Recurring(Protocol):
    """A family of cycles above a floor, that may grow longer and lower."""

    @property
    def cycles(self) -> int:
        """How many."""

    @property
    def cycle_growth(self) -> float:
        """How much longer each is than the one before."""

    @property
    def cycle_decay(self) -> float:
        """How much lower."""

    @property
    def floor(self) -> float:
        """What they stand on."""


def recurring(family: Recurring, length: int, curve: Curve, rise: float = 0.0) -> Node:
    """The cycles, each up in a line for its part `rise` and down along the curve."""

    def cycle(updates: int) -> Node:
        up = rising(rise, updates)
        fall = Ramp(updates - up, 1.0, 0.0, curve)
        return Sequence((Ramp(up, 0.0, 1.0), fall)) if rise else fall

    lengths = cycle_lengths(length, family.cycle_growth, family.cycles)
    amplitudes = geometric(family.cycle_decay, family.cycles)
    return Affine(cycles(cycle, lengths, amplitudes), family.floor, 1.0)


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
