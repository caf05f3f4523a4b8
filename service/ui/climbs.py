"""Climbs: what every trial reached over each horizon, or prefix, that it was trained over.

The one idea: a trial has a score on a rung once it has been trained there on all of its first
seeds; how the runs stand is told by whoever counted them.
Not here: which trials go on (`tuning.search`), the chart (`service.ui.charts.rungs`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tuning.records import Phase


@dataclass(frozen=True, slots=True)
class Climb:
    """What one trial reached: its mean score by the updates it was trained for; None if lost."""

    number: int
    family: str
    phase: Phase
    scores: Mapping[int, float | None]

    @property
    def top(self) -> int:
        """The most updates it was trained for."""
        return max(self.scores)


@dataclass(frozen=True, slots=True)
class Step:
    """How the runs of a trial over so many updates stand; `mean` is that of the completed ones."""

    number: int
    family: str
    phase: Phase
    updates: int
    mean: float | None
    completed: int
    lost: int
    open: int

    def is_known(self, seeds: int) -> bool:
        """Whether it came to something: one was lost, or all that it was first trained on is in."""
        return self.lost > 0 or (self.completed > 0 and (not self.open or self.completed >= seeds))


def join_steps(steps: Iterable[Step], seeds: int) -> list[Climb]:
    """The climbs that steps make up, in the order of the steps."""
    found: dict[int, Climb] = {}
    for one in steps:
        if one.is_known(seeds):
            known = found.get(one.number)
            scores = {} if known is None else known.scores
            score = None if one.lost else one.mean
            found[one.number] = Climb(
                one.number, one.family, one.phase, {**scores, one.updates: score}
            )
    return list(found.values())
