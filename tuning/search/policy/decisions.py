"""Decisions: what a study does next, as values.

The one idea: the policy answers with one of four values and does nothing itself.
Not here: how it comes to them (`tuning.search.policy.decide`).
"""

from dataclasses import dataclass

from tuning.records import Phase, Run, Trial


@dataclass(frozen=True, slots=True)
class Generation:
    """Runs to make next, the trials among them that are new, and those that are dropped.

    `reason` says why the search ended, if these are the confirmation runs.
    """

    number: int
    trials: tuple[Trial, ...]
    runs: tuple[Run, ...]
    pruned: tuple[int, ...] = ()
    reason: str = ""

    @property
    def is_confirmation(self) -> bool:
        """Whether these are confirmation runs."""
        return all(run.phase is Phase.CONFIRM for run in self.runs)


@dataclass(frozen=True, slots=True)
class Wait:
    """More results are needed first."""


@dataclass(frozen=True, slots=True)
class Conclude:
    """All runs are in: the verdict is due."""


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The study cannot go on; `reason` says why."""

    reason: str


Decision = Generation | Wait | Conclude | GiveUp
