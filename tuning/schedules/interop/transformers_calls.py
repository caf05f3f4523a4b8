"""Transformers: its functions, each of which makes a LambdaLR of PyTorch.

The one idea: every function gives a factor of the optimiser's rate, and goes on after the end in
its own way.
Not here: `get_scheduler`, which calls them by name (`transformers_names`), the two that listen to a
metric (`torch_feedback`), code (`torch_code`).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.combine import Loop
from tuning.schedules.compose import LAST, Affine, Node, Ramp, Sequence, Steps, hold
from tuning.schedules.curves import CURVES, Curve, Floats
from tuning.schedules.interop.base import CountOrZero, Imported, Note, Optional, Rate
from tuning.schedules.interop.formula import Formula
from tuning.schedules.limits import Integer, Number
from tuning.schedules.schedule import MAX_HORIZON
from tuning.schedules.waves import Wave

Cycles = Annotated[float, Number(0.0, 1e6, above=True)]
OptionalCount = Annotated[int | None, Optional(Integer(0, MAX_HORIZON))]
OptionalRate = Annotated[float | None, Optional(Number(0.0, 1e100))]
CurveName = Literal["linear", "cosine", "1-sqrt"]

DEFAULT_TIMESCALE = 10_000
MOST_CYCLES = 1_000  # of an expression; a table is shorter than more


@final
@dataclass(frozen=True)
class Constant(Formula):
    """get_constant_schedule."""

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The optimiser's rate."""
        return np.full(steps.shape, base_lr)

    def node(self, base_lr: float, horizon: int) -> Node:
        """A level."""
        return hold(horizon, base_lr)


@final
@dataclass(frozen=True)
class ConstantWithWarmup(Formula):
    """get_constant_schedule_with_warmup."""

    num_warmup_steps: CountOrZero

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """A line from 0, then one."""
        return base_lr * _warmed(steps, self.num_warmup_steps, np.ones(steps.shape))

    def node(self, base_lr: float, horizon: int) -> Node:
        """The line, then the level."""
        return Sequence((Ramp(self.num_warmup_steps, 0.0, base_lr), hold(horizon, base_lr)))


@final
@dataclass(frozen=True)
class Linear(Formula):
    """get_linear_schedule_with_warmup: reaches 0 at the end, one update after the last."""

    num_warmup_steps: CountOrZero
    num_training_steps: CountOrZero

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """Up to one, then down to zero."""
        left = (self.num_training_steps - steps) / _span(self)
        return base_lr * _warmed(steps, self.num_warmup_steps, np.maximum(0.0, left))

    def node(self, base_lr: float, horizon: int) -> Node:
        """Two lines."""
        body = Ramp(_span(self), base_lr, 0.0)
        return Sequence((Ramp(self.num_warmup_steps, 0.0, base_lr), body, hold(horizon, 0.0)))

    def notes(self) -> Iterable[Note]:
        """Where it ends."""
        yield Note("shifted", "It is 0 after its last update, which is at base_lr / (T - W).")


