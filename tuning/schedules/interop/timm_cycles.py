"""timm: schedulers whose curve repeats in cycles.

The one idea: timm finds the number of a cycle by a logarithm, whose rounding may put the first
update of a cycle at the end of the one before; Python's logarithm decides here too.
Not here: the other schedulers (`timm_calls`).
"""

import math
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.compose import Node, Sequence, Steps, hold
from tuning.schedules.curves import Curve, Floats
from tuning.schedules.interop.base import Count, Note, Rate
from tuning.schedules.interop.pieces import spanning
from tuning.schedules.interop.restarts import Geometric, in_cycles
from tuning.schedules.interop.timm_calls import Scheduler, Switch
from tuning.schedules.limits import Integer, Number, Positive
from tuning.schedules.schedule import MAX_HORIZON

Growth = Annotated[float, Number(1.0, 1e6)]
Shrinking = Annotated[float, Number(0.0, 1e6)]
Cycles = Annotated[int, Integer(0, 10_000)]

MOST_BOUNDARIES = 64
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


@dataclass(frozen=True, kw_only=True)
class Cyclic(Scheduler):
    """A scheduler whose curve begins anew: what all of them take; they say only which curve."""

    t_initial: Count
    lr_min: Rate = 0.0
    cycle_mul: Growth = 1.0
    cycle_decay: Shrinking = 1.0
    cycle_limit: Cycles = 1
    warmup_prefix: Switch = False

    @abstractmethod
    def shape(self, done: Floats) -> Floats:
        """What is left above `lr_min` where so much of a cycle is done, in fractions."""

    @property
    def bend(self) -> Curve | None:
        """The same as a curve of ours, if there is one."""
        return None

    @property
    def is_prefixed(self) -> bool:
        """As asked."""
        return self.warmup_prefix

    def curve(self, base_lr: float, steps: Steps) -> Floats:
        """The shape in every cycle, then the least rate."""
        clock = Clock(self.t_initial, self.cycle_mul)
        places = clock.places(steps)
        begun = places < self.cycle_limit
        high = base_lr * self.cycle_decay ** np.where(begun, places, 0.0)
        rates = self.lr_min + (high - self.lr_min) * self.shape(clock.done(steps, places))
        return np.where(begun, rates, self.lr_min)

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """The same as an expression."""
        if self.bend is None:
            return None
        clock = Clock(self.t_initial, self.cycle_mul)
        places = clock.places(np.arange(horizon))
        within = places[places < self.cycle_limit]
        if not within.size:
            return hold(horizon, self.lr_min)

        def ends(place: float) -> tuple[float, float]:
            return base_lr * self.cycle_decay**place, self.lr_min

        node = in_cycles(within, clock.geometric, ends, self.bend)
        if node is None or within.size == places.size:
            return node
        return Sequence((spanning(node, within.size), hold(1, self.lr_min)))

    def notes(self) -> Iterator[Note]:
        """A curve that does not wait for the warmup, a cycle that begins late."""
        reached = float(self.curve(1.0, np.array([self.warmup_t]))[0])
        if self.warmup_t and not self.is_prefixed and self.warmup_target(1.0) != reached:
            message = (
                "Without warmup_prefix the curve counts from update 0, so the rate jumps after the "
                "warmup and never reaches its peak."
            )
            yield Note("library_fault", message)
        for begin in self._late()[:1]:
            message = (
                f"timm's logarithm puts count {begin:,}, at which a cycle begins, at the end of "
                "the one before."
            )
            yield Note("library_fault", message)

    def _late(self) -> list[int]:
        """Counts at which a cycle begins that timm gives to the one before."""
        clock = Clock(self.t_initial, self.cycle_mul)
        cycles = np.arange(1.0, min(self.cycle_limit, MOST_BOUNDARIES))
        begins = clock.geometric.begins(cycles)
        whole = (begins == np.rint(begins)) & (begins < MAX_HORIZON)
        counts = begins[whole].astype(np.int64)
        late: list[int] = counts[clock.places(counts) < cycles[whole]].tolist()
        return late


@final
@dataclass(frozen=True, kw_only=True)
class CosineLRScheduler(Cyclic):
    """timm CosineLRScheduler: m + (P - m) (1 + cos πu^k) / 2 in every cycle."""

    k_decay: Positive = 1.0

    @property
    def bend(self) -> Curve:
        """Half a cosine."""
        return Curve("cosine", warp=self.k_decay)

    def shape(self, done: Floats) -> Floats:
        """Half a cosine."""
        return self.bend(done)


@final
@dataclass(frozen=True, kw_only=True)
class PolyLRScheduler(Cyclic):
    """timm PolyLRScheduler: m + (P - m) (1 - u^k)^p in every cycle."""

    power: Positive = 0.5
    k_decay: Positive = 1.0

    @property
    def bend(self) -> Curve:
        """A power."""
        return Curve(warp=self.k_decay, power=self.power)

    def shape(self, done: Floats) -> Floats:
        """A power."""
        return self.bend(done)


@final
@dataclass(frozen=True, kw_only=True)
class TanhLRScheduler(Cyclic):
    """timm TanhLRScheduler: m + (P - m) (1 - tanh(l (1 - u) + h u)) / 2 in every cycle.

    It does not begin at its peak, so it is no curve of ours.
    """

    lb: Annotated[float, Number(-1e3, 1e3)] = -7.0
    ub: Annotated[float, Number(-1e3, 1e3)] = 3.0

    def __post_init__(self) -> None:
        """Refuse a curve that would rise."""
        super().__post_init__()
        if self.lb >= self.ub:
            raise InvalidValue("lb", self.lb, f"below the {self.ub:g} of ub")

    def warmup_target(self, base_lr: float) -> float:
        """The curve where the warmup ends, unless it begins there."""
        if self.warmup_prefix:
            return base_lr
        return float(self.curve(base_lr, np.array([self.warmup_t]))[0])

    def shape(self, done: Floats) -> Floats:
        """A bent line."""
        bent: Floats = 0.5 * (1 - np.tanh(self.lb * (1.0 - done) + self.ub * done))
        return bent
