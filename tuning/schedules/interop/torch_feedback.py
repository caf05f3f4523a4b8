"""Feedback: PyTorch's ReduceLROnPlateau and the greedy rule of Transformers.

The one idea: the greedy rule was written after PyTorch's, so they share their arguments, all but
the defaults.
Not here: the rules of other libraries (`keras_feedback` and the others), composites, which take
neither.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, Literal, final

from tuning.schedules.families import Greedy, Plateau
from tuning.schedules.interop.base import (
    Calls,
    CountOrZero,
    Imported,
    Label,
    Note,
    Rate,
    settle,
)
from tuning.schedules.interop.listening import Mode, Shrinking, Threshold, least_gain, listens
from tuning.schedules.interop.torch_composites import JOINABLE
from tuning.schedules.limits import Flag, Integer
from tuning.schedules.schedule import MAX_HORIZON


@dataclass(frozen=True, kw_only=True)
class Listener(ABC):
    """A rule that listens: what both take."""

    mode: Mode = "min"
    factor: Shrinking = 0.1
    patience: CountOrZero = 10
    threshold: Threshold = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: CountOrZero = 0
    min_lr: Rate = 0.0
    eps: Rate = 1e-8

    def __post_init__(self) -> None:
        """Refuse arguments outside their range, naming the argument."""
        settle(self)

    @abstractmethod
    def read(self, base_lr: float, horizon: int) -> Imported:
        """The family with the library's flags."""

    def flags(self, peak: float) -> dict[str, Any]:
        """The fields that both families have, absolute rates as fractions of the peak."""
        return {
            "mode": self.mode,
            "factor": self.factor,
            "patience": self.patience,
            "threshold": self.threshold,
            "tolerance": self.threshold_mode,
            "cooldown": self.cooldown,
            "min_gain": least_gain("min_lr", self.min_lr, peak),
            "smallest_change": min(1.0, self.eps / peak),
        }


@final
@dataclass(frozen=True, kw_only=True)
class ReduceLROnPlateau(Listener):
    """Cut when more than `patience` metrics in a row are no better."""

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The plateau family with PyTorch's flags."""
        return listens(Plateau(base_lr, **self.flags(base_lr)), horizon)


@final
@dataclass(frozen=True, kw_only=True)
class GreedyLR(Listener):
    """Raise while the metric improves, cut while it does not."""

    factor: Shrinking = 0.95
    threshold: Threshold = 1e-6
    threshold_mode: Literal["rel", "abs"] = "abs"
    warmup: CountOrZero = 0
    min_lr: Rate = 1e-3
    max_lr: Rate = 1.0
    verbose: Label = False
    smooth: Annotated[bool, Flag()] = False
    window_size: Annotated[int, Integer(1, MAX_HORIZON)] = 50
    reset_start: CountOrZero = 500

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The greedy family; its peak is the largest rate it may come to."""
        peak = max(base_lr, self.max_lr)
        family = Greedy(
            peak,
            **self.flags(peak),
            warmup_wait=self.warmup,
            first_gain=base_lr / peak,
            max_gain=self.max_lr / peak,
            reset_after=max(1, self.reset_start),
            window=self.window_size if self.smooth else 1,
        )
        return listens(family, horizon, *self._notes(base_lr))

    def _notes(self, base_lr: float) -> Iterator[Note]:
        if not self.min_lr <= base_lr <= self.max_lr:
            message = (
                f"The base_lr of {base_lr:g} lies outside the absolute bounds {self.min_lr:g} to "
                f"{self.max_lr:g}, so the rule can only move it one way."
            )
            yield Note("library_fault", message)


TORCH_CALLS: Calls = MappingProxyType({**JOINABLE, "ReduceLROnPlateau": ReduceLROnPlateau})
FEEDBACK_FUNCTIONS: Mapping[str, type[Listener]] = MappingProxyType(
    {
        "get_reduce_on_plateau_schedule": ReduceLROnPlateau,
        "get_greedy_schedule": GreedyLR,
    }
)
