"""Decays: families whose body goes down once, from the peak to the end."""

import math
from dataclasses import dataclass
from itertools import accumulate, repeat
from typing import Annotated, ClassVar, Literal, final

from tuning.schedules.compose import Node, Ramp, Sequence, hold
from tuning.schedules.curves import CURVES
from tuning.schedules.families.base import Family
from tuning.schedules.lengths import apportion, resolve
from tuning.schedules.limits import Fraction, Integer, Length, Number, Positive, PositiveFraction

MAX_DROPS = 10_000


@final
@dataclass(frozen=True, kw_only=True)
class Constant(Family):
    """The peak throughout.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Constant(1.0), 3)(range(3))
    array([1., 1., 1.])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup",)

    kind: Literal["constant"] = "constant"

    def body(self, length: int) -> Node:
        """The peak."""
        return hold(length)


@final
@dataclass(frozen=True, kw_only=True)
class Linear(Family):
    """A straight line from the peak to the floor.

    P (m + (1 - m)(1 - u)) with u = (t - W) / (T - W) and m the `floor`. Optimal in the worst case
    for the last iterate (Defazio et al., 2023, arXiv:2310.07831).

    >>> from tuning.schedules import Schedule
    >>> Schedule(Linear(1.0), 4)(range(5))
    array([1.  , 0.75, 0.5 , 0.25, 0.  ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "floor")

    floor: Fraction = 0.0
    kind: Literal["linear"] = "linear"

    def body(self, length: int) -> Node:
        """The line."""
        return Ramp(length, 1.0, self.floor)


@final
@dataclass(frozen=True, kw_only=True)
class Cosine(Family):
    """Half a cosine from the peak to the floor.

    P (m + (1 - m)(1 + cos πu) / 2) with u = (t - W) / (T - W) and m the `floor` (Loshchilov &
    Hutter, 2017, arXiv:1608.03983, without restarts).

    >>> from tuning.schedules import Schedule
    >>> Schedule(Cosine(1.0, floor=0.2), 2)(range(3))
    array([1. , 0.6, 0.2])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "floor")

    floor: Fraction = 0.0
    kind: Literal["cosine"] = "cosine"

    def body(self, length: int) -> Node:
        """The half cosine."""
        return Ramp(length, 1.0, self.floor, CURVES["cosine"])


@final
@dataclass(frozen=True, kw_only=True)
class Exponential(Family):
    """A geometric decay: every update multiplies by the same factor.

    P r^u with u = (t - W) / (T - W) and r the `decay`, what is left at the end.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Exponential(1.0, decay=0.25), 2)(range(3))
    array([1.  , 0.5 , 0.25])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "decay")

    decay: PositiveFraction = 0.01
    kind: Literal["exponential"] = "exponential"

    def body(self, length: int) -> Node:
        """The geometric decay."""
        return Ramp(length, 1.0, self.decay, order=0.0)


@final
@dataclass(frozen=True, kw_only=True)
class Polynomial(Family):
    """Hold the peak, then fall as a power of what is left.

    P (m + (1 - m)(1 - u)^p) with p the `power` and u the elapsed part of the decay, which follows
    a `hold` (a fraction of the updates after warmup, or updates). With p = 1 and no hold it is
    `linear`. The limit (1 - t/T)^p is optimal for power-law spectra (arXiv:2602.06797, 2026).

    >>> from tuning.schedules import Schedule
    >>> Schedule(Polynomial(1.0, power=2.0), 4)(range(5))
    array([1.    , 0.5625, 0.25  , 0.0625, 0.    ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "hold", "power", "floor")

    hold: Length = 0.0
    power: Positive = 2.0
    floor: Fraction = 0.0
    kind: Literal["polynomial"] = "polynomial"

    def body(self, length: int) -> Node:
        """The peak, then the decay."""
        held = resolve("hold", self.hold, length)
        curve = CURVES["linear"].raised(self.power)
        return Sequence((hold(held), Ramp(length - held, 1.0, self.floor, curve)))


@final
@dataclass(frozen=True, kw_only=True)
class Step(Family):
    """Hold the peak, then drop by a factor, several times.

    The first of `drops` drops comes after `hold` (a fraction of the updates after warmup, or
    updates) and the others follow evenly: 0.5 with 2 drops are the milestones 1/2 and 3/4 of He et
    al. (2016, arXiv:1512.03385). Each multiplies by `drop_factor`.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Step(1.0), 8)(range(8))
    array([1.  , 1.  , 1.  , 1.  , 0.1 , 0.1 , 0.01, 0.01])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "hold", "drops", "drop_factor")

    hold: Length = 0.5
    drops: Annotated[int, Integer(1, MAX_DROPS)] = 2
    drop_factor: PositiveFraction = 0.1
    kind: Literal["step"] = "step"

    def body(self, length: int) -> Node:
        """The plateaus; the first takes at least one update, so that the peak is used."""
        held = max(resolve("hold", self.hold, length), min(1, length))
        lengths = (held, *apportion(length - held, [1.0] * self.drops))
        # Products rather than powers: the same bits on every machine.
        levels = accumulate(repeat(self.drop_factor, self.drops), float.__mul__, initial=1.0)
        return Sequence(tuple(map(hold, lengths, levels)))


@final
@dataclass(frozen=True, kw_only=True)
class InverseSqrt(Family):
    """Fall as one over the square root of time.

    P / sqrt(1 + (t - W) / τ) with τ the `timescale` as a fraction of the updates after warmup: the
    time after which the learning rate has fallen to 0.71 of the peak. With τ = W it is P sqrt(W/t)
    (Vaswani et al., 2017, arXiv:1706.03762).

    >>> from tuning.schedules import Schedule
    >>> Schedule(InverseSqrt(1.0, timescale=0.5), 6)([0, 3, 6]) ** 2
    array([1.        , 0.5       , 0.33333333])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "timescale")

    timescale: Annotated[float, Number(1e-6, 1e6)] = 0.1
    kind: Literal["inverse_sqrt"] = "inverse_sqrt"

    def body(self, length: int) -> Node:
        """The power mean of order -2 is an inverse square root of a line."""
        return Ramp(length, 1.0, 1.0 / math.sqrt(1.0 + 1.0 / self.timescale), order=-2.0)
