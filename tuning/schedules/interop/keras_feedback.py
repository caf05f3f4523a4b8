"""Keras: its callback that cuts the rate when a metric no longer improves.

The one idea: it is the plateau family with Keras' flags; a metric is that of one epoch.
Not here: how the rule moves (`tuning.schedules.families.feedback`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, final

from tuning.errors import InvalidValue
from tuning.schedules.families import Plateau
from tuning.schedules.interop.base import CountOrZero, Imported, Label, Rate, settle
from tuning.schedules.interop.listening import Mode, Shrinking, least_gain, listens
from tuning.schedules.limits import Number

# What `auto` makes of metrics of these names in every model that has them.
DIRECTIONS: Mapping[str, Mode] = {"loss": "min", "accuracy": "max", "acc": "max"}


@final
@dataclass(frozen=True, kw_only=True)
class ReduceLROnPlateau:
    """Cut when `patience` metrics in a row are no better; an automatic mode goes by the name."""

    monitor: Label = "val_loss"
    factor: Shrinking = 0.1
    patience: CountOrZero = 10
    verbose: Label = 0
    mode: Literal["auto", "min", "max"] = "auto"
    min_delta: Annotated[float, Number(-1e100, 1e100)] = 1e-4
    cooldown: CountOrZero = 0
    min_lr: Rate = 0.0

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)
        self._direction()

    def _direction(self) -> Mode:
        if self.mode != "auto":
            return self.mode
        name = str(self.monitor).removeprefix("val_")
        if name not in DIRECTIONS:
            allowed = f"min or max: for {self.monitor!r} auto asks the model's own metrics"
            raise InvalidValue("mode", self.mode, allowed)
        return DIRECTIONS[name]

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The plateau family with Keras' flags."""
        family = Plateau(
            base_lr,
            factor=self.factor,
            patience=self.patience,
            threshold=abs(self.min_delta),  # as Keras takes it
            tolerance="abs",
            count_rule="ge",
            cooldown=self.cooldown,
            last_cooldown_counts=True,
            min_gain=least_gain("min_lr", self.min_lr, base_lr),
            mode=self._direction(),
        )
        return listens(family, horizon)
