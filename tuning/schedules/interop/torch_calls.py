"""PyTorch's schedulers: `torch.optim.lr_scheduler`, and SWALR.

The one idea: a scheduler multiplies what it finds by gain(t) / gain(t - 1), or overwrites it;
either way one vectorized formula says its values when it is alone, and its part in a composite.
Not here: composites (`torch_composites`), how they meet (`torch_engine`), code (`torch_code`).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Annotated, final

import numpy as np

from tuning.schedules.combine import Loop
from tuning.schedules.compose import Node, Ramp, Steps
from tuning.schedules.curves import CURVES, Curve, Floats
from tuning.schedules.families import Constant, Staircase, Warmup
from tuning.schedules.interop.base import (
    Count,
    CountOrZero,
    Imported,
    LastEpoch,
    Note,
    Rate,
    Several,
    settle,
)
from tuning.schedules.interop.layout import Proposal, lay_out, updates_with_tail, with_channel
from tuning.schedules.interop.pieces import levels_of
from tuning.schedules.interop.recognise import recognise
from tuning.schedules.interop.torch_engine import (
    Absolute,
    Multiplying,
    Optimizer,
    Recursive,
    Stepper,
)
from tuning.schedules.limits import (
    Fraction,
    Integer,
    Number,
    PositiveFraction,
)
from tuning.schedules.schedule import MAX_HORIZON

MOST_PIECES = 1_000  # of an expression; a table is shorter than more

Gain = Annotated[float, Number(0.0, 100.0)]
Factors = Annotated[tuple[float, ...], Several(Number(0.0, 1e6), fewest=1)]


@dataclass(frozen=True)
class Scheduler(ABC):
    """A scheduler of PyTorch that is no composite."""

    last_epoch: LastEpoch = field(default=-1, kw_only=True)

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    @abstractmethod
    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """Its rates when it is alone, as PyTorch's closed form or `get_lr` has them."""

    @abstractmethod
    def join(self, optimizer: Optimizer) -> Stepper:
        """Make it, as part of a composite."""

    def node(self, base_lr: float, horizon: int) -> Node | None:  # noqa: ARG002 # a hook
        """The rates of the first updates as an expression, if there is one."""
        return None

    def named(self, base_lr: float, horizon: int) -> Iterable[Proposal]:  # noqa: ARG002 # a hook
        """Families that may have these rates and are not seen in the expression."""
        return ()

    def momenta(self, steps: Steps) -> Floats | None:  # noqa: ARG002 # a hook
        """The momentum it sets beside the rate, if it does."""
        return None

    def momentum_node(self, horizon: int) -> Node | None:  # noqa: ARG002 # a hook
        """That momentum as an expression, if there is one."""
        return None

    def notes(self) -> Iterable[Note]:
        """What is worth knowing."""
        return ()

    @property
    def last_step(self) -> int | None:
        """The last step that PyTorch allows, if there is one."""
        return None

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The schedule it makes alone."""
        updates = updates_with_tail(horizon)
        last = self.last_step
        if last is not None:
            updates = min(updates, last + 1)
        values = self.rates(base_lr, np.arange(updates))
        expressed = recognise(self.node(base_lr, horizon), horizon)
        proposals = chain(self.named(base_lr, horizon), expressed)
        is_over = last is not None
        imported = lay_out(values, horizon, proposals, tuple(self.notes()), is_over=is_over)
        momenta = self.momenta(np.arange(updates))
        if momenta is None:
            return imported
        moved = recognise(self.momentum_node(horizon), horizon)
        return with_channel(imported, "momentum", momenta, moved, is_over=is_over)


@final
@dataclass(frozen=True)
class LambdaLR(Scheduler):
    """The base rate times a factor: here a list, one per update, the last of which is kept."""

    lr_lambda: Factors

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The listed factors."""
        factors = np.array(self.lr_lambda)
        return base_lr * factors[np.clip(steps, 0, factors.size - 1)]

    def join(self, optimizer: Optimizer) -> Stepper:
        """It overwrites what it finds."""
        base = optimizer.settle_initial()
        rates = partial(self.rates, base)
        return Absolute(optimizer, rates, last=None, never_negative=False)


