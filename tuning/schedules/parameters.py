"""Parameters: the coordinates a search may move, one shared definition per name.

The one idea: a name means the same thing in every family (`warmup` is always a fraction of the
horizon, `floor` always a fraction of the peak), so evidence about it is shared across families.
Not here: which family uses which parameter (`Family.tunable`), nor how ranges are sampled
(`tuning.search`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from tuning.errors import InvalidValue, UnknownName
from tuning.schedules.limits import Among, Integer, Number, plain

Kind = Literal["float", "int", "choice"]
Value: TypeAlias = float | int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One coordinate of a search space: a range of numbers, or a choice among names.

    Args:
        name: its name in every family, in JSON, tables and the UI.
        kind: `float`, `int` or `choice`.
        low: smallest value, inclusive; unused by a choice.
        high: largest value, inclusive; equal to `low` if the parameter is fixed.
        log: whether equal ratios, not equal differences, are equally far apart.
        choices: the names to choose from; empty for numbers.
        help: one line for humans.
    """

    name: str
    kind: Kind = "float"
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[str, ...] = ()
    help: str = ""

    def __post_init__(self) -> None:
        """Refuse a range that is empty, not finite, or of the wrong kind."""
        if self.kind == "choice":
            self._refuse_bad_choices()
        elif self.kind in {"float", "int"}:
            self._refuse_bad_range()
        else:
            raise UnknownName(f"{self._field}.kind", self.kind, ("float", "int", "choice"))

    @property
    def _field(self) -> str:
        return f"ranges.{self.name}"

    def _refuse_bad_choices(self) -> None:
        if not self.choices or len(set(self.choices)) < len(self.choices):
            raise InvalidValue(f"{self._field}.choices", self.choices, "distinct names, at least 1")

    def _refuse_bad_range(self) -> None:
        ends = (self.low, self.high)
        if self.choices:
            raise InvalidValue(f"{self._field}.choices", self.choices, f"none for a {self.kind}")
        if not all(_is_number(end, self.kind) for end in ends) or self.low > self.high:
            numbers = "integers" if self.kind == "int" else "finite numbers"
            raise InvalidValue(self._field, ends, f"{numbers} low <= high")
        if self.log and self.low <= 0:
            raise InvalidValue(self._field, ends, "positive numbers on a log scale")

    def narrowed(self, low: float, high: float) -> "Parameter":
        """The same parameter over a smaller range.

        Args:
            low: smallest value, at least the declared one.
            high: largest value, at most the declared one; equal to `low` fixes the parameter.

        Raises `InvalidValue` naming `ranges.<name>` if the range is upside down, outside the
        declared one, or if the parameter is a choice.

        >>> PARAMETERS["floor"].narrowed(0.0, 0.1).high
        0.1
        """
        if self.kind == "choice":
            raise InvalidValue(self._field, (low, high), f"names among {', '.join(self.choices)}")
        is_kind = _is_number(low, self.kind) and _is_number(high, self.kind)
        if not is_kind or not self.low <= low <= high <= self.high:
            numbers = "integers" if self.kind == "int" else "numbers"
            allowed = f"{numbers} {self.low:g} <= low <= high <= {self.high:g}"
            raise InvalidValue(self._field, (low, high), allowed)
        return replace(self, low=low, high=high)

    def check(self, value: object) -> Value:
        """Return `value` in its plain type, or raise `InvalidValue` naming the parameter.

        >>> PARAMETERS["drops"].check(9)
        Traceback (most recent call last):
        tuning.errors.InvalidValue: drops: 9 is not allowed; allowed: an integer from 1 to 4
        """
        match self.kind:
            case "choice":
                return Among(self.choices)(self.name, value)
            case "int":
                return Integer(int(self.low), int(self.high))(self.name, value)
            case "float":
                return Number(self.low, self.high)(self.name, value)


def _is_number(value: object, kind: Kind) -> bool:
    return isinstance(plain(value), int if kind == "int" else int | float)


KNOTS = tuple(f"knot_{number}" for number in range(1, 10))

_DECLARED = (
    Parameter(name="peak", low=1e-8, high=10.0, log=True, help="Largest learning rate."),
    Parameter(
        name="warmup", low=0.0, high=0.2, help="Rise to the peak, as a fraction of the horizon."
    ),
    Parameter(name="floor", low=0.0, high=0.3, help="End value, as a fraction of the peak."),
    Parameter(
        name="hold", low=0.0, high=0.95, help="Stay at the peak, as a fraction after warmup."
    ),
    Parameter(name="power", low=0.3, high=4.0, log=True, help="Exponent of the decay."),
    Parameter(
        name="cooldown",
        kind="choice",
        choices=("linear", "cosine", "1-sqrt", "exponential"),
        help="Curve of the decay after the hold.",
    ),
    Parameter(
        name="decay",
        low=1e-4,
        high=0.5,
        log=True,
        help="What a geometric decay leaves of the peak.",
    ),
    Parameter(
        name="timescale",
        low=1e-3,
        high=1.0,
        log=True,
        help="Time constant of an inverse decay, as a fraction after warmup.",
    ),
    Parameter(name="drops", kind="int", low=1, high=4, help="Number of drops after the hold."),
    Parameter(name="drop_factor", low=0.02, high=0.8, log=True, help="What a drop leaves."),
    Parameter(name="cycles", kind="int", low=1, high=32, log=True, help="Number of cycles."),
    Parameter(
        name="cycle_growth",
        low=1.0,
        high=3.0,
        help="Length of a cycle over that of the one before.",
    ),
    Parameter(
        name="cycle_decay",
        low=0.3,
        high=1.0,
        help="Height of a cycle above the floor over that of the one before.",
    ),
    Parameter(name="bend", low=0.05, high=1.0, log=True, help="Bend of a REX decay; 1 is a line."),
    Parameter(
        name="warp",
        low=0.3,
        high=5.0,
        log=True,
        help="Exponent of time: below 1 it falls early, above 1 late.",
    ),
    Parameter(name="exponent", low=0.1, high=1.5, help="Exponent of an inverse decay."),
    Parameter(name="spectrum", low=1.0, high=3.0, help="Exponent of the spectrum, for FSL decays."),
    Parameter(name="rise", low=0.05, high=0.5, help="The part of a cycle that goes up."),
    *(
        Parameter(
            name=name,
            low=1e-4,
            high=1.0,
            log=True,
            help=f"Level of a smooth curve at its knot {number} of {len(KNOTS)}.",
        )
        for number, name in enumerate(KNOTS, start=1)
    ),
)

PARAMETERS: Mapping[str, Parameter] = MappingProxyType({p.name: p for p in _DECLARED})
