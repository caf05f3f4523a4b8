"""Optax: schedules joined of several, and the table of all that can be joined.

The one idea: `join_schedules` lets each schedule begin its own count at its boundary; what Optax
builds of that (warmups, warm restarts) is built of it here.
Not here: the schedules that are joined (`optax_calls`).
"""

from collections.abc import Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass
from itertools import accumulate, pairwise
from types import MappingProxyType
from typing import Annotated, Any, final

from tuning.errors import InvalidValue
from tuning.schedules.compose import Node, Sequence, Steps
from tuning.schedules.curves import Floats
from tuning.schedules.interop.base import (
    Calls,
    Count,
    CountOrZero,
    Nested,
    Note,
    Optional,
    Rate,
    Several,
    make_call,
)
from tuning.schedules.interop.formula import AbsoluteFormula
from tuning.schedules.interop.optax_calls import (
    AnyCount,
    ConstantSchedule,
    CosineDecaySchedule,
    CosineOnecycleSchedule,
    ExponentialDecay,
    LinearOnecycleSchedule,
    LinearSchedule,
    PiecewiseConstantSchedule,
    PiecewiseInterpolateSchedule,
    PolynomialSchedule,
)
from tuning.schedules.interop.pieces import spanning
from tuning.schedules.limits import Flag, Integer, Number, Positive
from tuning.schedules.schedule import MAX_HORIZON

WARMUP_COSINE = "warmup_cosine_decay_schedule"


@final
@dataclass(frozen=True)
class JoinSchedules(AbsoluteFormula):
    """optax.join_schedules: schedule i from boundary i - 1 on, with a count of its own."""

    schedules: Annotated[tuple[Any, ...], Several(Nested(lambda: JOINABLE), fewest=1)]
    boundaries: Annotated[tuple[int, ...], Several(Integer(0, MAX_HORIZON))]

    def __post_init__(self) -> None:
        """Refuse boundaries that are not one fewer than schedules: Optax ignores what is left."""
        super().__post_init__()
        if len(self.boundaries) != len(self.schedules) - 1:
            allowed = f"{len(self.schedules) - 1} of them, one fewer than schedules"
            raise InvalidValue("boundaries", list(self.boundaries), allowed)

    def rates(self, steps: Steps) -> Floats:
        """The rates of the schedule whose turn it is."""
        return _joined_rates(self.schedules, self.boundaries, steps)

    def node(self, horizon: int) -> Node | None:
        """The schedules one after another."""
        return _joined_node(self.schedules, self.boundaries, horizon)

    def notes(self) -> Iterator[Note]:
        """What is worth knowing of each."""
        for schedule in self.schedules:
            yield from schedule.notes()
        if list(self.boundaries) != sorted(self.boundaries):
            message = "The boundaries are out of order: the last schedule that has begun counts."
            yield Note("library_fault", message)


def _joined_rates(
    schedules: Items[AbsoluteFormula], boundaries: Items[int], steps: Steps
) -> Floats:
    rates = schedules[0].rates(steps)
    for boundary, schedule in zip(boundaries, schedules[1:], strict=True):
        begun = steps >= boundary
        rates[begun] = schedule.rates(steps[begun] - boundary)
    return rates


def _joined_node(
    schedules: Items[AbsoluteFormula], boundaries: Items[int], horizon: int
) -> Node | None:
    if list(boundaries) != sorted(boundaries):
        return None
    ends = [0, *boundaries, max(horizon, 1 + max(boundaries, default=0))]
    nodes: list[Node] = []
    for schedule, (begin, end) in zip(schedules, pairwise(ends), strict=True):
        if end > begin:
            node = schedule.node(end - begin)
            if node is None:
                return None
            nodes.append(spanning(node, end - begin))
    return Sequence(tuple(nodes))


@final
@dataclass(frozen=True)
class WarmupConstantSchedule(AbsoluteFormula):
    """optax.warmup_constant_schedule: a line, which stays at its end."""

    init_value: Rate
    peak_value: Rate
    warmup_steps: AnyCount

    def _same(self) -> LinearSchedule:
        return LinearSchedule(self.init_value, self.peak_value, self.warmup_steps)

    def rates(self, steps: Steps) -> Floats:
        """The line."""
        return self._same().rates(steps)

    def node(self, horizon: int) -> Node:
        """The line."""
        return self._same().node(horizon)

    def notes(self) -> Iterator[Note]:
        """Without warmup the peak is never reached."""
        return self._same().notes()