@final
@dataclass(frozen=True)
class MultiplicativeLR(Scheduler):
    """What is found times a factor: here a list, one per update, the last of which is kept."""

    lr_lambda: Factors

    def _factor(self, steps: Steps) -> Floats:
        return np.array(self.lr_lambda)[np.clip(steps, 0, len(self.lr_lambda) - 1)]

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The products of the listed factors, the first of which is never asked for."""
        factors = self._factor(np.arange(int(steps.max()) + 1))
        factors[0] = base_lr
        return np.asarray(np.cumprod(factors)[steps], np.float64)

    def join(self, optimizer: Optimizer) -> Stepper:
        """It multiplies what it finds."""
        return Multiplying(optimizer, self._factor)


@final
@dataclass(frozen=True)
class StepLR(Scheduler):
    """Times gamma every `step_size` updates."""

    step_size: Count
    gamma: Gain = 0.1

    def _gain(self, steps: Steps) -> Floats:
        return self.gamma ** (np.maximum(steps, 0) // self.step_size).astype(np.float64)

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """Gamma to the power of the whole number of steps."""
        return base_lr * self._gain(steps)

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """Level after level."""
        return levels_of(self.rates(base_lr, np.arange(horizon)))

    def named(self, base_lr: float, horizon: int) -> Iterable[Proposal]:
        """Stairs, if there is more than one."""
        if self.step_size < horizon:
            every, factor = self.step_size, self.gamma
            yield lambda: Staircase(base_lr, every=every, drop_factor=factor)

    def join(self, optimizer: Optimizer) -> Stepper:
        """It multiplies what it finds."""
        return Recursive(optimizer, self._gain)


@final
@dataclass(frozen=True)
class MultiStepLR(Scheduler):
    """Times gamma at every milestone, as often as it is listed."""

    milestones: Annotated[tuple[int, ...], Several(Integer(0, MAX_HORIZON))]
    gamma: Gain = 0.1

    def _gain(self, steps: Steps) -> Floats:
        passed = np.searchsorted(np.sort(np.array(self.milestones, np.int64)), steps, side="right")
        return self.gamma ** passed.astype(np.float64)

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """Gamma to the power of the milestones passed; the new value is used at the milestone."""
        return base_lr * self._gain(steps)

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """Level after level."""
        return levels_of(self.rates(base_lr, np.arange(horizon)))

    def join(self, optimizer: Optimizer) -> Stepper:
        """It multiplies what it finds."""
        start = self.gamma ** self.milestones.count(0)
        return Recursive(optimizer, self._gain, start=start)


@final
@dataclass(frozen=True)
class ConstantLR(Scheduler):
    """Times a factor before `total_iters`."""

    factor: PositiveFraction = 1.0 / 3.0
    total_iters: CountOrZero = 5

    def _gain(self, steps: Steps) -> Floats:
        # At update 0 the factor is applied whatever the total, and only update `total` undoes it.
        held = (steps < self.total_iters) | (self.total_iters == 0)
        return np.where(held, self.factor, 1.0)

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The factor, then one."""
        return base_lr * self._gain(steps)

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """Two levels."""
        return levels_of(self.rates(base_lr, np.arange(horizon)))

    def join(self, optimizer: Optimizer) -> Stepper:
        """It multiplies what it finds."""
        start = self.factor if self.total_iters else 1.0
        return Recursive(optimizer, self._gain, start=start, starts_over=True)

    def named(self, base_lr: float, horizon: int) -> Iterable[Proposal]:  # noqa: ARG002 # a hook
        """A constant after a constant warmup."""
        warmup = Warmup(self.total_iters, curve="constant", start=self.factor)
        yield lambda: Constant(base_lr, warmup=warmup)

    def notes(self) -> Iterable[Note]:
        """A total of zero is not zero."""
        if self.total_iters == 0:
            yield Note("library_fault", "With total_iters=0 PyTorch keeps the factor for ever.")


