"""Duplicates: schedules that do the same are trained once.

The one idea: two schedules are the same if their mathematics is (their identity), or if their
curves agree to `CLOSE` of the peak wherever they are looked at. Families hold each other as special
cases, and rounding must not make a second one of the first.
Not here: which schedules are proposed (`tuning.search.policy`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tuning.schedules import Schedule

CLOSE = 1e-9  # of the larger peak
LOOKS = 257  # updates at which curves are compared; more than two per cycle of any family
FIRST_LOOKS = (0.3141, 0.7182)  # fractions of the horizon at which most pairs already differ
REMEMBERED = 16_384  # schedules; a study has at most 10,000


class Known:
    """Schedules of one horizon that need no second training."""

    def __init__(self, schedules: Iterable[Schedule]) -> None:
        self._schedules: list[Schedule] = []
        self._identities: set[str] = set()
        self._marks: list[tuple[float, ...]] = []
        for schedule in schedules:
            self.add(schedule)

    def add(self, schedule: Schedule) -> None:
        """From now on this one is known."""
        self._schedules.append(schedule)
        self._identities.add(schedule.identity)
        self._marks.append(_marks(schedule))

    def holds(self, schedule: Schedule) -> bool:
        """Whether this one, or one that does the same, is known."""
        if schedule.identity in self._identities:
            return True
        if not self._marks:
            return False
        gaps = np.abs(np.asarray(self._marks) - _marks(schedule)).max(axis=1)
        alike = np.flatnonzero(gaps <= CLOSE * schedule.peak)
        return any(_agree(schedule, self._schedules[place]) for place in alike)


@dataclass(frozen=True, slots=True)
class _Named:
    """A schedule by its identity, which is quicker to compare than all it is made of."""

    identity: str
    horizon: int
    schedule: Schedule = field(compare=False)


def _marks(schedule: Schedule) -> tuple[float, ...]:
    return _looked_at(_Named(schedule.identity, schedule.horizon, schedule))


@lru_cache(REMEMBERED)
def _looked_at(one: _Named) -> tuple[float, ...]:
    steps = [int(share * one.horizon) for share in FIRST_LOOKS]
    return tuple(one.schedule(steps).tolist())


def _agree(one: Schedule, other: Schedule) -> bool:
    steps: npt.NDArray[np.int64] = np.unique(
        np.linspace(0, one.horizon - 1, LOOKS).astype(np.int64)
    )
    gap = np.abs(one(steps) - other(steps)).max()
    return bool(gap <= CLOSE * max(one.peak, other.peak))
