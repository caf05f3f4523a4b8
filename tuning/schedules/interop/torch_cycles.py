"""PyTorch's schedulers that rise: OneCycleLR, CyclicLR, warm restarts, and SWALR.

The one idea: these overwrite the rate the optimiser was made with, and OneCycleLR its `initial_lr`
too, which is why it does not sit well in a sequence.
Not here: the others (`torch_calls`), how they meet (`torch_engine`).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeAlias, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.combine import Combine
from tuning.schedules.compose import Affine, Node, Ramp, Sequence, Steps
from tuning.schedules.curves import CURVES, Floats
from tuning.schedules.families import Constant, OneCycle, ThreePhase, Triangular, Warmup
from tuning.schedules.interop.base import (
    Count,
    CountOrZero,
    Label,
    Note,
    Optional,
    PositiveRate,
    Rate,
)
from tuning.schedules.interop.layout import Proposal
from tuning.schedules.interop.torch_calls import MOST_PIECES, Scheduler
from tuning.schedules.interop.torch_engine import Absolute, Averaging, Optimizer, Stepper
from tuning.schedules.limits import Flag, Fraction, Integer, Number
from tuning.schedules.schedule import MAX_HORIZON
from tuning.schedules.waves import Wave

Strategy = Literal["cos", "linear"]
Ratio = Annotated[float, Number(0.0, 1e100, above=True)]
OptionalCount = Annotated[int | None, Optional(Integer(1, MAX_HORIZON))]
Momentum = Annotated[float, Number(0.0, 1.0)]
Switch = Annotated[bool, Flag()]
Levels: TypeAlias = tuple[float, float, float]  # start, peak, end
Phase: TypeAlias = tuple[float, float, float]  # where it ends, and its rates at both ends


@final
@dataclass(frozen=True)
class OneCycleLR(Scheduler):
    """Up to `max_lr` and far down, in two phases or three."""

    max_lr: PositiveRate
    total_steps: OptionalCount = None
    epochs: OptionalCount = None
    steps_per_epoch: OptionalCount = None
    pct_start: Fraction = 0.3
    anneal_strategy: Strategy = "cos"
    cycle_momentum: Switch = True
    base_momentum: Momentum = 0.85
    max_momentum: Momentum = 0.95
    div_factor: Ratio = 25.0
    final_div_factor: Ratio = 1e4
    three_phase: Switch = False

    def __post_init__(self) -> None:
        """Refuse phases PyTorch cannot divide by."""
        super().__post_init__()
        begin = 0.0
        for end, _, _ in self._phases(self._levels):
            if end == begin:
                allowed = "a value that gives no phase of no length, by which PyTorch divides"
                raise InvalidValue("pct_start", self.pct_start, allowed)
            begin = end

    @property
    def total(self) -> int:
        """Updates of the cycle."""
        if self.total_steps is not None:
            return self.total_steps
        if self.epochs is None or self.steps_per_epoch is None:
            raise InvalidValue("total_steps", None, "an integer, or epochs and steps_per_epoch")
        return self.epochs * self.steps_per_epoch

    @property
    def last_step(self) -> int:
        """PyTorch allows one step more than there are updates."""
        return self.total

    @property
    def _levels(self) -> Levels:
        start = self.max_lr / self.div_factor
        return start, self.max_lr, start / self.final_div_factor

    def _phases(self, levels: Levels) -> tuple[Phase, ...]:
        (start, peak, end), up = levels, self.pct_start * self.total
        rise = (up - 1.0, start, peak)
        if not self.three_phase:
            return (rise, (self.total - 1.0, peak, end))
        return (rise, (2.0 * up - 2.0, peak, start), (self.total - 1.0, start, end))

    def rates(self, base_lr: float, steps: Steps) -> Floats:  # noqa: ARG002 # it sets its own
        """The phase the update is in; the last one goes on beyond its end."""
        return self._annealed(self._levels, steps)

    @property
    def _momenta(self) -> Levels:
        return self.max_momentum, self.base_momentum, self.max_momentum

    def momenta(self, steps: Steps) -> Floats | None:
        """The same phases between two momenta, down where the rate goes up."""
        return self._annealed(self._momenta, steps) if self.cycle_momentum else None

    def _annealed(self, levels: Levels, steps: Steps) -> Floats:
        phases = self._phases(levels)
        ends = np.array([end for end, _, _ in phases[:-1]])
        # PyTorch takes the first phase that ends late enough, even if an earlier one ends later.
        late = steps[:, None] <= ends[None, :]
        place = np.where(late.any(axis=1), late.argmax(axis=1), len(phases) - 1)
        bounds = np.array([0.0, *(end for end, _, _ in phases)])
        elapsed = (steps - bounds[place]) / (bounds[place + 1] - bounds[place])
        first, last = (np.array([phase[side] for phase in phases])[place] for side in (1, 2))
        if self.anneal_strategy == "linear":
            return np.asarray((last - first) * elapsed + first, np.float64)
        return np.asarray(last + (first - last) / 2.0 * (np.cos(np.pi * elapsed) + 1.0))

    def join(self, optimizer: Optimizer) -> Stepper:
        """It overwrites what it finds, and the initial rate of all."""
        optimizer.cycle = self._levels
        optimizer.initial = optimizer.cycle[0]
        rates = lambda steps: self._annealed(optimizer.cycle, steps)  # noqa: E731 # one line
        momenta = None
        if self.cycle_momentum:
            optimizer.momenta = self._momenta
            momenta = lambda steps: self._annealed(optimizer.momenta, steps)  # noqa: E731 # one line
        return Absolute(optimizer, rates, last=self.total, never_negative=False, momenta=momenta)

    def node(self, base_lr: float, horizon: int) -> Node:  # noqa: ARG002 # a hook
        """A ramp per phase."""
        return self._ramps(self._levels)

    def momentum_node(self, horizon: int) -> Node:  # noqa: ARG002 # a hook
        """A ramp per phase."""
        return self._ramps(self._momenta)

    def _ramps(self, levels: Levels) -> Node:
        """PyTorch's phases end between two updates, ours are shifted by as much."""
        curve = CURVES["cosine" if self.anneal_strategy == "cos" else "linear"]
        ramps: list[Node] = []
        first, begin = 0, 0.0
        for end, low, high in self._phases(levels):
            length = max(0, math.floor(end) + 1 - first)
            phase = (first - begin, end - begin - length)
            ramps.append(Ramp(length, low, high, curve, phase=phase))
            first, begin = first + length, end
        return Sequence(tuple(ramps))

    def named(self, base_lr: float, horizon: int) -> Iterable[Proposal]:  # noqa: ARG002 # a hook
        """One cycle, if its phases are whole and end with the horizon."""
        rise = round(self.pct_start * self.total - 1.0)
        if horizon != self.total or rise < 0:
            return
        start = 1.0 / self.div_factor
        common: dict[str, Any] = {
            "rise": rise,
            "start": start,
            "floor": start / self.final_div_factor,
            "curve": "cosine" if self.anneal_strategy == "cos" else "linear",
            "end": "last",
        }
        if self.three_phase:
            yield lambda: ThreePhase(self.max_lr, fall=rise, **common)
        else:
            yield lambda: OneCycle(self.max_lr, **common)

    def notes(self) -> Iterable[Note]:
        """One step too many, a peak that is not there."""
        extra = float(self.rates(0.0, np.array([self.total]))[0])
        message = f"PyTorch allows one step too many, at {extra:g}; the next one raises."
        yield Note("library_fault", message)
        if self.pct_start * self.total < 1.0:
            message = "The rise ends before update 0, so that the peak is never reached."
            yield Note("library_fault", message)


