"""Feedback: PyTorch's ReduceLROnPlateau and the greedy rule of Transformers.

The one idea: both are the family of that name with the library's own flags; absolute rates become
fractions of the peak. The table is that of the base, before any metric.
Not here: how the rules move (`tuning.schedules.families.feedback`), composites, which take neither.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Literal, final

from tuning.errors import InvalidValue
from tuning.schedules.families import Family, Greedy, Plateau
from tuning.schedules.interop.base import Calls, CountOrZero, Imported, Note, Rate, settle
from tuning.schedules.interop.torch_composites import JOINABLE
from tuning.schedules.limits import Flag, Integer, Number
from tuning.schedules.schedule import MAX_HORIZON, Schedule

Mode = Literal["min", "max"]
Tolerance = Literal["rel", "abs"]
Shrinking = Annotated[float, Number(1e-6, 0.999999)]
Threshold = Annotated[float, Number()]
Switch = Annotated[bool, Flag()]

OPEN_LOOP = Note(
    "feedback",
    "The table is the rate before any metric; the family says what each metric makes of it.",
)


@final
@dataclass(frozen=True)
class ReduceLROnPlateau:
    """Cut when more than `patience` metrics in a row are no better."""

    mode: Mode = "min"
    factor: Shrinking = 0.1
    patience: CountOrZero = 10
    threshold: Threshold = 1e-4
    threshold_mode: Tolerance = "rel"
    cooldown: CountOrZero = 0
    min_lr: Rate = 0.0
    eps: Rate = 1e-8

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The plateau family with PyTorch's flags."""
        if self.min_lr > base_lr:
            raise InvalidValue("min_lr", self.min_lr, f"at most the base_lr of {base_lr:g}")
        family = Plateau(
            base_lr,
            factor=self.factor,
            patience=self.patience,
            threshold=self.threshold,
            tolerance=self.threshold_mode,
            cooldown=self.cooldown,
            min_gain=self.min_lr / base_lr,
            smallest_change=min(1.0, self.eps / base_lr),
            mode=self.mode,
        )
        return _open_loop(family, horizon)


@final
@dataclass(frozen=True)
class GreedyLR:
    """Raise while the metric improves, cut while it does not."""

    mode: Mode = "min"
    factor: Shrinking = 0.95
    patience: CountOrZero = 10
    threshold: Threshold = 1e-6
    threshold_mode: Tolerance = "abs"
    cooldown: CountOrZero = 0
    warmup: CountOrZero = 0
    min_lr: Rate = 1e-3
    max_lr: Rate = 1.0
    eps: Rate = 1e-8
    verbose: Switch = False
    smooth: Switch = False
    window_size: Annotated[int, Integer(1, MAX_HORIZON)] = 50
    reset_start: Annotated[int, Integer(0, MAX_HORIZON)] = 500

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The greedy family; its peak is the largest rate it may come to."""
        peak = max(base_lr, self.max_lr)
        if self.min_lr > peak:
            raise InvalidValue("min_lr", self.min_lr, f"at most {peak:g}")
        family = Greedy(
            peak,
            factor=self.factor,
            patience=self.patience,
            threshold=self.threshold,
            tolerance=self.threshold_mode,
            cooldown=self.cooldown,
            warmup_wait=self.warmup,
            first_gain=base_lr / peak,
            min_gain=self.min_lr / peak,
            max_gain=self.max_lr / peak,
            smallest_change=min(1.0, self.eps / peak),
            reset_after=max(1, self.reset_start),
            window=self.window_size if self.smooth else 1,
            mode=self.mode,
        )
        return _open_loop(family, horizon, *self._notes(base_lr))

    def _notes(self, base_lr: float) -> tuple[Note, ...]:
        if not self.min_lr <= base_lr <= self.max_lr:
            message = (
                f"The base_lr of {base_lr:g} lies outside the absolute bounds {self.min_lr:g} to "
                f"{self.max_lr:g}, so the rule can only move it one way."
            )
            return (Note("library_fault", message),)
        return ()


def _open_loop(family: Family, horizon: int, *notes: Note) -> Imported:
    return Imported(Schedule(family, horizon), (*notes, OPEN_LOOP))


TORCH_CALLS: Calls = MappingProxyType({**JOINABLE, "ReduceLROnPlateau": ReduceLROnPlateau})
FEEDBACK_FUNCTIONS: Mapping[str, type[ReduceLROnPlateau | GreedyLR]] = MappingProxyType(
    {
        "get_reduce_on_plateau_schedule": ReduceLROnPlateau,
        "get_greedy_schedule": GreedyLR,
    }
)