@final
@dataclass(frozen=True)
class WarmupCosineDecaySchedule(AbsoluteFormula):
    """optax.warmup_cosine_decay_schedule; `decay_steps` includes the warmup."""

    init_value: Rate
    peak_value: Rate
    warmup_steps: CountOrZero
    decay_steps: Count
    end_value: Rate = 0.0
    exponent: Positive = 1.0

    def __post_init__(self) -> None:
        """Refuse a decay that is over before the warmup, as Optax does."""
        super().__post_init__()
        if self.decay_steps <= self.warmup_steps:
            allowed = f"more than the {self.warmup_steps:,} warmup_steps, which it includes"
            raise InvalidValue("decay_steps", self.decay_steps, allowed)

    def _parts(self) -> tuple[AbsoluteFormula, AbsoluteFormula]:
        alpha = self.end_value / self.peak_value if self.peak_value else 0.0
        length = self.decay_steps - self.warmup_steps
        return (
            LinearSchedule(self.init_value, self.peak_value, self.warmup_steps),
            CosineDecaySchedule(self.peak_value, length, alpha, self.exponent),
        )

    def rates(self, steps: Steps) -> Floats:
        """The line, then the cosine."""
        return _joined_rates(self._parts(), (self.warmup_steps,), steps)

    def node(self, horizon: int) -> Node | None:
        """The line, then the cosine."""
        return _joined_node(self._parts(), (self.warmup_steps,), max(horizon, self.decay_steps))


@final
@dataclass(frozen=True)
class WarmupExponentialDecaySchedule(AbsoluteFormula):
    """optax.warmup_exponential_decay_schedule; the decay begins to count after the warmup."""

    init_value: Rate
    peak_value: Rate
    warmup_steps: CountOrZero
    transition_steps: AnyCount
    decay_rate: Annotated[float, Number(0.0, 1e100)]
    transition_begin: AnyCount = 0
    staircase: Annotated[bool, Flag()] = False
    end_value: Annotated[float | None, Optional(Number(0.0, 1e100))] = None

    def _parts(self) -> tuple[AbsoluteFormula, AbsoluteFormula]:
        return (
            LinearSchedule(self.init_value, self.peak_value, self.warmup_steps),
            ExponentialDecay(
                self.peak_value,
                self.transition_steps,
                self.decay_rate,
                self.transition_begin,
                self.staircase,
                self.end_value,
            ),
        )

    def rates(self, steps: Steps) -> Floats:
        """The line, then the decay."""
        return _joined_rates(self._parts(), (self.warmup_steps,), steps)

    def node(self, horizon: int) -> Node | None:
        """The line, then the decay."""
        return _joined_node(self._parts(), (self.warmup_steps,), horizon)


@dataclass(frozen=True, slots=True)
class CosineKwargs:
    """A limit: the arguments of one `warmup_cosine_decay_schedule`."""

    def __call__(self, field: str, value: object) -> Any:  # noqa: ANN401 # one of JOINABLE
        """Return the schedule they make."""
        try:
            return make_call(JOINABLE, WARMUP_COSINE, value)
        except InvalidValue as error:
            inner = error.field.removeprefix("kwargs").removeprefix(".")
            place = f"{field}.{inner}" if inner else field
            raise InvalidValue(place, error.value, error.allowed) from error


@final
@dataclass(frozen=True)
class SgdrSchedule(AbsoluteFormula):
    """optax.sgdr_schedule: warmups and cosines, one after another."""

    cosine_kwargs: Annotated[tuple[Any, ...], Several(CosineKwargs(), fewest=1)]

    @property
    def _boundaries(self) -> list[int]:
        return list(accumulate(cycle.decay_steps for cycle in self.cosine_kwargs))[:-1]

    def rates(self, steps: Steps) -> Floats:
        """The cycle whose turn it is; the last one stays at its end."""
        return _joined_rates(self.cosine_kwargs, self._boundaries, steps)

    def node(self, horizon: int) -> Node | None:
        """The cycles."""
        whole = max(horizon, sum(cycle.decay_steps for cycle in self.cosine_kwargs))
        return _joined_node(self.cosine_kwargs, self._boundaries, whole)


JOINABLE: Calls = MappingProxyType(
    {
        "constant_schedule": ConstantSchedule,
        "linear_schedule": LinearSchedule,
        "polynomial_schedule": PolynomialSchedule,
        "cosine_decay_schedule": CosineDecaySchedule,
        "exponential_decay": ExponentialDecay,
        "piecewise_constant_schedule": PiecewiseConstantSchedule,
        "piecewise_interpolate_schedule": PiecewiseInterpolateSchedule,
        "cosine_onecycle_schedule": CosineOnecycleSchedule,
        "linear_onecycle_schedule": LinearOnecycleSchedule,
        "warmup_constant_schedule": WarmupConstantSchedule,
        WARMUP_COSINE: WarmupCosineDecaySchedule,
        "warmup_exponential_decay_schedule": WarmupExponentialDecaySchedule,
        "sgdr_schedule": SgdrSchedule,
        "join_schedules": JoinSchedules,
    }
)
