"""Optax: its schedules, which are pure functions of the count of updates.

The one idea: each call says the library's own formula, and the same as an expression.
Not here: schedules joined of several (`optax_joined`), code for Optax (`optax_code`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Annotated, Literal, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.combine import Combine
from tuning.schedules.compose import Node, Ramp, Sequence, Steps, hold
from tuning.schedules.curves import CURVES, Curve, Floats
from tuning.schedules.interop.base import Count, Note, Optional, Rate
from tuning.schedules.interop.formula import AbsoluteFormula
from tuning.schedules.interop.pieces import stairs
from tuning.schedules.limits import Flag, Fraction, Integer, Number, Positive
from tuning.schedules.schedule import MAX_HORIZON

AnyCount = Annotated[int, Integer(-MAX_HORIZON, MAX_HORIZON)]
Pairs = tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True)
class Scales:
    """A limit: {update: factor}, keys as integers or as text as in JSON, as sorted pairs.

    >>> Scales()("boundaries_and_scales", {"8": 0.5, "4": 0.1})
    ((4, 0.1), (8, 0.5))
    """

    def __call__(self, field: str, value: object) -> Pairs:
        """Return the pairs in the order of their updates."""
        if value is None or value == ():
            return ()
        if not isinstance(value, Mapping):
            raise InvalidValue(field, value, "an object {update: factor}")
        return tuple(sorted(self._pair(f"{field}.{key}", key, value[key]) for key in value))

    def _pair(self, field: str, key: object, factor: object) -> tuple[int, float]:
        place = int(key) if isinstance(key, str) and key.isdecimal() else key
        return Integer(0, MAX_HORIZON)(field, place), Number(0.0, 1e100)(field, factor)


@final
@dataclass(frozen=True)
class ConstantSchedule(AbsoluteFormula):
    """optax.constant_schedule."""

    value: Rate

    def rates(self, steps: Steps) -> Floats:
        """The value."""
        return np.full(steps.shape, self.value)

    def node(self, horizon: int) -> Node:
        """The value."""
        return hold(horizon, self.value)


@final
@dataclass(frozen=True)
class PolynomialSchedule(AbsoluteFormula):
    """optax.polynomial_schedule: (I - E) (1 - (t - B) / N)^p + E."""

    init_value: Rate
    end_value: Rate
    power: Positive
    transition_steps: AnyCount
    transition_begin: AnyCount = 0

    def rates(self, steps: Steps) -> Floats:
        """The power of what is left; the initial value for ever if there are no steps."""
        if self.transition_steps <= 0:
            return np.full(steps.shape, self.init_value)
        count = np.clip(steps - max(0, self.transition_begin), 0, self.transition_steps)
        left = 1 - count / self.transition_steps
        return (self.init_value - self.end_value) * left**self.power + self.end_value

    def node(self, horizon: int) -> Node:
        """A hold, then the power; played backwards, rising, it is a power of what has passed."""
        if self.transition_steps <= 0:
            return hold(horizon, self.init_value)
        falls = self.init_value >= self.end_value
        curve = Curve(power=self.power) if falls else Curve(warp=self.power)
        ramp = Ramp(self.transition_steps, self.init_value, self.end_value, curve)
        return Sequence((hold(max(0, self.transition_begin), self.init_value), ramp))

    def notes(self) -> Iterator[Note]:
        """No steps mean no transition, not an immediate one."""
        if self.transition_steps <= 0 and self.init_value != self.end_value:
            message = (
                f"With {self.transition_steps} transition steps Optax stays at the initial value "
                f"{self.init_value:g} for ever."
            )
            yield Note("library_fault", message)


@final
@dataclass(frozen=True)
class LinearSchedule(AbsoluteFormula):
    """optax.linear_schedule: a polynomial with power 1."""

    init_value: Rate
    end_value: Rate
    transition_steps: AnyCount
    transition_begin: AnyCount = 0

    def _same(self) -> PolynomialSchedule:
        ends = (self.init_value, self.end_value)
        return PolynomialSchedule(*ends, 1.0, self.transition_steps, self.transition_begin)

    def rates(self, steps: Steps) -> Floats:
        """The line."""
        return self._same().rates(steps)

    def node(self, horizon: int) -> Node:
        """The line."""
        return self._same().node(horizon)

    def notes(self) -> Iterator[Note]:
        """No steps mean no transition, not an immediate one."""
        return self._same().notes()


@final
@dataclass(frozen=True)
class CosineDecaySchedule(AbsoluteFormula):
    """optax.cosine_decay_schedule: I ((1 - α) [(1 + cos(πt/N)) / 2]^p + α)."""

    init_value: Rate
    decay_steps: Count
    alpha: Rate = 0.0
    exponent: Positive = 1.0

    def rates(self, steps: Steps) -> Floats:
        """A power of half a cosine."""
        count = np.minimum(steps.astype(np.float64), self.decay_steps)
        cosine = 0.5 * (1 + np.cos(np.pi * count / self.decay_steps))
        return self.init_value * ((1 - self.alpha) * cosine**self.exponent + self.alpha)

    def node(self, horizon: int) -> Node | None:  # noqa: ARG002 # it has an end
        """Half a cosine; a rising one to a power is no curve of ours."""
        if self.alpha > 1.0 and self.exponent != 1.0:
            return None
        curve = CURVES["cosine"].raised(self.exponent)
        return Ramp(self.decay_steps, self.init_value, self.init_value * self.alpha, curve)


@final
@dataclass(frozen=True)
class ExponentialDecay(AbsoluteFormula):
    """optax.exponential_decay: I g^((t - B) / N), whole exponents if `staircase`, then clipped."""

    init_value: Rate
    transition_steps: AnyCount
    decay_rate: Annotated[float, Number(0.0, 1e100)]
    transition_begin: AnyCount = 0
    staircase: Annotated[bool, Flag()] = False
    end_value: Annotated[float | None, Optional(Number(0.0, 1e100))] = None

    @property
    def _stays(self) -> bool:
        return self.transition_steps <= 0 or self.decay_rate == 0.0

    def rates(self, steps: Steps) -> Floats:
        """The power of the decay rate."""
        if self._stays:
            return np.full(steps.shape, self.init_value)
        count = steps - max(0, self.transition_begin)
        exponent = np.maximum(count, 0) / self.transition_steps
        exponent = np.floor(exponent) if self.staircase else exponent
        with np.errstate(over="ignore"):  # what overflows is refused by name
            decayed = np.where(count <= 0, self.init_value, self.init_value * self._power(exponent))
        return self._clipped(decayed)

    def _power(self, exponent: Floats) -> Floats:
        powers: Floats = np.power(self.decay_rate, exponent)
        return powers

    def _clipped(self, values: Floats) -> Floats:
        if self.end_value is None:
            return values
        clip = np.maximum if self.decay_rate < 1.0 else np.minimum
        clipped: Floats = clip(values, self.end_value)
        return clipped

    def node(self, horizon: int) -> Node | None:
        """A geometric ramp, perhaps held in stairs, perhaps clipped."""
        if self._stays:
            return hold(horizon, self.init_value)
        begin = max(0, self.transition_begin)
        length = max(1, horizon - begin)
        end = self.init_value * float(self._power(np.array(length / self.transition_steps)))
        if not 0.0 < end < np.inf:
            return None
        decay: Node = Ramp(length, self.init_value, end, order=0.0)
        if self.staircase:
            decay = stairs(decay, self.transition_steps)
        whole = Sequence((hold(begin, self.init_value), decay))
        if self.end_value is None or not self._reaches(end):
            return whole
        clip: Literal["max", "min"] = "max" if self.decay_rate < 1.0 else "min"
        return Combine(clip, (whole, hold(horizon, self.end_value)))

    def _reaches(self, end: float) -> bool:
        """Whether the end value clips anything between the initial value and `end`."""
        ends = np.array([self.init_value, end])
        return bool((self._clipped(ends) != ends).any())


@final
@dataclass(frozen=True)
class PiecewiseConstantSchedule(AbsoluteFormula):
    """optax.piecewise_constant_schedule: times each factor from its boundary on."""

    init_value: Rate
    boundaries_and_scales: Annotated[Pairs, Scales()] = ()

    def rates(self, steps: Steps) -> Floats:
        """The product of the factors so far."""
        updates = [update for update, _ in self.boundaries_and_scales]
        levels = np.array(_levels(self.init_value, self.boundaries_and_scales))
        reached: Floats = levels[np.searchsorted(updates, steps, side="right")]
        return reached

    def node(self, horizon: int) -> Node:  # noqa: ARG002 # it stays at its last level
        """Holds."""
        updates = [0, *(update for update, _ in self.boundaries_and_scales)]
        lengths = [after - before for before, after in pairwise(updates)]
        levels = _levels(self.init_value, self.boundaries_and_scales)
        return Sequence(tuple(map(hold, (*lengths, 1), levels)))


@final
@dataclass(frozen=True)
class PiecewiseInterpolateSchedule(AbsoluteFormula):
    """optax.piecewise_interpolate_schedule: from boundary to boundary along a line or cosine."""

    interpolate_type: Literal["linear", "cosine"]
    init_value: Rate
    boundaries_and_scales: Annotated[Pairs, Scales()] = ()

    def rates(self, steps: Steps) -> Floats:
        """Between the products of the factors."""
        bounds = np.array([0, *(update for update, _ in self.boundaries_and_scales)])
        levels = np.array(_levels(self.init_value, self.boundaries_and_scales))
        place = np.searchsorted(bounds, steps, side="right") - 1
        after = np.minimum(place + 1, bounds.size - 1)
        share = (steps - bounds[place]) / np.maximum(bounds[after] - bounds[place], 1)
        begin, end = levels[place], levels[after]
        if self.interpolate_type == "linear":
            between: Floats = (end - begin) * share + begin
        else:
            between = end + (begin - end) / 2.0 * (np.cos(np.pi * share) + 1)
        return between

    def node(self, horizon: int) -> Node:  # noqa: ARG002 # it stays at its last level
        """Ramps."""
        updates = [0, *(update for update, _ in self.boundaries_and_scales)]
        levels = _levels(self.init_value, self.boundaries_and_scales)
        curve = CURVES[self.interpolate_type]
        ramps = (
            Ramp(after - before, *ends, curve)
            for (before, after), ends in zip(pairwise(updates), pairwise(levels), strict=True)
        )
        return Sequence((*ramps, hold(1, levels[-1])))


def _levels(initial: float, scales: Pairs) -> list[float]:
    """What is left after each factor."""
    return list(accumulate((scale for _, scale in scales), float.__mul__, initial=initial))


@final
@dataclass(frozen=True)
class CosineOnecycleSchedule(AbsoluteFormula):
    """optax.cosine_onecycle_schedule: up and down along half cosines."""

    transition_steps: Count
    peak_value: Rate
    pct_start: Fraction = 0.3
    div_factor: Positive = 25.0
    final_div_factor: Positive = 1e4

    def _same(self) -> PiecewiseInterpolateSchedule:
        # A dictionary, as in Optax: of two factors at one update the latter counts.
        scales = {
            int(self.pct_start * self.transition_steps): self.div_factor,
            self.transition_steps: 1.0 / (self.div_factor * self.final_div_factor),
        }
        start = self.peak_value / self.div_factor
        return PiecewiseInterpolateSchedule("cosine", start, scales)  # type: ignore[arg-type]

    def rates(self, steps: Steps) -> Floats:
        """Two half cosines."""
        return self._same().rates(steps)

    def node(self, horizon: int) -> Node:
        """Two half cosines."""
        return self._same().node(horizon)


@final
@dataclass(frozen=True)
class LinearOnecycleSchedule(AbsoluteFormula):
    """optax.linear_onecycle_schedule: up, down as far, and on down."""

    transition_steps: Count
    peak_value: Rate
    pct_start: Fraction = 0.3
    pct_final: Fraction = 0.85
    div_factor: Positive = 25.0
    final_div_factor: Positive = 1e4

    def _same(self) -> PiecewiseInterpolateSchedule:
        scales = {
            int(self.pct_start * self.transition_steps): self.div_factor,
            int(self.pct_final * self.transition_steps): 1.0 / self.div_factor,
            self.transition_steps: 1.0 / self.final_div_factor,
        }
        start = self.peak_value / self.div_factor
        return PiecewiseInterpolateSchedule("linear", start, scales)  # type: ignore[arg-type]

    def rates(self, steps: Steps) -> Floats:
        """Three lines."""
        return self._same().rates(steps)

    def node(self, horizon: int) -> Node:
        """Three lines."""
        return self._same().node(horizon)