@final
@dataclass(frozen=True)
class LinearLR(Scheduler):
    """A straight line between two factors."""

    start_factor: PositiveFraction = 1.0 / 3.0
    end_factor: Fraction = 1.0
    total_iters: CountOrZero = 5

    def _gain(self, steps: Steps) -> Floats:
        if self.total_iters == 0:
            return np.full(steps.shape, self.start_factor)
        elapsed = np.minimum(steps, self.total_iters) / self.total_iters
        return self.start_factor + (self.end_factor - self.start_factor) * elapsed

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The line, then its end."""
        return base_lr * self._gain(steps)

    def node(self, base_lr: float, horizon: int) -> Node:  # noqa: ARG002 # a hook
        """The line."""
        return Ramp(self.total_iters, base_lr * self.start_factor, base_lr * self.end_factor)

    def join(self, optimizer: Optimizer) -> Stepper:
        """It multiplies what it finds."""
        start = self.start_factor if self.total_iters else None
        return Recursive(optimizer, self._gain, start=start, starts_over=True)

    def named(self, base_lr: float, horizon: int) -> Iterable[Proposal]:  # noqa: ARG002 # a hook
        """A constant after a linear warmup."""
        low, high = self.start_factor, self.end_factor
        if low < high:
            warmup = Warmup(self.total_iters, start=low / high)
            yield lambda: Constant(base_lr * high, warmup=warmup)

    def notes(self) -> Iterable[Note]:
        """A total of zero is not zero."""
        if self.total_iters == 0:
            message = "With total_iters=0 PyTorch keeps the start factor for ever."
            yield Note("library_fault", message)


@final
@dataclass(frozen=True)
class ExponentialLR(Scheduler):
    """Times gamma at every update."""

    gamma: Gain

    def _gain(self, steps: Steps) -> Floats:
        return self.gamma ** steps.astype(np.float64)

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """Gamma to the power of the update."""
        return base_lr * self._gain(steps)

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """A geometric decay to what is left at the end."""
        left = float(self._gain(np.array([horizon]))[0])
        if not 0.0 < left < math.inf:
            return None
        return Ramp(horizon, base_lr, base_lr * left, order=0.0)

    def join(self, optimizer: Optimizer) -> Stepper:
        """It multiplies what it finds."""
        return Recursive(optimizer, self._gain)


@final
@dataclass(frozen=True)
class PolynomialLR(Scheduler):
    """A power of what is left of `total_iters`."""

    total_iters: Count = 5
    power: Annotated[float, Number(0.0, 1e3)] = 1.0

    def _gain(self, steps: Steps) -> Floats:
        left = 1.0 - np.minimum(steps, self.total_iters) / self.total_iters
        return np.asarray(left**self.power, np.float64)

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The power, zero from `total_iters` on."""
        return base_lr * self._gain(steps)

    def node(self, base_lr: float, horizon: int) -> Node | None:  # noqa: ARG002 # a hook
        """The decay."""
        if self.power == 0.0:
            return None
        return Ramp(self.total_iters, base_lr, 0.0, Curve(power=self.power))

    def join(self, optimizer: Optimizer) -> Stepper:
        """It multiplies what it finds."""
        return Recursive(optimizer, self._gain)


@final
@dataclass(frozen=True)
class CosineAnnealingLR(Scheduler):
    """Half a cosine to `eta_min` at T_max, and up again."""

    T_max: Count
    eta_min: Rate = 0.0

    def _gain(self, steps: Steps) -> Floats:
        return (1.0 + np.cos(np.pi * steps / self.T_max)) / 2.0

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The cosine of period 2 T_max."""
        return self.eta_min + (base_lr - self.eta_min) * self._gain(steps)

    def node(self, base_lr: float, horizon: int) -> Node:
        """Half a cosine, back and forth."""
        half = Ramp(self.T_max, base_lr, self.eta_min, CURVES["cosine"])
        return half if horizon <= self.T_max else Loop(half, horizon, "back")

    def join(self, optimizer: Optimizer) -> Stepper:
        """It multiplies the distance to `eta_min` that it finds."""
        return Recursive(optimizer, self._gain, floor=self.eta_min)

    def notes(self) -> Iterable[Note]:
        """It does not stay down."""
        message = (
            f"PyTorch's cosine rises again after update {self.T_max:,}: its period is twice that."
        )
        yield Note("rebound", message)
