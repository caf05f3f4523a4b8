"""Compounds: families of several phases, each a known curve.

The one idea: a sequence of holds and ramps; the algebra lays their lengths out.
"""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, final

from tuning.schedules.compose import Affine, Node, Ramp, Sequence, cycles, hold
from tuning.schedules.curves import CURVES
from tuning.schedules.families.base import Family
from tuning.schedules.families.cycles import CycleCount, cycle_lengths, geometric, rising
from tuning.schedules.families.rates import decaying, falling_by_power, lasting
from tuning.schedules.lengths import resolve
from tuning.schedules.limits import (
    Among,
    Fraction,
    Integer,
    Length,
    Number,
    Positive,
    PositiveFraction,
    Time,
)

LOG_2 = math.log(2.0)

Curved = Annotated[str, Among(CURVES)]


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
    update counted from 1, or from 0 (`counts_from`): d^-1/2 min(s^-1/2, s W^-3/2) with the peak
    P = (d W)^-1/2 (Vaswani et al., 2017, arXiv:1706.03762).

    >>> from tuning.schedules import Schedule
    >>> Schedule(Noam(1.0, rise=2), 8)([0, 1, 7])
    array([0.5, 1. , 0.5])
    """

    reaches_peak: ClassVar[bool] = False
    keeps_shape: ClassVar[bool] = False

    rise: Length = 0.1
    counts_from: Annotated[int, Integer(0, 1)] = 1
    kind: Literal["noam"] = "noam"

    def body(self, length: int) -> Node:
        """Up in a line, down by the power mean of order -2."""
        up = max(resolve("rise", self.rise, length), min(1, length))
        phase = (self.counts_from, 0)
        down = falling_by_power(length - up, (length - up) / max(1, up), 0.5, phase)
        return Sequence((Ramp(up, 0.0, 1.0, phase=phase), down))


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
    curve: Curved = "linear"
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
    rise: Fraction = 0.1
    floor: Fraction = 0.0
    curve: Curved = "cosine"
    kind: Literal["restarts"] = "restarts"

    def body(self, length: int) -> Node:
        """The cycles, between the floor and the peak."""
        lengths = cycle_lengths(length, self.cycle_growth, self.cycles)
        amplitudes = geometric(self.cycle_decay, self.cycles)
        return Affine(cycles(self._cycle, lengths, amplitudes), self.floor, 1.0)

    def _cycle(self, length: int) -> Node:
        up = rising(self.rise, length)
        return Sequence((Ramp(up, 0.0, 1.0), Ramp(length - up, 1.0, 0.0, CURVES[self.curve])))
