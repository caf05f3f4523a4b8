"""Given: what a study is handed: what earlier studies know, and schedules to try.

The one idea: both are values of the spec, so a study replays. A candidate takes part from a
generation on; one that came late changes nothing of what was decided before.
Not here: which candidates are allowed (`tuning.search.handed`), when they are tried
(`tuning.search.policy.proposals`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from tuning.checks import check_integer
from tuning.declarations import MAX_HORIZON
from tuning.errors import InvalidValue
from tuning.schedules import Schedule
from tuning.schedules.parameters import Value

MAX_SEEDS = 1_000
MAX_STARTS = 1_000
MAX_CANDIDATES = 32
MAX_GENERATION = 10**9
CANDIDATE = "candidate"  # stands in the place of a family, with a number

ParameterValue: TypeAlias = Value


@dataclass(frozen=True, slots=True)
class Start:
    """A point that is known before the study begins, from an earlier one.

    Args:
        params: its coordinates, `family` and `peak` included.
        horizon: updates of the trainings it was scored at.
        value: its score there; None if it has none.
        seeds: how many seeds the score rests on.
        imported: whether nobody measured it here.
    """

    params: Mapping[str, ParameterValue]
    horizon: int
    value: float | None = None
    seeds: int = 1
    imported: bool = False

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field."""
        check_integer("starts.horizon", self.horizon, 1, MAX_HORIZON)
        check_integer("starts.seeds", self.seeds, 1, MAX_SEEDS)
        if self.value is not None and not math.isfinite(self.value):
            raise InvalidValue("starts.value", self.value, "a finite number, or none")


@dataclass(frozen=True, slots=True)
class Candidate:
    """A schedule that the user wants tried.

    Args:
        schedule: over the horizon of the study.
        generation: the first one that may propose it; those before it knew nothing of it.
    """

    schedule: Schedule
    generation: int = 0

    def __post_init__(self) -> None:
        """Refuse a generation that is none."""
        check_integer("candidates.generation", self.generation, 0, MAX_GENERATION)


def candidate_name(position: int) -> str:
    """What a candidate is called where a family would be.

    >>> candidate_name(0)
    'candidate_1'
    """
    return f"{CANDIDATE}_{position + 1}"


def is_candidate(params: Mapping[str, ParameterValue]) -> bool:
    """Whether a trial with these coordinates is a candidate, and no point of the space.

    >>> is_candidate({"family": "candidate_2", "peak": 0.1}), is_candidate({"family": "linear"})
    (True, False)
    """
    name, _, number = str(params.get("family", "")).rpartition("_")
    return name == CANDIDATE and number.isdecimal()
