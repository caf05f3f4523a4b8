"""timm: PlateauLRScheduler, PyTorch's rule after a warmup.

The one idea: a step is an epoch with its metric; the metrics of the warmup are passed over, and
what timm saves of the rule is not enough to resume it.
"""

from dataclasses import dataclass
from typing import Annotated, final

from tuning.errors import InvalidValue
from tuning.schedules.families import Plateau, Warmup
from tuning.schedules.interop.base import CountOrZero, Imported, Label, Note, Rate, settle
from tuning.schedules.interop.listening import Mode, Shrinking, Threshold, least_gain, listens


@dataclass(frozen=True, slots=True)
class Silence:
    """A limit: no noise; over a rate that metrics move it is not read."""

    def __call__(self, field: str, value: object) -> None:
        """Return None."""
        if value is not None:
            raise InvalidValue(field, value, "none: noise over a plateau rule is not read")


EPS = 1e-8  # PyTorch's, which timm leaves as it is

FORGETS = Note(
    "library_fault",
    "timm saves the best metric and the last epoch only: a resumed run counts bad metrics and the "
    "cooldown anew.",
)


@final
@dataclass(frozen=True, kw_only=True)
class PlateauLRScheduler:
    """Cut when more than `patience_t` metrics in a row are no better, by default no larger."""

    decay_rate: Shrinking = 0.1
    patience_t: CountOrZero = 10
    threshold: Threshold = 1e-4
    cooldown_t: CountOrZero = 0
    warmup_t: CountOrZero = 0
    warmup_lr_init: Rate = 0.0
    lr_min: Rate = 0.0
    mode: Mode = "max"
    noise_range_t: Annotated[None, Silence()] = None
    noise_type: Label = "normal"
    noise_pct: Label = 0.67
    noise_std: Label = 1.0
    noise_seed: Label = None
    initialize: Label = True

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The plateau family with PyTorch's flags, after a line."""
        if self.warmup_t and self.warmup_lr_init > base_lr:
            allowed = f"at most the base_lr of {base_lr:g}"
            raise InvalidValue("warmup_lr_init", self.warmup_lr_init, allowed)
        start = self.warmup_lr_init / base_lr
        family = Plateau(
            base_lr,
            warmup=Warmup(self.warmup_t, start=start) if self.warmup_t else Warmup(),
            factor=self.decay_rate,
            patience=self.patience_t,
            threshold=self.threshold,
            wait=self.warmup_t,
            cooldown=self.cooldown_t,
            min_gain=least_gain("lr_min", self.lr_min, base_lr),
            smallest_change=min(1.0, EPS / base_lr),
            mode=self.mode,
        )
        return listens(family, horizon, FORGETS)