@final
@dataclass(frozen=True)
class Cosine(Formula):
    """get_cosine_schedule_with_warmup: `num_cycles` whole waves, 0.5 being half a cosine."""

    num_warmup_steps: CountOrZero
    num_training_steps: CountOrZero
    num_cycles: Cycles = 0.5

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The cosine, which goes on after the end."""
        elapsed = (steps - self.num_warmup_steps) / _span(self)
        return base_lr * _warmed(steps, self.num_warmup_steps, _wave(self.num_cycles, elapsed))

    def node(self, base_lr: float, horizon: int) -> Node:
        """A line, then waves."""
        rise = Ramp(self.num_warmup_steps, 0.0, base_lr)
        length = horizon - self.num_warmup_steps
        return Sequence((rise, _waves(base_lr, 0.0, _span(self), self.num_cycles, length)))

    def notes(self) -> Iterable[Note]:
        """It does not stay down."""
        yield _rebound(self.num_training_steps)


@final
@dataclass(frozen=True)
class CosineWithHardRestarts(Formula):
    """get_cosine_with_hard_restarts_schedule_with_warmup: exactly 0 from the end on."""

    num_warmup_steps: CountOrZero
    num_training_steps: CountOrZero
    num_cycles: Annotated[float, Number(0.0, 1e6)] = 1.0

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """Half cosines of one length."""
        elapsed = (steps - self.num_warmup_steps) / _span(self)
        factor = 0.5 * (1.0 + np.cos(np.pi * (self.num_cycles * elapsed % 1.0)))
        factor = np.where(elapsed >= 1.0, 0.0, factor)
        return base_lr * _warmed(steps, self.num_warmup_steps, factor)

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """A line, half cosines, zero."""
        rise = Ramp(self.num_warmup_steps, 0.0, base_lr)
        bodies = self._bodies(base_lr)
        return Sequence((rise, *bodies, hold(horizon, 0.0))) if bodies else None

    def _bodies(self, base_lr: float) -> tuple[Node, ...]:
        span, cycles = _span(self), self.num_cycles
        if cycles == 0.0 or cycles > MOST_CYCLES:
            return ()
        if cycles.is_integer() and span % cycles == 0:
            return (Ramp(int(span / cycles), base_lr, 0.0, CURVES["cosine"]),) * int(cycles)
        return (Affine(Wave(span, span / cycles, CURVES["cosine"], rise=0.0), 0.0, base_lr),)


@final
@dataclass(frozen=True)
class Polynomial(Formula):
    """get_polynomial_decay_schedule_with_warmup: to an absolute `lr_end`."""

    num_warmup_steps: CountOrZero
    num_training_steps: CountOrZero
    lr_end: Rate = 1e-7
    power: Annotated[float, Number(0.0, 1e3)] = 1.0

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The schedule, if its end is below its beginning."""
        if self.lr_end >= base_lr:
            raise InvalidValue("lr_end", self.lr_end, f"below the base_lr of {base_lr:g}")
        return super().read(base_lr, horizon)

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The power of what is left; not a number where Transformers divides by zero."""
        span = self.num_training_steps - self.num_warmup_steps
        with np.errstate(divide="ignore", invalid="ignore"):
            left = 1.0 - (steps - self.num_warmup_steps) / np.float64(span)
        decay = (base_lr - self.lr_end) * np.maximum(left, 0.0) ** self.power + self.lr_end
        decay = np.where(steps > self.num_training_steps, self.lr_end, decay)
        return base_lr * _warmed(steps, self.num_warmup_steps, decay / base_lr)

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """A line, then the power."""
        if self.power == 0.0:
            return None
        rise = Ramp(self.num_warmup_steps, 0.0, base_lr)
        body = Ramp(_span(self), base_lr, self.lr_end, Curve(power=self.power))
        return Sequence((rise, body, hold(horizon, self.lr_end)))

    def notes(self) -> Iterable[Note]:
        """Groups are measured by the rate the optimiser was made with."""
        message = "A group with a rate of its own decays by the optimiser's: it divides by that."
        yield Note("library_fault", message)


@final
@dataclass(frozen=True)
class InverseSqrt(Formula):
    """get_inverse_sqrt_schedule: 1/sqrt(1 + (t - W)/timescale)."""

    num_warmup_steps: CountOrZero
    timescale: Annotated[int | None, Optional(Integer(1, MAX_HORIZON))] = None

    @property
    def _scale(self) -> int:
        return self.timescale or self.num_warmup_steps or DEFAULT_TIMESCALE

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """One at the end of the warmup."""
        body = np.maximum(steps - self.num_warmup_steps, 0) + self._scale
        return base_lr * _warmed(steps, self.num_warmup_steps, 1.0 / np.sqrt(body / self._scale))

    def node(self, base_lr: float, horizon: int) -> Node:
        """The power mean of order -2 is an inverse square root of a line."""
        rise = Ramp(self.num_warmup_steps, 0.0, base_lr)
        length = max(1, horizon - self.num_warmup_steps)
        end = base_lr / math.sqrt(1.0 + length / self._scale)
        return Sequence((rise, Ramp(length, base_lr, end, order=-2.0)))


@final
@dataclass(frozen=True)
class CosineWithMinLr(Formula):
    """get_cosine_with_min_lr_schedule_with_warmup: to `min_lr`, or `min_lr_rate` of the peak."""

    num_warmup_steps: CountOrZero
    num_training_steps: CountOrZero
    num_cycles: Cycles = 0.5
    min_lr: OptionalRate = None
    min_lr_rate: OptionalRate = None

    def __post_init__(self) -> None:
        """Refuse no floor and two floors."""
        super().__post_init__()
        _check_floors(self.min_lr, self.min_lr_rate)

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The cosine above its floor, which goes on after the end."""
        floor = _floor(self.min_lr, self.min_lr_rate, base_lr)
        elapsed = (steps - self.num_warmup_steps) / _span(self)
        factor = _wave(self.num_cycles, elapsed) * (1.0 - floor) + floor
        return base_lr * _warmed(steps, self.num_warmup_steps, np.maximum(0.0, factor))

    def node(self, base_lr: float, horizon: int) -> Node:
        """A line, then waves above the floor."""
        floor = base_lr * _floor(self.min_lr, self.min_lr_rate, base_lr)
        rise = Ramp(self.num_warmup_steps, 0.0, base_lr)
        length = horizon - self.num_warmup_steps
        return Sequence((rise, _waves(base_lr, floor, _span(self), self.num_cycles, length)))

    def notes(self) -> Iterable[Note]:
        """It does not stay down."""
        yield _rebound(self.num_training_steps)