@dataclass(frozen=True, slots=True)
class NoFunction:
    """A limit: nothing, of an argument that would be a function."""

    def __call__(self, field: str, value: object) -> None:
        """Return None."""
        if value is not None:
            raise InvalidValue(field, value, "none: a function is not read")


@final
@dataclass(frozen=True)
class CyclicLR(Scheduler):
    """Triangles between two rates, their height kept, halved or shrinking."""

    base_lr: Rate
    max_lr: PositiveRate
    step_size_up: Count = 2000
    step_size_down: OptionalCount = None
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: Annotated[float, Number(0.0, 1e6)] = 1.0
    scale_fn: Annotated[None, NoFunction()] = None
    scale_mode: Label = "cycle"
    cycle_momentum: Switch = True
    base_momentum: Momentum = 0.8
    max_momentum: Momentum = 0.9

    @property
    def _total(self) -> int:
        return self.step_size_up + (self.step_size_down or self.step_size_up)

    def rates(self, base_lr: float, steps: Steps) -> Floats:  # noqa: ARG002 # it sets its own
        """PyTorch's `get_lr`, rounding included."""
        height, scale = self._height(steps)
        return np.asarray(self.base_lr + (self.max_lr - self.base_lr) * height * scale)

    def momenta(self, steps: Steps) -> Floats | None:
        """The same triangles, down from the largest momentum."""
        return self._moved(steps) if self.cycle_momentum else None

    def _moved(self, steps: Steps) -> Floats:
        height, scale = self._height(steps)
        span = self.max_momentum - self.base_momentum
        return np.asarray(self.max_momentum - span * height * scale)

    def _height(self, steps: Steps) -> tuple[Floats, Floats]:
        """Triangles from 0 to 1, and by how much they are scaled."""
        ratio = self.step_size_up / self._total
        cycle = np.floor(1.0 + steps / self._total)
        x = 1.0 + steps / self._total - cycle
        height = np.where(x <= ratio, x / ratio, (x - 1.0) / (ratio - 1.0))
        scale = {
            "triangular": np.ones(steps.shape),
            "triangular2": 0.5 ** (cycle - 1.0),
            "exp_range": self.gamma ** steps.astype(np.float64),
        }[self.mode]
        return height, scale

    def join(self, optimizer: Optimizer) -> Stepper:
        """It overwrites what it finds, except that it begins at the initial rate of all."""
        optimizer.lr = self.base_lr
        begun = optimizer.settle_initial()
        momenta = None
        if self.cycle_momentum:
            optimizer.momenta = self.max_momentum, self.base_momentum, self.max_momentum
            momenta = self._moved
        rates = partial(self.rates, 0.0)
        stepper = Absolute(optimizer, rates, last=None, never_negative=False, momenta=momenta)
        optimizer.lr = begun
        return stepper

    def node(self, base_lr: float, horizon: int) -> Node:  # noqa: ARG002 # a hook
        """Triangles between two rates."""
        return Affine(self._wave(horizon), self.base_lr, self.max_lr)

    def momentum_node(self, horizon: int) -> Node:
        """The same triangles, upside down."""
        return Affine(self._wave(horizon), self.max_momentum, self.base_momentum)

    def _wave(self, horizon: int) -> Node:
        """Triangles from 0 to 1, scaled."""
        decay = 0.5 if self.mode == "triangular2" else 1.0
        rise = self.step_size_up / self._total
        wave: Node = Wave(horizon, float(self._total), rise=rise, decay=decay)
        if self.mode == "exp_range" and 0.0 < self.gamma < 1.0:
            fade = Ramp(horizon, 1.0, self.gamma**horizon, order=0.0)
            wave = Combine("product", (wave, fade))
        return wave

    def named(self, base_lr: float, horizon: int) -> Iterable[Proposal]:  # noqa: ARG002 # a hook
        """Triangles, if the last ends with the horizon."""
        if self.mode != "exp_range" and horizon % self._total == 0:
            yield lambda: Triangular(
                self.max_lr,
                cycles=horizon // self._total,
                cycle_decay=0.5 if self.mode == "triangular2" else 1.0,
                rise=self.step_size_up / self._total,
                floor=self.base_lr / self.max_lr,
            )


