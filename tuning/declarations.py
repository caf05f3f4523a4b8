"""Declarations: what a training problem says of itself, as plain values.

The one idea: of a problem that is trained elsewhere, in any language, nothing is known but what a
study declares; so all that search, verdict and service need to know of it stands here.
Not here: problems that can be trained here (`tuning.objectives`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tuning.checks import check_integer, check_number
from tuning.errors import InvalidValue
from tuning.schedules import PARAMETERS
from tuning.states import Direction

MAX_HORIZON = 10_000_000
MAX_METRICS = 32
MAX_RUNGS = 8
LR = "lr"  # measured beside the metrics, of the last update


@dataclass(frozen=True, slots=True)
class Metric:
    """A named figure of merit of an objective."""

    name: str
    direction: Direction = Direction.MINIMIZE
    unit: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class External:
    """An objective that somebody else trains.

    Args:
        metrics: what every end of a run tells on each of its splits; the first one is compared.
        horizon: updates of a full training, if the study names none.
        peak: smallest and largest peak that is looked at, if the study names no range.
        rungs: shorter horizons, as rising fractions of the full one, over which the problem is the
            same in small; none if a shorter training is another problem.
        hard_cap: the largest learning rate that makes sense; None if none is known.
        test: whether there is a test split beside `validation`. Only runs of the confirmation are
            asked for it.
        applies_to: the optimiser a schedule found here is for, with its settings.

    >>> External((Metric("loss"),), horizon=100, peak=(0.1, 0.01))
    Traceback (most recent call last):
    tuning.errors.InvalidValue: external.peak: (0.1, 0.01) is not allowed; allowed: two numbers, \
low <= high, from 1e-08 to 10
    """

    metrics: tuple[Metric, ...]
    horizon: int
    peak: tuple[float, float]
    rungs: tuple[float, ...] = ()
    hard_cap: float | None = None
    test: bool = True
    applies_to: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON values

    def __post_init__(self) -> None:
        """Refuse a declaration that does not hold together, naming the field."""
        names = [metric.name for metric in self.metrics]
        if not 0 < len(names) <= MAX_METRICS or len(set(names)) < len(names) or LR in names:
            allowed = f"1 to {MAX_METRICS} distinct names, none of them `{LR}`"
            raise InvalidValue("external.metrics", names, allowed)
        check_integer("external.horizon", self.horizon, 1, MAX_HORIZON)
        limits, (low, high) = PARAMETERS["peak"], self.peak
        if not limits.low <= low <= high <= limits.high:
            allowed = f"two numbers, low <= high, from {limits.low:g} to {limits.high:g}"
            raise InvalidValue("external.peak", self.peak, allowed)
        if self.hard_cap is not None:
            check_number("external.hard_cap", self.hard_cap, low, float(limits.high))
        is_rising = all(a < b for a, b in pairwise((0.0, *self.rungs, 1.0)))
        if len(self.rungs) > MAX_RUNGS or not is_rising or not all(map(math.isfinite, self.rungs)):
            allowed = f"at most {MAX_RUNGS} rising fractions between 0 and 1"
            raise InvalidValue("external.rungs", list(self.rungs), allowed)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its metrics."""
        return tuple(metric.name for metric in self.metrics)
