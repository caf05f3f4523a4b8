"""Keras: its learning-rate schedules, which are the rate itself.

The one idea: each call says the library's own formula, and the same as an expression. Keras uses
float32; here it is float64, except where float32 decides in which cycle an update is.
Not here: code for Keras (`keras_code`).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from tuning.errors import InvalidValue
from tuning.schedules.compose import Node, Ramp, Sequence, Steps, hold
from tuning.schedules.curves import CURVES, Curve, Floats
from tuning.schedules.interop.base import (
    Calls,
    Count,
    CountOrZero,
    Label,
    Note,
    Optional,
    Rate,
    Several,
)
from tuning.schedules.interop.formula import AbsoluteFormula
from tuning.schedules.interop.keras_feedback import ReduceLROnPlateau
from tuning.schedules.interop.pieces import stairs
from tuning.schedules.interop.restarts import MOST_CYCLES, Geometric, in_cycles
from tuning.schedules.limits import Flag, Integer, Number, Positive
from tuning.schedules.schedule import MAX_HORIZON

Singles: TypeAlias = NDArray[np.float32]


@final
@dataclass(frozen=True)
class CosineDecay(AbsoluteFormula):
    """keras CosineDecay: a line to `warmup_target`, then half a cosine of `decay_steps`."""

    initial_learning_rate: Rate
    decay_steps: Count
    alpha: Rate = 0.0
    name: Label = None
    warmup_target: Annotated[float | None, Optional(Number(0.0, 1e100))] = None
    warmup_steps: CountOrZero = 0

    @property
    def _warmup(self) -> int:
        return 0 if self.warmup_target is None else self.warmup_steps

    @property
    def _peak(self) -> float:
        return self.initial_learning_rate if self.warmup_target is None else self.warmup_target

    def rates(self, steps: Steps) -> Floats:
        """The line, then the cosine; without a target there is no line."""
        done = np.clip(steps - self._warmup, 0, self.decay_steps) / self.decay_steps
        decayed = (1 - self.alpha) * (0.5 * (1.0 + np.cos(math.pi * done))) + self.alpha
        rise = self._peak - self.initial_learning_rate
        line = rise * (steps / max(1, self._warmup)) + self.initial_learning_rate
        return np.where(steps < self._warmup, line, self._peak * decayed)

    def node(self, horizon: int) -> Node:  # noqa: ARG002 # it has an end
        """The line, then the cosine."""
        line = Ramp(self._warmup, self.initial_learning_rate, self._peak)
        end = self._peak * self.alpha
        return Sequence((line, Ramp(self.decay_steps, self._peak, end, CURVES["cosine"])))

    def notes(self) -> Iterator[Note]:
        """A warmup without a target does not happen."""
        if self.warmup_steps and self.warmup_target is None:
            yield Note("ignored", "Without warmup_target Keras ignores warmup_steps.")


@final
@dataclass(frozen=True)
class CosineDecayRestarts(AbsoluteFormula):
    """keras CosineDecayRestarts: cosines, each `t_mul` times as long and `m_mul` as high."""

    initial_learning_rate: Rate
    first_decay_steps: Count
    t_mul: Annotated[float, Number(1.0, 1e6)] = 2.0
    m_mul: Annotated[float, Number(0.0, 1e6)] = 1.0
    alpha: Rate = 0.0
    name: Label = None

    def rates(self, steps: Steps) -> Floats:
        """The cosine whose turn it is; Keras finds out in float32, and so it is done here."""
        place, done = self._places(steps)
        cosine = 0.5 * np.power(self.m_mul, place) * (1.0 + np.cos(math.pi * done))
        return self.initial_learning_rate * ((1 - self.alpha) * cosine + self.alpha)

    def _places(self, steps: Steps) -> tuple[Floats, Floats]:
        """The number of the cycle, and how far it has come."""
        place = self._place(_single(steps) / _single(self.first_decay_steps)).astype(np.float64)
        clock = Geometric(self.first_decay_steps, self.t_mul)
        return place, clock.done(steps, place)

    def _place(self, passed: Singles) -> Singles:
        if self.t_mul == 1.0:
            return np.floor(passed)
        one, growth = _single(1.0), _single(self.t_mul)
        return np.floor(np.log(one - passed * (one - growth)) / np.log(growth))

    def node(self, horizon: int) -> Node | None:
        """The cosines, where Keras says they are."""
        places, _ = self._places(np.arange(horizon))
        low = self.initial_learning_rate * self.alpha

        def ends(place: float) -> tuple[float, float]:
            high = self.initial_learning_rate * (1 - self.alpha) * self.m_mul**place
            return high + low, low

        clock = Geometric(self.first_decay_steps, self.t_mul)
        return in_cycles(places, clock, ends, CURVES["cosine"])


def _single(value: Any) -> Singles:  # noqa: ANN401 # a number or an array
    return np.asarray(value, dtype=np.float32)


@final
@dataclass(frozen=True)
class ExponentialDecay(AbsoluteFormula):
    """keras ExponentialDecay: I g^(t / N), whole exponents if `staircase`; it has no end."""

    initial_learning_rate: Rate
    decay_steps: Count
    decay_rate: Annotated[float, Number(0.0, 1e100)]
    staircase: Annotated[bool, Flag()] = False
    name: Label = None

    def rates(self, steps: Steps) -> Floats:
        """The power of the decay rate."""
        exponent = steps / self.decay_steps
        exponent = np.floor(exponent) if self.staircase else exponent
        with np.errstate(over="ignore"):
            rates: Floats = self.initial_learning_rate * np.power(self.decay_rate, exponent)
        return rates

    def node(self, horizon: int) -> Node | None:
        """A geometric ramp, perhaps held in stairs."""
        with np.errstate(over="ignore"):
            left = float(np.power(self.decay_rate, np.float64(horizon / self.decay_steps)))
        end = self.initial_learning_rate * left
        if not 0.0 < end < np.inf:
            return None
        ramp = Ramp(horizon, self.initial_learning_rate, end, order=0.0)
        return stairs(ramp, self.decay_steps) if self.staircase else ramp


@final
@dataclass(frozen=True)
class InverseTimeDecay(AbsoluteFormula):
    """keras InverseTimeDecay: I / (1 + g t / N), whole quotients if `staircase`."""

    initial_learning_rate: Rate
    decay_steps: Count
    decay_rate: Annotated[float, Number(0.0, 1e100)]
    staircase: Annotated[bool, Flag()] = False
    name: Label = None

    def rates(self, steps: Steps) -> Floats:
        """The inverse of the time."""
        passed = steps / self.decay_steps
        passed = np.floor(passed) if self.staircase else passed
        rates: Floats = self.initial_learning_rate / (1.0 + self.decay_rate * passed)
        return rates

    def node(self, horizon: int) -> Node | None:
        """The harmonic mean of a line, perhaps held in stairs."""
        end = self.initial_learning_rate / (1.0 + self.decay_rate * horizon / self.decay_steps)
        if end == 0.0:
            return None
        ramp = Ramp(horizon, self.initial_learning_rate, end, order=-1.0)
        return stairs(ramp, self.decay_steps) if self.staircase else ramp


@final
@dataclass(frozen=True)
class PolynomialDecay(AbsoluteFormula):
    """keras PolynomialDecay: (I - E) (1 - t / N)^p + E; a `cycle` begins anew, ever longer."""

    initial_learning_rate: Rate
    decay_steps: Count
    end_learning_rate: Rate = 1e-4
    power: Positive = 1.0
    cycle: Annotated[bool, Flag()] = False
    name: Label = None

    def rates(self, steps: Steps) -> Floats:
        """The power of what is left, of N or of its next multiple."""
        rounds = np.maximum(1, -(-steps // self.decay_steps)) if self.cycle else 1
        done = np.minimum(steps, self.decay_steps * rounds) / (self.decay_steps * rounds)
        span = self.initial_learning_rate - self.end_learning_rate
        rates: Floats = span * (1 - done) ** self.power + self.end_learning_rate
        return rates

    def node(self, horizon: int) -> Node | None:
        """The power, and if it cycles, the last part of ever longer ones."""
        first, rounds = self._ramp(0, self.decay_steps), -(-horizon // self.decay_steps)
        if not self.cycle:
            return first
        if rounds > MOST_CYCLES:
            return None
        # Update N itself still belongs to the first round, update 2N to the second.
        ramps = [replace(first, length=self.decay_steps + 1, phase=(0, -1))]
        ramps += [self._ramp(place, self.decay_steps) for place in range(1, rounds)]
        return Sequence(tuple(ramps))

    def _ramp(self, place: int, length: int) -> Ramp:
        ends = (self.initial_learning_rate, self.end_learning_rate)
        falls = ends[0] >= ends[1]
        curve = Curve(power=self.power) if falls else Curve(warp=self.power)
        before = place * self.decay_steps
        return Ramp(length, *ends, curve, phase=(before + 1, before) if place else (0, 0))

    def notes(self) -> Iterator[Note]:
        """It rises above the end value again."""
        if self.cycle:
            message = (
                "After every decay Keras begins another, longer one, not at the top but within."
            )
            yield Note("rebound", message)


@final
@dataclass(frozen=True)
class PiecewiseConstantDecay(AbsoluteFormula):
    """keras PiecewiseConstantDecay: value i up to boundary i, which still belongs to it."""

    boundaries: Annotated[tuple[int, ...], Several(Integer(0, MAX_HORIZON), fewest=1)]
    values: Annotated[tuple[float, ...], Several(Number(0.0, 1e100))]
    name: Label = None

    def __post_init__(self) -> None:
        """Refuse boundaries that are not one fewer than the values, or out of order."""
        super().__post_init__()
        if len(self.boundaries) != len(self.values) - 1:
            allowed = f"one fewer than the {len(self.values)} values"
            raise InvalidValue("boundaries", list(self.boundaries), allowed)
        if any(before > after for before, after in pairwise(self.boundaries)):
            raise InvalidValue("boundaries", list(self.boundaries), "increasing")

    def rates(self, steps: Steps) -> Floats:
        """The value of the interval, whose right end belongs to it."""
        rates: Floats = np.array(self.values)[np.searchsorted(self.boundaries, steps, side="left")]
        return rates

    def node(self, horizon: int) -> Node:  # noqa: ARG002 # it stays at its last value
        """Holds."""
        ends = [0, *(boundary + 1 for boundary in self.boundaries)]
        lengths = [after - before for before, after in pairwise(ends)]
        return Sequence(tuple(map(hold, (*lengths, 1), self.values)))

    def notes(self) -> Iterator[Note]:
        """The boundary belongs to the value before."""
        yield Note("shifted", "Keras changes the value an update after each boundary.")


CALLS: Calls = MappingProxyType(
    {
        "CosineDecay": CosineDecay,
        "CosineDecayRestarts": CosineDecayRestarts,
        "ExponentialDecay": ExponentialDecay,
        "InverseTimeDecay": InverseTimeDecay,
        "PolynomialDecay": PolynomialDecay,
        "PiecewiseConstantDecay": PiecewiseConstantDecay,
        "ReduceLROnPlateau": ReduceLROnPlateau,
    }
)
