"""Rates: the learning rates of a block's lanes, as far as they are known.

The one idea: an open-loop schedule is known from the start; a feedback family's gain, or its choice
of a base, follows from what its lane measured so far, so it is asked anew before each chunk.
Not here: how a rule moves (`tuning.schedules.families.feedback`).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tuning.errors import InvalidValue
from tuning.objectives.base import Floats
from tuning.schedules import Schedule
from tuning.schedules.families.feedback import Listening


class Rates:
    """The learning rates of some lanes over one horizon.

    Args:
        schedules: one per lane, all over that horizon.
        total: measurements there will be.
        cap: the largest learning rate allowed.

    Raises `InvalidValue` naming `schedule` if a table goes above the cap, at once or as soon as a
    lane's measurements choose it.
    """

    def __init__(self, schedules: Sequence[Schedule], total: int, cap: float = np.inf) -> None:
        self._schedules = list(schedules)
        self._total = total
        self._cap = cap
        self._heard: list[list[float]] = [[] for _ in self._schedules]
        tables = [schedule.table() for schedule in self._schedules]
        self._tables = np.stack([check_cap(table, cap) for table in tables])

    def between(self, first: int, last: int) -> Floats:
        """The learning rates of updates `first` .. `last` - 1, of shape (lanes, chunk)."""
        rates = self._tables[:, first:last].copy()
        for position, schedule in enumerate(self._schedules):
            family = schedule.family
            if isinstance(family, Listening):
                rates[position] = self._answer(position, schedule, family)[first:last]
        return rates

    def _answer(self, position: int, schedule: Schedule, listening: Listening) -> Floats:
        """The table in force after what the lane heard."""
        family, gain = listening.after(self._heard[position], self._total)
        if family == schedule.family:
            table: Floats = self._tables[position]
            return gain * table
        return check_cap(gain * replace(schedule, family=family).table(), self._cap)

    def hear(self, metrics: Floats) -> None:
        """Note what each lane measured, of shape (lanes,)."""
        for heard, metric in zip(self._heard, metrics.tolist(), strict=True):
            heard.append(metric)

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these positions, given in rising order."""
        self._schedules = [self._schedules[lane] for lane in lanes]
        self._heard = [self._heard[lane] for lane in lanes]
        self._tables = self._tables[list(lanes)]


def check_cap(table: Floats, cap: float) -> Floats:
    """Return a table, or raise `InvalidValue` naming `schedule` if it goes above the hard cap.

    >>> check_cap(np.array([0.5, 2.0]), 1.0)
    Traceback (most recent call last):
    tuning.errors.InvalidValue: schedule: 2.0 is not allowed; allowed: learning rates up to the \
hard cap, 1
    """
    largest = float(table.max())
    # A peak drawn at the cap may exceed it by a rounding of its logarithm.
    if largest > cap * (1 + 1e-9):
        raise InvalidValue("schedule", largest, f"learning rates up to the hard cap, {cap:g}")
    return table