@final
@dataclass(frozen=True)
class CosineWarmupWithMinLr(Formula):
    """get_cosine_with_min_lr_schedule_with_warmup_lr_rate: both ends an update early."""

    num_warmup_steps: CountOrZero
    num_training_steps: CountOrZero
    num_cycles: Cycles = 0.5
    min_lr: OptionalRate = None
    min_lr_rate: OptionalRate = None
    warmup_lr_rate: OptionalRate = None

    def __post_init__(self) -> None:
        """Refuse no floor and two floors."""
        super().__post_init__()
        _check_floors(self.min_lr, self.min_lr_rate)

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The cosine above its floor; no update is at the warmup's 0 nor after the floor."""
        floor = _floor(self.min_lr, self.min_lr_rate, base_lr)
        elapsed = (steps - self.num_warmup_steps + 1.0) / _span(self)
        factor = np.maximum(0.0, _wave(self.num_cycles, elapsed) * (1.0 - floor) + floor)
        rise = (steps + 1.0) / max(1, self.num_warmup_steps)
        if self.warmup_lr_rate is not None:
            share = steps / max(1, self.num_warmup_steps - 1)
            rise = self.warmup_lr_rate + (1.0 - self.warmup_lr_rate) * share
        return base_lr * np.where(steps < self.num_warmup_steps, rise, factor)

    def node(self, base_lr: float, horizon: int) -> Node:
        """A line to the peak an update early, and a wave from there."""
        warmup, span = self.num_warmup_steps, _span(self)
        floor = base_lr * _floor(self.min_lr, self.min_lr_rate, base_lr)
        start = base_lr / max(1, warmup)
        if self.warmup_lr_rate is not None:
            start = base_lr * self.warmup_lr_rate
        if warmup > 1 and self.num_cycles == 0.5:
            fall = Ramp(span + 1, base_lr, floor, CURVES["cosine"], phase=LAST)
            return Sequence((Ramp(warmup - 1, start, base_lr), fall))
        rise = Ramp(warmup, start, base_lr, phase=LAST)
        length = horizon - warmup
        return Sequence((rise, _waves(base_lr, floor, span, self.num_cycles, length, ahead=1)))

    def notes(self) -> Iterable[Note]:
        """It does not stay down."""
        yield _rebound(self.num_training_steps - 1)
        yield Note("shifted", "Both ends come an update early: no update is at 0.")


