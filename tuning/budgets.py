"""Budgets: what a search may spend, and how its user extended that.

The one idea: a budget is a value; a larger one takes its place from some generation on, and the
record of it tells what held before, so that every decision can be made again.
Not here: who charges what (`tuning.search.policy.spending`), what an extended study is asked
(`tuning.rounds`).
"""

from dataclasses import dataclass

from tuning.checks import check_integer, check_number

MAX_TRIALS = 10_000
MAX_STEPS = 10**15
MAX_SECONDS = 10**9


@dataclass(frozen=True, slots=True)
class Budget:
    """What a search may spend: distinct schedules, updates, and time.

    Args:
        trials: distinct schedules of baselines and search.
        steps: updates of every phase but the confirmation, retries excluded: probes, baselines and
            shorter horizons count. None: as many as the trials need.
        seconds: unpaused wall time after which no run of the search starts; None: no limit.
    """

    trials: int = 60
    steps: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        """Refuse a budget outside its range."""
        check_integer("budget.trials", self.trials, 1, MAX_TRIALS)
        if self.steps is not None:
            check_integer("budget.steps", self.steps, 1, MAX_STEPS)
        if self.seconds is not None:
            check_number("budget.seconds", self.seconds, 0.0, MAX_SECONDS)


@dataclass(frozen=True, slots=True)
class Extension:
    """A study that had its verdict went on with a larger budget, which its spec now has.

    Args:
        generation: the first one of the search that goes on.
        budget: what held before.
        evidence_budget: likewise.
        closed_from: where the search before was closed; None if it was not.
        closed_because: why it was.
    """

    generation: int
    budget: Budget
    evidence_budget: int | None = None
    closed_from: int | None = None
    closed_because: str = ""
