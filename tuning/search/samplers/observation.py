"""Observations: what a sampler is told of the past.

The one idea: the same record whatever the sampler; those that know nothing of horizons or seeds
look at the full horizon only.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tuning.records import ParameterValue


@dataclass(frozen=True, slots=True)
class Observation:
    """A point that was proposed, and what came of it.

    Args:
        params: the point of the search space.
        value: its score, a mean over seeds; None while it is unknown.
        is_bad: whether it diverged or failed: it has no score but must repel.
        horizon: updates of the training that was scored; None for the study's own horizon.
        is_prefix: whether these were the first updates of a full training, whose peak owes nothing
            to them, and no schedule of its own.
        seeds: how many seeds the score rests on.
    """

    params: Mapping[str, ParameterValue]
    value: float | None = None
    is_bad: bool = False
    horizon: int | None = None
    is_prefix: bool = False
    seeds: int = 1


def key_of(params: Mapping[str, ParameterValue]) -> tuple[tuple[str, ParameterValue], ...]:
    """What tells a point from others, whatever the order of its parameters."""
    return tuple(sorted(params.items()))
