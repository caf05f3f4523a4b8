"""Figures of a verdict: what every arm reached, and how far the winner is from each baseline.

The one idea: plain values that JSON carries; whoever judges fills them in, whoever reports reads
them. Not here: how they come about (`tuning.evidence.verdict`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tuning.records import Direction, StudySpec


@dataclass(frozen=True, slots=True)
class Spent:
    """Updates that led to an arm: of its tuning, and of the evidence."""

    tuning: int
    evidence: int


@dataclass(frozen=True, slots=True)
class Arm:
    """A trial measured in the second set: means over its fresh seeds that completed.

    A mean is None if nothing completed, or if one of its values is not finite.
    `peak_runs` counts the peaks it was chosen from: a baseline's own, or all of a family's peaks
    if the search proposed it. `planned` counts the seeds it was to be trained on. `ci95` is the
    arm's own interval for the validation mean, for it alone. `worst_block` is the validation block
    (fold, day, regime) it does worst on: its position and its mean there.
    `complexity` counts what its JSON has to say beyond family and peak (`simplicity`).
    """

    trial: int
    family: str
    peak: float
    is_baseline: bool
    peak_runs: int
    seeds: int
    planned: int
    diverged: int
    validation: float | None
    test: float | None
    stderr: float
    ci95: tuple[float, float] | None
    worst_block: tuple[int, float] | None
    complexity: int
    spent: Spent
    metrics: Mapping[str, Mapping[str, float | None]]


@dataclass(frozen=True, slots=True)
class Versus:
    """The winner against one baseline on validation; `ci95` is simultaneous over all baselines.

    `relative` is None if the baseline's mean is zero.
    `blocks_better` says on how many blocks (folds, days) the winner's mean was the better one.
    `generalises_over` names what the interval treats as drawn at random, and `dominant` which of
    the two contributes more of its width; `seeds_share` is the seeds' share of the variance.
    `same_data` says whether every pair of runs was trained on the same data, as far as it is known.
    `seeds_needed` would bring the half-width to `worthwhile`; None if no number of seeds does.
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
    generalises_over: tuple[str, ...]
    dominant: str
    seeds_share: float
    half_width: float | None
    seeds_needed: int | None
    same_data: bool = True


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to use: the simplest of the tie set, or the baseline that beat the winner."""

    trial: int
    family: str
    peak: float
    complexity: int
    reason: str


def is_worse(spec: StudySpec, one: Versus) -> bool:
    """Whether the winner's mean is the worse of the two."""
    if spec.metric.direction is Direction.MINIMIZE:
        return one.difference > 0.0
    return one.difference < 0.0
