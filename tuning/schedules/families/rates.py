"""Rates: decays known by a rate, a time constant or a power of time.

The one idea: an exponential and a negative power of time are ramps by a power mean.
"""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, final

from tuning.errors import InvalidValue
from tuning.schedules.combine import Every
from tuning.schedules.compose import EXACT, Affine, Node, Phase, Ramp, Sequence, hold
from tuning.schedules.families.base import Family
from tuning.schedules.lengths import resolve
from tuning.schedules.limits import Length, Number, PositiveFraction, Time

MOST_NATS = 690.0  # e^-690 is about the smallest float a ramp may end at

Timescale = Annotated[float, Number(1e-6, 1e6)]


def decaying(length: int, nats: float, phase: Phase = EXACT) -> Node:
    """exp(-nats u), u = (t + a) / length, down to the smallest floats and 0 from there on."""
    if nats <= MOST_NATS or not length:
        return Ramp(length, 1.0, math.exp(-min(nats, MOST_NATS)), order=0.0, phase=phase)
    part = min(length, max(1, math.floor(length * MOST_NATS / nats)))
    end = math.exp(-min(nats * part / length, MOST_NATS))
    falling = Ramp(part, 1.0, end, order=0.0, phase=phase)
    return Sequence((falling, hold(length - part, 0.0)))


def lasting(time: float, length: int) -> float:
    """A time constant in updates, of a fraction or a number of updates; at least a tiny one."""
    updates = float(time) if isinstance(time, int) else time * length
    whole = round(updates)
    # A whole number of updates, written as a fraction, must come back as what it was.
    return max(1e-3, whole if abs(updates - whole) <= 1e-12 * whole else updates)


def falling_by_power(length: int, times: float, exponent: float, phase: Phase = EXACT) -> Ramp:
    """(1 + times u)^-exponent."""
    end = 1.0 / (1.0 + times) ** exponent
    return Ramp(length, 1.0, end, order=-1.0 / exponent, phase=phase)


@final
@dataclass(frozen=True, kw_only=True)
class InverseTime(Family):
    """Fall as one over time.

    P / (1 + (t - W) / τ) with τ the `timescale` as a fraction of the updates after warmup.

    >>> from tuning.schedules import Schedule
    >>> Schedule(InverseTime(1.0, timescale=0.5), 4)([0, 2, 4])
    array([1.        , 0.5       , 0.33333333])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "timescale")

    timescale: Timescale = 0.1
    kind: Literal["inverse_time"] = "inverse_time"

    def body(self, length: int) -> Node:
        """The power mean of order -1 is an inverse of a line."""
        return Ramp(length, 1.0, 1.0 / (1.0 + 1.0 / self.timescale), order=-1.0)


@final
@dataclass(frozen=True, kw_only=True)
class PowerDecay(Family):
    """Fall as a negative power of time.

    P (1 + (t - W) / τ)^-p with p the `exponent` and τ the `timescale` as a fraction of the updates
    after warmup; 1/2 and 1 are `inverse_sqrt` and `inverse_time`.

    >>> from tuning.schedules import Schedule
    >>> Schedule(PowerDecay(1.0, exponent=1.0, timescale=0.5), 4)([0, 2, 4])
    array([1.        , 0.5       , 0.33333333])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "timescale", "exponent")

    timescale: Timescale = 0.1
    exponent: Annotated[float, Number(0.01, 10.0)] = 0.75
    kind: Literal["power_decay"] = "power_decay"

    def body(self, length: int) -> Node:
        """The power mean of order -1/p is the power -p of a line."""
        return falling_by_power(length, 1.0 / self.timescale, self.exponent)


@final
@dataclass(frozen=True, kw_only=True)
class NaturalExp(Family):
    """An exponential decay by its rate.

    P exp(-g u) with g the `rate` in nats over the updates after warmup; per update PyTorch's gamma
    is exp(-g / (T - W)).

    >>> from tuning.schedules import Schedule
    >>> Schedule(NaturalExp(1.0, rate=2.0), 2)(range(3)).round(4)
    array([1.    , 0.3679, 0.1353])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup",)

    rate: Annotated[float, Number(0.0, 1e6)] = 4.0
    kind: Literal["natural_exp"] = "natural_exp"

    def body(self, length: int) -> Node:
        """The decay."""
        return decaying(length, self.rate)


@final
@dataclass(frozen=True, kw_only=True)
class Staircase(Family):
    """Drop by a factor again and again.

    P f^floor((t - W) / k) with f the `drop_factor` and k the length of a stair, `every` (a fraction
    of the updates after warmup, or updates): PyTorch's StepLR, Optax's `staircase`, timm's step.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Staircase(1.0, every=2, drop_factor=0.5), 6)(range(6))
    array([1.  , 1.  , 0.5 , 0.5 , 0.25, 0.25])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "drop_factor")

    every: Length = 0.25
    drop_factor: PositiveFraction = 0.1
    kind: Literal["staircase"] = "staircase"

    def __post_init__(self) -> None:
        """Refuse stairs without length."""
        super().__post_init__()
        if not self.every:
            raise InvalidValue("every", self.every, "above 0")

    def body(self, length: int) -> Node:
        """An exponential decay, held on each stair."""
        updates = (
            self.every if isinstance(self.every, int) else resolve("every", self.every, length)
        )
        stair = max(1, min(updates, length))
        return Every(decaying(length, -math.log(self.drop_factor) * length / stair), stair)


@final
@dataclass(frozen=True, kw_only=True)
class Saturating(Family):
    """Adam's untuned warmup: rise exponentially towards the peak, and stay.

    P (1 - exp(-(t + 1) / τ)) with τ the `timescale` (a fraction of the updates, or updates):
    1 / (1 - β2) for Adam (Ma & Yarats, 2021, arXiv:1910.04209). Their linear version is a linear
    warmup of 2 / (1 - β2) updates with phase (1, 0).

    >>> from tuning.schedules import Schedule
    >>> Schedule(Saturating(1.0, timescale=2), 100)([0, 1, 50]).round(4)
    array([0.3935, 0.6321, 1.    ])
    """

    tunable: ClassVar[tuple[str, ...]] = ()
    reaches_peak: ClassVar[bool] = False
    keeps_shape: ClassVar[bool] = False

    timescale: Time = 0.05
    kind: Literal["saturating"] = "saturating"

    def body(self, length: int) -> Node:
        """One minus an exponential decay."""
        scale = lasting(self.timescale, length)
        return Affine(decaying(length, length / scale, (1, 0)), 1.0, 0.0)
