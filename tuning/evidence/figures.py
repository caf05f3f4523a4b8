"""Figures of a verdict: what every arm reached, and how far the winner is from each baseline.

The one idea: plain values that JSON carries; whoever judges fills them in, whoever reports reads
them. Not here: how they come about (`tuning.evidence.verdict`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tuning.records import Direction, StudySpec


@dataclass(frozen=True, slots=True)
class Arm:
    """A trial measured in the confirmation: means over its fresh seeds that completed.

    A mean is None if nothing completed, or if one of its values is not finite.
    `peak_runs` counts the peaks it was chosen from: a baseline's grid, or all of a family's peaks
    if the search proposed it.
    """

    trial: int
    family: str
    peak: float
    is_baseline: bool
    peak_runs: int
    seeds: int
    diverged: int
    validation: float | None
    test: float | None
    stderr: float
    metrics: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True, slots=True)
class Versus:
    """The winner against one baseline on validation; `ci95` is simultaneous over all baselines.

    `relative` is None if the baseline's mean is zero.
    `blocks_better` says on how many blocks (folds, days) the winner's mean was the better one.
    """

    baseline: str
    trial: int
    difference: float
    relative: float | None
    ci95: tuple[float, float]
    adjusted: bool
    seeds: int
    peak_runs: tuple[int, int]
    blocks_better: tuple[int, int]
    is_tie: bool


def is_worse(spec: StudySpec, one: Versus) -> bool:
    """Whether the winner's mean is the worse of the two."""
    if spec.metric.direction is Direction.MINIMIZE:
        return one.difference > 0.0
    return one.difference < 0.0
