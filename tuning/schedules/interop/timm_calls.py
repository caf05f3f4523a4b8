"""timm: its schedulers, counting updates, the first of which is update 0.

The one idea: every scheduler of timm is a line up from `warmup_lr_init` and a curve after it. The
curve counts from update 0 even under the warmup, unless `warmup_prefix`; and before its first step
a scheduler shows the start of the warmup or the optimiser's rate, whatever the curve says.
Not here: curves in cycles (`timm_cycles`), the factory (`timm_factory`), code (`timm_code`).
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.combine import Part, valued
from tuning.schedules.compose import Node, Ramp, Sequence, Steps, hold
from tuning.schedules.curves import CURVES, Curve, Floats
from tuning.schedules.interop.base import (
    Count,
    CountOrZero,
    Imported,
    Label,
    Note,
    Optional,
    Rate,
    Several,
    settle,
)
from tuning.schedules.interop.layout import lay_out, updates_with_tail
from tuning.schedules.interop.pieces import levels_of, spanning
from tuning.schedules.interop.recognise import recognise
from tuning.schedules.interop.timm_noise import NoiseRange, Range, noise
from tuning.schedules.limits import Flag, Integer, Number, Positive
from tuning.schedules.schedule import MAX_HORIZON

Switch = Annotated[bool, Flag()]
StableName = Literal["constant", "rsqrt", "power"]
DecayName = Literal["linear", "1-sqrt", "cosine", "power", "exp"]


@dataclass(frozen=True, kw_only=True)
class Scheduler(ABC):
    """A scheduler of timm: what all of them take."""

    warmup_t: CountOrZero = 0
    warmup_lr_init: Rate = 0.0
    t_in_epochs: Switch = True
    noise_range_t: Annotated[Range | None, NoiseRange()] = None
    noise_pct: Positive = 0.67
    noise_std: Annotated[float, Number()] = 1.0
    noise_seed: Annotated[int | None, Optional(Integer(0, 2**31))] = 42
    initialize: Label = True

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    @abstractmethod
    def curve(self, base_lr: float, steps: Steps) -> Floats:
        """What the scheduler shows at its own counts `steps`, without warmup."""

    @abstractmethod
    def node(self, base_lr: float, horizon: int) -> Node | None:
        """The curve over at least `horizon` updates, or until it stays, if the algebra has it."""

    @property
    @abstractmethod
    def is_prefixed(self) -> bool:
        """Whether the curve begins to count after the warmup."""

    def warmup_target(self, base_lr: float) -> float:
        """Where the warmup leads to."""
        return base_lr

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The warmup, then the curve; before the first step, the start."""
        target = self.warmup_target(base_lr)
        line = self.warmup_lr_init + steps * (
            (target - self.warmup_lr_init) / max(1, self.warmup_t)
        )
        count = np.maximum(0, steps - self.warmup_t) if self.is_prefixed else steps
        rates = np.where(steps < self.warmup_t, line, self.curve(base_lr, count))
        first = self.warmup_lr_init if self.warmup_t else base_lr
        return np.where(steps == 0, first, self._with_noise(rates, steps))

    def _with_noise(self, rates: Floats, steps: Steps) -> Floats:
        if self.noise_range_t is None:
            return rates
        begin, end = self.noise_range_t
        (noisy,) = np.nonzero((steps >= begin) & (steps < end))
        seed = 42 if self.noise_seed is None else self.noise_seed
        loud = rates.copy()
        loud[noisy] += rates[noisy] * noise(steps[noisy], seed, self.noise_pct, self.noise_std)
        return loud

    def whole(self, base_lr: float, horizon: int) -> Node | None:
        """The warmup and the curve as an expression."""
        curve = self.node(base_lr, horizon)
        if curve is None or self.noise_range_t is not None:
            return None
        if not self.warmup_t:
            if valued(curve, 0) == base_lr:
                return curve
            return Sequence((hold(1, base_lr), _without(curve, 1, horizon)))
        line = Ramp(self.warmup_t, self.warmup_lr_init, self.warmup_target(base_lr))
        begin = 0 if self.is_prefixed else self.warmup_t
        return Sequence((line, _without(curve, begin, max(horizon, begin + 1))))

    def notes(self) -> Iterable[Note]:
        """What is worth knowing."""
        return ()

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The schedule with these rates."""
        values = self.rates(base_lr, np.arange(updates_with_tail(horizon)))
        proposals = recognise(self.whole(base_lr, horizon), horizon)
        return lay_out(values, horizon, proposals, tuple(self.notes()))


def _without(node: Node, begin: int, horizon: int) -> Node:
    """A node from update `begin` to the horizon."""
    if not begin:
        return node
    length = max(1, horizon - begin)
    return Part(spanning(node, begin + length), begin, length)


@final
@dataclass(frozen=True, kw_only=True)
class StepLRScheduler(Scheduler):
    """timm StepLRScheduler: P g^floor(t / k)."""

    decay_t: Positive
    decay_rate: Annotated[float, Number(0.0, 1e6)] = 1.0
    warmup_prefix: Switch = True

    @property
    def is_prefixed(self) -> bool:
        """As asked."""
        return self.warmup_prefix

    def curve(self, base_lr: float, steps: Steps) -> Floats:
        """The power of the decay rate."""
        passed = np.floor_divide(steps, self.decay_t, dtype=np.float64)
        rates: Floats = base_lr * np.power(self.decay_rate, passed)
        return rates

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """Stairs."""
        return levels_of(self.curve(base_lr, np.arange(horizon)))


@final
@dataclass(frozen=True, kw_only=True)
class MultiStepLRScheduler(Scheduler):
    """timm MultiStepLRScheduler: times g at each milestone, an update early."""

    decay_t: Annotated[tuple[int, ...], Several(Integer(0, MAX_HORIZON))]
    decay_rate: Annotated[float, Number(0.0, 1e6)] = 1.0
    warmup_prefix: Switch = True

    @property
    def is_prefixed(self) -> bool:
        """As asked."""
        return self.warmup_prefix

    def curve(self, base_lr: float, steps: Steps) -> Floats:
        """The power of the decay rate."""
        passed = np.searchsorted(np.array(self.decay_t), steps + 1, side="right")
        rates: Floats = base_lr * self.decay_rate ** passed.astype(np.float64)
        return rates

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """Stairs."""
        return levels_of(self.curve(base_lr, np.arange(horizon)))

    def notes(self) -> Iterator[Note]:
        """The drops come early."""
        if self.decay_t:
            yield Note("library_fault", "timm drops one update before each of decay_t.")


@final
@dataclass(frozen=True, kw_only=True)
class WSDLRScheduler(Scheduler):
    """timm WSDLRScheduler: m + (max(P s(t), m) - m) d(u), s the stable and d the decay function."""

    t_initial: Count
    decay_t: Count
    lr_min: Rate = 0.0
    stable_fn: StableName = "constant"
    stable_timescale: Annotated[float | None, Optional(Number(0.0, 1e12))] = None
    stable_power: Positive = 0.5
    decay_fn: DecayName = "1-sqrt"
    decay_power: Positive = 0.5
    decay_ratio: Annotated[float, Number(1e-12, 1 - 1e-12)] = 0.1

    def __post_init__(self) -> None:
        """Refuse a decay longer than the whole, and a falling plateau without a time scale."""
        super().__post_init__()
        if self.decay_t > self.t_initial:
            allowed = f"at most the {self.t_initial:,} of t_initial"
            raise InvalidValue("decay_t", self.decay_t, allowed)
        if self.stable_fn != "constant" and not self._timescale:
            allowed = "above 0 for a falling plateau; it defaults to warmup_t"
            raise InvalidValue("stable_timescale", self.stable_timescale, allowed)

    @property
    def is_prefixed(self) -> bool:
        """Always."""
        return True

    @property
    def _timescale(self) -> float:
        return self.warmup_t if self.stable_timescale is None else self.stable_timescale

    def _stable(self, steps: Steps) -> Floats:
        if self.stable_fn == "constant":
            return np.ones(steps.shape)
        power = 0.5 if self.stable_fn == "rsqrt" else self.stable_power
        stable: Floats = (1.0 + steps / self._timescale) ** -power
        return stable

    def _decay(self, done: Floats) -> Floats:
        match self.decay_fn:
            case "linear" | "1-sqrt" | "cosine":
                return CURVES[self.decay_fn](done)
            case "power":
                return Curve(warp=self.decay_power)(done)
            case "exp":
                rest = self.decay_ratio
                decay: Floats = (rest**done - rest) / (1.0 - rest)
                return decay

    def curve(self, base_lr: float, steps: Steps) -> Floats:
        """The plateau, times the decay."""
        stable = np.maximum(base_lr * self._stable(steps), self.lr_min)
        late = steps - (self.t_initial - self.decay_t)
        done = np.clip(late / self.decay_t, 0.0, 1.0)
        return np.where(late <= 0, stable, self.lr_min + (stable - self.lr_min) * self._decay(done))

    def node(self, base_lr: float, horizon: int) -> Node | None:  # noqa: ARG002 # it has an end
        """A hold and a ramp; falling plateaus and other decays have no name here."""
        if self.stable_fn != "constant" or self.decay_fn == "exp":
            return None
        high = max(base_lr, self.lr_min)
        curve = CURVES.get(self.decay_fn, Curve(warp=self.decay_power))
        held = hold(self.t_initial - self.decay_t, high)
        return Sequence((held, Ramp(self.decay_t, high, self.lr_min, curve)))
