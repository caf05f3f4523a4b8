"""Compounds: families of several phases, each a known curve.

The one idea: a sequence of holds and ramps; the algebra lays their lengths out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal, final

from tuning.schedules.combine import Combine
from tuning.schedules.compose import EXACT, Node, Phase, Ramp, Sequence, hold
from tuning.schedules.curves import CURVES
from tuning.schedules.families.base import Family
from tuning.schedules.families.rates import decaying, falling_by_power, lasting
from tuning.schedules.lengths import resolve
from tuning.schedules.limits import (
    Fraction,
    Length,
    Number,
    PositiveFraction,
    Time,
)

LOG_2 = math.log(2.0)

# What s = max(t + a, least) counts: the phase (a, 0) and the least.
COUNTERS: Mapping[str, tuple[Phase, int]] = MappingProxyType(
    {"t": (EXACT, 0), "t+1": ((1, 0), 0), "max(1,t)": (EXACT, 1)}
)


@final
@dataclass(frozen=True, kw_only=True)
class TwoStage(Family):
    """The peak, then a lower level.

    P for `hold` (a fraction of the updates after warmup, or updates), then P q with q the
    `drop_factor`: `step` with a single drop (the wsdcon runs of the multi-power law, 2025,
    arXiv:2503.12811).

    >>> from tuning.schedules import Schedule
    >>> Schedule(TwoStage(1.0, drop_factor=0.3), 4)(range(4))
    array([1. , 1. , 0.3, 0.3])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "hold", "drop_factor")

    hold: Length = 0.5
    drop_factor: PositiveFraction = 0.1
    kind: Literal["two_stage"] = "two_stage"

    def body(self, length: int) -> Node:
        """Two levels; the first takes at least one update, so that the peak is used."""
        held = max(resolve("hold", self.hold, length), min(1, length))
        return Sequence((hold(held), hold(length - held, self.drop_factor)))


