"""Keras: its callback that cuts the rate when a metric no longer improves.

The one idea: it is the plateau family with Keras' flags; a metric is that of one epoch.
Not here: how the rule moves (`tuning.schedules.families.feedback`).
"""

from dataclasses import dataclass
from typing import Annotated, Literal, final

from tuning.errors import InvalidValue
from tuning.schedules.families import Plateau
from tuning.schedules.interop.base import CountOrZero, Imported, Rate, settle
from tuning.schedules.interop.torch_feedback import OPEN_LOOP
from tuning.schedules.limits import Number
from tuning.schedules.schedule import Schedule

Shrinking = Annotated[float, Number(1e-6, 0.999999)]
Label = Annotated[object, lambda _, value: value]  # without influence


@final
@dataclass(frozen=True, kw_only=True)
class ReduceLROnPlateau:
    """Cut when `patience` metrics in a row are no better; an automatic mode goes by the name."""

    monitor: Label = "val_loss"
    factor: Shrinking = 0.1
    patience: CountOrZero = 10
    verbose: Label = 0
    mode: Literal["auto", "min", "max"] = "auto"
    min_delta: Annotated[float, Number()] = 1e-4
    cooldown: CountOrZero = 0
    min_lr: Rate = 0.0

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    @property
    def _mode(self) -> Literal["min", "max"]:
        if self.mode == "auto":
            return "max" if "acc" in str(self.monitor) else "min"
        return self.mode

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The plateau family with Keras' flags."""
        if self.min_lr > base_lr:
            raise InvalidValue("min_lr", self.min_lr, f"at most the base_lr of {base_lr:g}")
        family = Plateau(
            base_lr,
            factor=self.factor,
            patience=self.patience,
            threshold=self.min_delta,
            tolerance="abs",
            count_rule="ge",
            cooldown=self.cooldown,
            last_cooldown_counts=True,
            min_gain=self.min_lr / base_lr,
            mode=self._mode,
        )
        return Imported(Schedule(family, horizon), (OPEN_LOOP,))
