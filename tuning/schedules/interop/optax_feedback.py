"""Optax: its transformation that cuts updates by a metric, and the table of all calls.

The one idea: `optax.contrib.reduce_on_plateau` stands behind an optimiser and scales what it gives,
so it goes with any schedule; read alone, the base is the rate of the optimiser. It is no schedule,
and so is not among those that `join_schedules` joins.
"""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, final

from tuning.errors import InvalidValue
from tuning.schedules.families import Plateau
from tuning.schedules.interop.base import Calls, Count, CountOrZero, Imported, settle
from tuning.schedules.interop.listening import Shrinking, Threshold, listens
from tuning.schedules.interop.optax_joined import JOINABLE
from tuning.schedules.limits import Fraction, Integer
from tuning.schedules.schedule import MAX_HORIZON


@final
@dataclass(frozen=True)
class ReduceOnPlateau:
    """optax.contrib.reduce_on_plateau: better is below (1 - rtol) best - atol."""

    factor: Shrinking = 0.1
    # Without patience Optax cuts at every metric that is better, the opposite of what is asked.
    patience: Annotated[int, Integer(1, MAX_HORIZON)] = 10
    rtol: Fraction = 1e-4
    atol: Threshold = 0.0
    cooldown: CountOrZero = 0
    accumulation_size: Count = 1
    min_scale: Fraction = 0.0

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)
        if self.rtol == self.atol == 0.0:
            raise InvalidValue("rtol", self.rtol, "above 0, or atol above 0")

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The plateau family with Optax's flags."""
        tolerance: dict[str, Any] = {"threshold": self.rtol, "margin": self.atol}
        if self.rtol == 0.0:
            tolerance = {"threshold": self.atol, "tolerance": "abs"}
        family = Plateau(
            base_lr,
            factor=self.factor,
            patience=self.patience,
            **tolerance,
            count_rule="ge",
            cooldown=self.cooldown,
            accumulation=self.accumulation_size,
            min_gain=self.min_scale,
        )
        return listens(family, horizon)


RULE = "reduce_on_plateau"
CALLS: Calls = MappingProxyType({**JOINABLE, RULE: ReduceOnPlateau})