@final
@dataclass(frozen=True)
class WarmupStableDecay(Formula):
    """get_wsd_schedule: the warmup begins at `min_lr_ratio`, not at zero."""

    num_warmup_steps: CountOrZero
    num_decay_steps: CountOrZero
    num_training_steps: OptionalCount = None
    num_stable_steps: OptionalCount = None
    warmup_type: CurveName = "linear"
    decay_type: CurveName = "cosine"
    min_lr_ratio: Annotated[float, Number(0.0, 1e6)] = 0.0
    num_cycles: Cycles = 0.5

    def __post_init__(self) -> None:
        """Refuse a plateau of unknown length."""
        super().__post_init__()
        if self.num_training_steps is None and self.num_stable_steps is None:
            raise InvalidValue("num_training_steps", None, "an integer, or num_stable_steps")

    @property
    def _stable(self) -> int:
        if self.num_stable_steps is not None:
            return self.num_stable_steps
        training = self.num_training_steps or 0
        return training - self.num_warmup_steps - self.num_decay_steps

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """Up, level, down, floor."""
        warmup, ratio = self.num_warmup_steps, self.min_lr_ratio
        begin = warmup + self._stable
        rise = _rising(self.warmup_type, np.minimum(steps, warmup) / max(1, warmup))
        elapsed = np.clip((steps - begin) / max(1, self.num_decay_steps), 0.0, 1.0)
        fall = CURVES[self.decay_type](elapsed)
        if self.decay_type == "cosine":
            fall = _wave(self.num_cycles, elapsed)
        values = np.where(steps < warmup, rise, np.where(steps < begin, 1.0, fall))
        factors = np.maximum(0.0, values * (1.0 - ratio) + ratio)
        factors = np.where((steps >= warmup) & (steps < begin), 1.0, factors)
        over = (steps >= warmup) & (steps >= begin + self.num_decay_steps)
        return base_lr * np.where(over, ratio, factors)

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """The same four."""
        if self._stable < 0:
            return None
        floor = base_lr * self.min_lr_ratio
        rise = Ramp(self.num_warmup_steps, floor, base_lr, CURVES[self.warmup_type])
        level, length = hold(self._stable, base_lr), self.num_decay_steps
        fall: Node = Ramp(length, base_lr, floor, CURVES[self.decay_type])
        if self.decay_type == "cosine" and self.num_cycles != 0.5 and length:
            fall = _waves(base_lr, floor, length, self.num_cycles, length)
        return Sequence((rise, level, fall, hold(horizon, floor)))

    def notes(self) -> Iterable[Note]:
        """What both lengths mean, and where the warmup begins."""
        if self.num_training_steps is not None and self.num_stable_steps is not None:
            yield Note("ignored", "num_stable_steps is given, so num_training_steps plays no part.")
        if self.min_lr_ratio > 0.0 and self.num_warmup_steps:
            message = "Transformers begins this warmup at min_lr_ratio, not at zero."
            yield Note("library_fault", message)


def _span(call: Any) -> int:  # noqa: ANN401 # any of the calls with both lengths
    """Updates after the warmup, at least one."""
    span: int = max(1, call.num_training_steps - call.num_warmup_steps)
    return span


def _warmed(steps: Steps, warmup: int, body: Floats) -> Floats:
    return np.where(steps < warmup, steps / max(1, warmup), body)


def _wave(cycles: float, elapsed: Floats) -> Floats:
    return np.asarray(0.5 * (1.0 + np.cos(np.pi * cycles * 2.0 * elapsed)), np.float64)


def _waves(high: float, low: float, span: int, cycles: float, length: int, ahead: int = 0) -> Node:
    """So many waves in `span` updates, and on after them."""
    curve, phase, length = CURVES["cosine"], (ahead, 0), max(0, length)
    if cycles == 0.5 and (length <= span or ahead):
        return Ramp(span, high, low, curve, phase=phase)
    if cycles == 0.5:
        return Loop(Ramp(span, high, low, curve), length, "back")
    offset = (0.5 + cycles * ahead / span) % 1.0
    return Affine(Wave(length, span / cycles, curve, offset=offset), low, high)


def _rising(name: str, elapsed: Floats) -> Floats:
    return CURVES[name](1.0 - elapsed, elapsed)


def _check_floors(rate: float | None, ratio: float | None) -> None:
    if (rate is None) == (ratio is None):
        raise InvalidValue("min_lr_rate", ratio, "either min_lr or min_lr_rate, not both")


def _floor(rate: float | None, ratio: float | None, base_lr: float) -> float:
    return ratio if ratio is not None else (rate or 0.0) / base_lr


def _rebound(end: int) -> Note:
    return Note("rebound", f"The cosine goes on after update {end:,}, up again.")
