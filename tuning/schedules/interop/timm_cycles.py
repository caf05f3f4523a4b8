"""timm: schedulers whose curve repeats in cycles.

The one idea: timm finds the number of a cycle by a logarithm, whose rounding may put the first
update of a cycle at the end of the one before; Python's logarithm decides here too.
Not here: the other schedulers (`timm_calls`).
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.compose import Node, Sequence, Steps, hold
from tuning.schedules.curves import Curve, Floats
from tuning.schedules.interop.base import Count, Note, Rate
from tuning.schedules.interop.pieces import spanning
from tuning.schedules.interop.restarts import Geometric, in_cycles
from tuning.schedules.interop.timm_calls import Scheduler, Switch, jumps
from tuning.schedules.limits import Integer, Number, Positive

Growth = Annotated[float, Number(1.0, 1e6)]
Shrinking = Annotated[float, Number(0.0, 1e6)]
Cycles = Annotated[int, Integer(0, 10_000)]

NEAR = 1e-9  # logarithms this near to an integer are taken one by one


@dataclass(frozen=True, slots=True)
class Clock:
    """In which cycle a count is."""

    t_initial: int
    cycle_mul: float

    @property
    def geometric(self) -> Geometric:
        """Where cycles begin and how long they take."""
        return Geometric(self.t_initial, self.cycle_mul)

    def places(self, steps: Steps) -> Floats:
        """The number of the cycle, as timm's rounding has it."""
        if self.cycle_mul == 1.0:
            return (steps // self.t_initial).astype(np.float64)
        passed = 1 - steps / self.t_initial * (1 - self.cycle_mul)
        logs = np.log(passed) / np.log(self.cycle_mul)
        for at in np.flatnonzero(np.abs(logs - np.rint(logs)) < NEAR):
            logs[at] = math.log(float(passed[at]), self.cycle_mul)
        floors: Floats = np.floor(logs)
        return floors

    def done(self, steps: Steps, places: Floats) -> Floats:
        """How far the cycle has come."""
        done: Floats = np.clip(self.geometric.done(steps, places), 0.0, 1.0)
        return done


def repeated(
    call: "CosineLRScheduler | PolyLRScheduler | TanhLRScheduler",
    curve: Curve,
    base_lr: float,
    horizon: int,
) -> Node | None:
    """A curve in every cycle, then the least rate."""
    clock = Clock(call.t_initial, call.cycle_mul)
    places = clock.places(np.arange(horizon))
    within = places[places < call.cycle_limit]
    if not within.size:
        return hold(horizon, call.lr_min)

    def ends(place: float) -> tuple[float, float]:
        return base_lr * call.cycle_decay**place, call.lr_min

    node = in_cycles(within, clock.geometric, ends, curve)
    if node is None or within.size == places.size:
        return node
    return Sequence((spanning(node, within.size), hold(1, call.lr_min)))


def repeated_rates(
    call: "CosineLRScheduler | PolyLRScheduler | TanhLRScheduler",
    curve: Callable[[Floats], Floats],
    base_lr: float,
    steps: Steps,
) -> Floats:
    """The curve in every cycle, then the least rate."""
    clock = Clock(call.t_initial, call.cycle_mul)
    places = clock.places(steps)
    begun = places < call.cycle_limit
    high = base_lr * call.cycle_decay ** np.where(begun, places, 0.0)
    rates = call.lr_min + (high - call.lr_min) * curve(clock.done(steps, places))
    return np.where(begun, rates, call.lr_min)


@final
@dataclass(frozen=True, kw_only=True)
class CosineLRScheduler(Scheduler):
    """timm CosineLRScheduler: m + (P - m) (1 + cos πu^k) / 2 in every cycle."""

    t_initial: Count
    lr_min: Rate = 0.0
    cycle_mul: Growth = 1.0
    cycle_decay: Shrinking = 1.0
    cycle_limit: Cycles = 1
    warmup_prefix: Switch = False
    k_decay: Positive = 1.0

    @property
    def is_prefixed(self) -> bool:
        """As asked."""
        return self.warmup_prefix

    @property
    def _shape(self) -> Curve:
        return Curve("cosine", warp=self.k_decay)

    def curve(self, base_lr: float, steps: Steps) -> Floats:
        """The cosines."""
        return repeated_rates(self, self._shape, base_lr, steps)

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """The cosines."""
        return repeated(self, self._shape, base_lr, horizon)

    def notes(self) -> Iterator[Note]:
        """The curve may not wait for the warmup."""
        return jumps(self.warmup_t, is_prefixed=self.warmup_prefix)


@final
@dataclass(frozen=True, kw_only=True)
class PolyLRScheduler(Scheduler):
    """timm PolyLRScheduler: m + (P - m) (1 - u^k)^p in every cycle."""

    t_initial: Count
    power: Positive = 0.5
    lr_min: Rate = 0.0
    cycle_mul: Growth = 1.0
    cycle_decay: Shrinking = 1.0
    cycle_limit: Cycles = 1
    warmup_prefix: Switch = False
    k_decay: Positive = 1.0

    @property
    def is_prefixed(self) -> bool:
        """As asked."""
        return self.warmup_prefix

    @property
    def _shape(self) -> Curve:
        return Curve(warp=self.k_decay, power=self.power)

    def curve(self, base_lr: float, steps: Steps) -> Floats:
        """The powers."""
        return repeated_rates(self, self._shape, base_lr, steps)

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """The powers."""
        return repeated(self, self._shape, base_lr, horizon)

    def notes(self) -> Iterator[Note]:
        """The curve may not wait for the warmup."""
        return jumps(self.warmup_t, is_prefixed=self.warmup_prefix)


@final
@dataclass(frozen=True, kw_only=True)
class TanhLRScheduler(Scheduler):
    """timm TanhLRScheduler: m + (P - m) (1 - tanh(l (1 - u) + h u)) / 2 in every cycle."""

    t_initial: Count
    lb: Annotated[float, Number(-1e3, 1e3)] = -7.0
    ub: Annotated[float, Number(-1e3, 1e3)] = 3.0
    lr_min: Rate = 0.0
    cycle_mul: Growth = 1.0
    cycle_decay: Shrinking = 1.0
    cycle_limit: Cycles = 1
    warmup_prefix: Switch = False

    def __post_init__(self) -> None:
        """Refuse a curve that would rise."""
        super().__post_init__()
        if self.lb >= self.ub:
            raise InvalidValue("lb", self.lb, f"below the {self.ub:g} of ub")

    @property
    def is_prefixed(self) -> bool:
        """As asked."""
        return self.warmup_prefix

    def warmup_target(self, base_lr: float) -> float:
        """The curve where the warmup ends, unless it begins there."""
        if self.warmup_prefix:
            return base_lr
        return float(self.curve(base_lr, np.array([self.warmup_t]))[0])

    def _shape(self, done: Floats) -> Floats:
        bent: Floats = 0.5 * (1 - np.tanh(self.lb * (1.0 - done) + self.ub * done))
        return bent

    def curve(self, base_lr: float, steps: Steps) -> Floats:
        """The bent lines."""
        return repeated_rates(self, self._shape, base_lr, steps)

    def node(self, base_lr: float, horizon: int) -> Node | None:  # noqa: ARG002 # it has none
        """It does not begin at its peak, so it is no curve of ours."""
        return None
