"""Family: what all named forms of a schedule share.

The one idea: a family says only what its body is, as an expression over the updates after the
warmup, in fractions of the peak; warmup, the end convention and checks are common.
Not here: the families themselves, nor a horizon (`tuning.schedules.schedule`).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field, fields, replace
from typing import Any, ClassVar, Literal, Self

from tuning.errors import InvalidValue
from tuning.schedules.compose import Node, Sequence
from tuning.schedules.expressions import AnyTree, AnyTrees, Tree
from tuning.schedules.families.warmup import Warmup
from tuning.schedules.limits import Length, Lengths, Positive, Time, settle
from tuning.schedules.parameters import Value

End = Literal["after", "last"]
AfterEnd = Literal["hold", "zero", "rebound", "error"]

LENGTHS = (Length, Lengths, Time, AnyTree, AnyTrees)


@dataclass(frozen=True)
class Family(ABC):
    """A named parametric form of a schedule.

    Args:
        peak: largest learning rate, > 0.
        warmup: the rise before the body.
        end: where the end value lands: `after` the last update, at T, as in Transformers and
            Optax, or on the `last`, T - 1.
        after_end: what follows the last update: `hold` the end value, `zero`, `rebound` (the body
            backwards, then forwards, with period 2(T - W), as PyTorch's cosine) or `error`.
        kind: the family's name in `FAMILIES`, its tag in JSON; each family allows only its own.
    """

    tunable: ClassVar[tuple[str, ...]] = ()
    is_bounded: ClassVar[bool] = True  # no value is negative or above the peak, whatever the fields
    reaches_peak: ClassVar[bool] = True  # some update is at the peak, whatever the fields
    keeps_shape: ClassVar[bool] = True  # update k t of a horizon k T has the value of t of T
    is_feedback: ClassVar[bool] = False  # what is laid out is multiplied by gains from metrics

    peak: Positive
    _: KW_ONLY
    warmup: Warmup = field(default_factory=Warmup)
    end: End = "after"
    after_end: AfterEnd = "hold"
    kind: str = ""

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field."""
        settle(self)
        if not isinstance(self.warmup, Warmup):
            raise InvalidValue("warmup", self.warmup, "a Warmup")

    @abstractmethod
    def body(self, length: int) -> Node:
        """The shape after the warmup, over `length` >= 0 updates, in fractions of the peak."""

    def shape(self, horizon: int) -> Node:
        """The whole shape over a horizon, in fractions of the peak, in its simplest form.

        Raises `InvalidValue` naming a length in updates that is longer than there is room for.
        """
        body = self.body(horizon - self.warmup.updates(horizon))
        ramp = self.warmup.ramp(horizon, body.first)
        whole = Sequence((ramp, body))
        return (whole.landed() if self.end == "last" else whole).simplified()

    def stretched(self, horizon: int) -> Self:
        """The same family with integer lengths as fractions of what they are part of.

        Laid out over `horizon` it is the same schedule; over any other, the same shape. A pinned
        warmup stays in updates.
        """
        room = horizon - self.warmup.updates(horizon)
        changed: dict[str, Any] = {
            entry.name: _stretched(getattr(self, entry.name), entry.type, room)
            for entry in fields(self)
            if entry.type in LENGTHS
        }
        return replace(self, warmup=self.warmup.stretched(horizon), **changed)

    @classmethod
    def own_fields(cls) -> tuple[str, ...]:
        """The names of the fields that only this family has."""
        common = {entry.name for entry in fields(Family)}
        return tuple(entry.name for entry in fields(cls) if entry.name not in common)

    def params(self) -> dict[str, Any]:
        """The values of the family's own fields."""
        return {name: getattr(self, name) for name in self.own_fields()}

    @classmethod
    def from_coordinates(cls, peak: float, params: Mapping[str, Value]) -> Self:
        """The family at valid search coordinates; those left out keep its defaults."""
        named: dict[str, Any] = dict(params)
        if "warmup" in named:
            named["warmup"] = Warmup(length=named["warmup"])
        return cls(peak, **named)

    @classmethod
    def defaults(cls) -> dict[str, Value]:
        """The default of every parameter that a search may move."""
        return cls(peak=1.0).coordinates()

    def coordinates(self) -> dict[str, Value]:
        """Where the family stands in search coordinates, the peak excepted."""
        return {name: self._coordinate(name) for name in self.tunable}

    def _coordinate(self, name: str) -> Value:
        value: Value = self.warmup.length if name == "warmup" else getattr(self, name)
        return value


def _stretched(length: Any, kind: object, room: int) -> Any:  # noqa: ANN401 # one, or several
    """A length in updates as a fraction of the room there is, a fraction as it is."""
    match length:
        case Tree():
            return length.stretched(room) if room else length
        case tuple():
            return tuple(_stretched(one, kind, room) for one in length)
        case int() if room:
            return length / room if kind == Time else min(1.0, length / room)
        case int():
            return 0.0
    return length