@final
@dataclass(frozen=True, kw_only=True)
class TriStage(Family):
    """Hold the peak, then decay geometrically.

    P for `hold` (a fraction of the updates after warmup, or updates), then P r^u with r the
    `decay`, what is left at the end (fairseq's tri_stage, with a linear warmup).

    >>> from tuning.schedules import Schedule
    >>> Schedule(TriStage(1.0, hold=0.5, decay=0.25), 4)(range(5))
    array([1.  , 1.  , 1.  , 0.5 , 0.25])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "hold", "decay")

    hold: Length = 0.4
    decay: PositiveFraction = 0.01
    kind: Literal["tri_stage"] = "tri_stage"

    def body(self, length: int) -> Node:
        """The plateau, then the decay."""
        held = resolve("hold", self.hold, length)
        return Sequence((hold(held), Ramp(length - held, 1.0, self.decay, order=0.0)))


@final
@dataclass(frozen=True, kw_only=True)
class CosineConstant(Family):
    """Half a cosine to the floor, then the floor.

    The cosine takes `fall` (a fraction of the updates after warmup, or updates); the floor is held
    for the rest: cos_inf (Hägele et al., 2024, arXiv:2405.18392), NeMo's `constant_steps`.

    >>> from tuning.schedules import Schedule
    >>> Schedule(CosineConstant(1.0, fall=0.5), 4)(range(5))
    array([1.  , 0.55, 0.1 , 0.1 , 0.1 ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "floor")

    fall: Length = 0.7
    floor: Fraction = 0.1
    kind: Literal["cosine_constant"] = "cosine_constant"

    def body(self, length: int) -> Node:
        """The half cosine, at least one update long, then the floor."""
        falling = max(resolve("fall", self.fall, length), min(1, length))
        cosine = Ramp(falling, 1.0, self.floor, CURVES["cosine"])
        return Sequence((cosine, hold(length - falling, self.floor)))


@final
@dataclass(frozen=True, kw_only=True)
class MinicpmExp(Family):
    """Hold the peak, then halve again and again.

    P for `hold`, then P 2^(-(t - s) / H) with H the `half_life` (both fractions of the updates
    after warmup, or updates) and s where it begins (Hu et al., 2024, arXiv:2404.06395).

    >>> from tuning.schedules import Schedule
    >>> Schedule(MinicpmExp(1.0, hold=0.5, half_life=1), 4)(range(5))
    array([1.  , 1.  , 1.  , 0.5 , 0.25])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "hold")

    hold: Length = 0.9
    half_life: Time = 0.02
    kind: Literal["minicpm_exp"] = "minicpm_exp"

    def body(self, length: int) -> Node:
        """The plateau, then the halvings."""
        held = resolve("hold", self.hold, length)
        nats = LOG_2 * (length - held) / lasting(self.half_life, length)
        return Sequence((hold(held), decaying(length - held, nats)))


@final
@dataclass(frozen=True, kw_only=True)
class PowerScheduler(Family):
    """Capped power law of time, then a short exponential decay.

    P min(1, (t / k)^-b) with k the `knee`, the end of the cap, and b the `exponent`; over the last
    `tail` a geometric decay to `decay` of what is left (both fractions of the updates after warmup,
    or updates; Shen et al., 2024, arXiv:2408.13359).

    >>> from tuning.schedules import Schedule
    >>> Schedule(PowerScheduler(1.0, knee=1, exponent=1.0, tail=0), 4)(range(5))
    array([1.        , 1.        , 0.5       , 0.33333333, 0.25      ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "exponent")

    knee: Length = 0.05
    exponent: Annotated[float, Number(0.01, 10.0)] = 0.51
    tail: Length = 0.1
    decay: PositiveFraction = 0.01
    kind: Literal["power_scheduler"] = "power_scheduler"

    def body(self, length: int) -> Node:
        """The cap, the power law, the tail."""
        held = max(1, resolve("knee", self.knee, length)) if length else 0
        tail = min(resolve("tail", self.tail, length), length - held)
        middle = length - held - tail
        law = falling_by_power(middle, middle / max(1, held), self.exponent)
        cooling = Ramp(tail, law.end, law.end * self.decay, order=0.0)
        return Sequence((hold(held), law, cooling))


@final
@dataclass(frozen=True, kw_only=True)
class Noam(Family):
    """Rise in a line, then fall as one over the square root of time.

    P min(s / W, sqrt(W / s)) with W the `rise` (a fraction of the updates, or updates) and s the
    `counter`: d^-1/2 min(s^-1/2, s W^-3/2) with the peak P = (d W)^-1/2 (Vaswani et al., 2017,
    arXiv:1706.03762, count from 1, "t+1"; Paddle from 0, "t"; NeMo uses the first rate twice,
    "max(1,t)"). After the rise, for s > W, it is never below P m with m the `floor`, NeMo's min_lr.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Noam(1.0, rise=2), 8)([0, 1, 7])
    array([0.5, 1. , 0.5])
    """

    reaches_peak: ClassVar[bool] = False
    keeps_shape: ClassVar[bool] = False

    rise: Length = 0.1
    counter: Literal["t", "t+1", "max(1,t)"] = "t+1"
    floor: Fraction = 0.0
    kind: Literal["noam"] = "noam"

    def body(self, length: int) -> Node:
        """Up in a line, down by the power mean of order -2."""
        up = max(resolve("rise", self.rise, length), min(1, length))
        phase, least = COUNTERS[self.counter]
        line = Ramp(up, 0.0, 1.0, phase=phase)
        rise = Combine("max", (line, hold(up, least / max(1, up)))) if least else line
        down = falling_by_power(length - up, (length - up) / max(1, up), 0.5, phase)
        fall = Combine("max", (down, hold(length - up, self.floor))) if self.floor else down
        return Sequence((rise, fall))


@final
@dataclass(frozen=True, kw_only=True)
class RangeTest(Family):
    """Rise geometrically through all sizes of steps, to see where training breaks.

    P s^(1-u) with s the `start` (Smith, 2017, arXiv:1506.01186; fastai's LRFinder, 1e-7 to 10). A
    probe rather than a schedule: it tells where the peak may lie.

    >>> from tuning.schedules import Schedule
    >>> Schedule(RangeTest(1.0, start=0.01), 2)(range(3))
    array([0.01, 0.1 , 1.  ])
    """

    reaches_peak: ClassVar[bool] = False

    start: PositiveFraction = 1e-8
    kind: Literal["range_test"] = "range_test"

    def body(self, length: int) -> Node:
        """The rise."""
        return Ramp(length, self.start, 1.0, order=0.0)