@final
@dataclass(frozen=True)
class CosineAnnealingWarmRestarts(Scheduler):
    """Half cosines, each `T_mult` times as long as the one before."""

    T_0: Count
    T_mult: Count = 1
    eta_min: Rate = 0.0

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The half cosine of the cycle that the update is in."""
        lengths = np.array(self._cycles(int(steps.max()) + 1))
        starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
        cycle = np.maximum(np.searchsorted(starts, steps, side="right") - 1, 0)
        elapsed = np.maximum(steps, 0) - starts[cycle]
        gain = (1.0 + np.cos(np.pi * elapsed / lengths[cycle])) / 2.0
        return np.asarray(self.eta_min + (base_lr - self.eta_min) * gain, np.float64)

    def _cycles(self, updates: int) -> list[int]:
        """Lengths of cycles that cover so many updates."""
        lengths, total = [self.T_0], self.T_0
        while total < updates:
            lengths.append(lengths[-1] * self.T_mult)
            total += lengths[-1]
        return lengths

    def node(self, base_lr: float, horizon: int) -> Node | None:
        """Half cosines, one after another."""
        lengths = self._cycles(horizon)
        if len(lengths) > MOST_PIECES:
            return None
        curve = CURVES["cosine"]
        return Sequence(tuple(Ramp(n, base_lr, self.eta_min, curve) for n in lengths))

    def join(self, optimizer: Optimizer) -> Stepper:
        """It overwrites what it finds."""
        base = optimizer.settle_initial()
        rates = partial(self.rates, base)
        return Absolute(optimizer, rates, last=None, never_negative=True)


@final
@dataclass(frozen=True)
class SWALR(Scheduler):
    """From the rate that is found to that of stochastic weight averaging."""

    swa_lr: Rate
    anneal_epochs: CountOrZero = 10
    anneal_strategy: Strategy = "cos"

    def _share(self, steps: Steps) -> Floats:
        if self.anneal_epochs == 0:
            return np.where(steps >= 0, 1.0, 0.0)
        elapsed = np.clip(steps / self.anneal_epochs, 0.0, 1.0)
        if self.anneal_strategy == "linear":
            return elapsed
        return np.asarray((1.0 - np.cos(np.pi * elapsed)) / 2.0)

    def rates(self, base_lr: float, steps: Steps) -> Floats:
        """The share of its own rate grows to one."""
        share = self._share(steps)
        return self.swa_lr * share + base_lr * (1.0 - share)

    def join(self, optimizer: Optimizer) -> Stepper:
        """It moves on from what it finds."""
        return Averaging(optimizer, self.swa_lr, self._share)

    def node(self, base_lr: float, horizon: int) -> Node:  # noqa: ARG002 # a hook
        """A ramp from one to the other."""
        curve = CURVES["cosine" if self.anneal_strategy == "cos" else "linear"]
        return Ramp(self.anneal_epochs, base_lr, self.swa_lr, curve)

    def named(self, base_lr: float, horizon: int) -> Iterable[Proposal]:  # noqa: ARG002 # a hook
        """A constant after a warmup, if it rises."""
        if base_lr < self.swa_lr:
            curve = "cosine" if self.anneal_strategy == "cos" else "linear"
            warmup = Warmup(self.anneal_epochs, curve=curve, start=base_lr / self.swa_lr)
            yield lambda: Constant(self.swa_lr, warmup=warmup)
