"""Warmup: the rise before the body of any family.

The one idea: one value describes every warmup in use; its `phase` is where libraries differ.
Not here: the body (`decays`, `plateaus`, `cycles`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, final

from tuning.errors import InvalidValue
from tuning.schedules.compose import EXACT, LAST, Phase, Ramp, hold
from tuning.schedules.curves import CURVES
from tuning.schedules.lengths import resolve
from tuning.schedules.limits import Among, Flag, Fraction, Length, check_known, settle

CONSTANT = "constant"
GEOMETRIC = "geometric"
WARMUP_CURVES = (*CURVES, CONSTANT, GEOMETRIC)
PHASES: tuple[Phase, ...] = (EXACT, (1, 0), (1, 1), LAST)


@dataclass(frozen=True, slots=True)
class OffsetLimit:
    """One of the offsets (a, b) in use."""

    def __call__(self, field: str, value: object) -> Phase:
        """Return `value`, a pair from Python or from JSON, as a tuple."""
        for phase in PHASES:
            if isinstance(value, tuple | list) and tuple(value) == phase:
                return phase
        raise InvalidValue(field, value, "one of " + ", ".join(map(str, PHASES)))


@final
@dataclass(frozen=True, slots=True)
class Warmup:
    """Rise from a fraction of the peak to where the body starts.

    Over W updates the value is start + (first - start) c(1 - u), u = (t + a) / (W + b), with
    `first` the value the body starts at (1 for all decays) and c a decreasing curve.

    Args:
        length: W as a fraction of the horizon (float) or in updates (int). An integer scales with
            the horizon unless `pinned`.
        curve: a name in `CURVES` (the rise is that decay played backwards), `constant` (stay at
            `start`, then jump) or `geometric` (equal ratios; needs a positive `start`).
        start: value at u = 0 as a fraction of the peak, in [0, 1].
        phase: (a, b). (0, 0) as in Transformers, Optax and Keras: the first update is at `start`,
            update W at the peak. (1, 0): the peak is at update W - 1. (1, 1): neither end twice,
            update W at the peak. (0, -1): from `start` to the peak within W updates.
        pinned: whether an integer length stays as it is over other horizons.

    >>> from tuning.schedules import Constant, Schedule
    >>> Schedule(Constant(1.0, warmup=Warmup(4, phase=(1, 0))), 6).table()
    array([0.25, 0.5 , 0.75, 1.  , 1.  , 1.  ])
    """

    length: Length = 0.0
    curve: Annotated[str, Among(WARMUP_CURVES)] = "linear"
    start: Fraction = 0.0
    phase: Annotated[Phase, OffsetLimit()] = EXACT
    pinned: Annotated[bool, Flag()] = False

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field."""
        settle(self)
        if self.curve == GEOMETRIC and self.start == 0.0:
            raise InvalidValue("start", self.start, "above 0 for a geometric warmup")

    def updates(self, horizon: int) -> int:
        """W, resolved over a horizon."""
        return resolve("warmup.length", self.length, horizon)

    def ramp(self, horizon: int, first: float) -> Ramp:
        """The warmup over a horizon, to a body that starts at `first` (fraction of the peak).

        Raises `InvalidValue` if the warmup is geometric and the body starts at zero.
        """
        length = self.updates(horizon)
        if self.curve == CONSTANT:
            return hold(length, self.start)
        if self.curve == GEOMETRIC:
            if first == 0.0:
                allowed = "a curve that reaches 0, where the body starts"
                raise InvalidValue("warmup.curve", self.curve, allowed)
            return Ramp(length, self.start, first, order=0.0, phase=self.phase)
        return Ramp(length, self.start, first, CURVES[self.curve], phase=self.phase)

    def stretched(self, horizon: int) -> "Warmup":
        """The same warmup with an integer length as a fraction of the horizon, unless pinned."""
        if self.pinned or isinstance(self.length, float):
            return self
        return replace(self, length=self.updates(horizon) / horizon)

    def document(self, horizon: int) -> dict[str, Any]:
        """The warmup as JSON-able values, `steps` being W."""
        return {
            "steps": self.updates(horizon),
            "length": self.length,
            "curve": self.curve,
            "start": self.start,
            "phase": list(self.phase),
            "pinned": self.pinned,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Warmup":
        """The warmup of a document; `steps` alone is enough for its length.

        Raises `InvalidValue` naming a field that is unknown or outside its range.
        """
        check_known(document, ("steps", *(entry.name for entry in fields(cls))))
        named = dict(document)
        steps = named.pop("steps", 0.0)
        return cls(**{"length": steps, **named})
