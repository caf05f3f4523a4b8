"""Levels: scores at several horizons brought to one.

The one idea: a shorter horizon costs about the same for all schedules, so its scores count less
that cost, which schedules scored at both tell; the best peak of a horizon T' is (T / T')^k times
that of T, so a schedule trained over T' stands for one of a peak that much lower. The beginning of
a full training stands for itself.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from tuning.records import Direction, Space
from tuning.search.samplers.observation import Observation
from tuning.search.space import PEAK

Floats = NDArray[np.float64]

EXPONENT = 0.4  # k before it is fitted
LARGEST = 1e100  # size of a score beyond which it counts as this, so that squares stay finite
NEAR = 1.0  # log of the ratio of peaks up to which two trainings can be of one schedule


def has_ended(seen: Observation) -> bool:
    """Whether something came of it: a score, or that it diverged or failed."""
    return seen.is_bad or (seen.value is not None and bool(np.isfinite(seen.value)))


def shortenings(observations: Sequence[Observation], horizon: int) -> Floats:
    """Log2 of the study's horizon over each one's own."""
    return np.array([np.log2(horizon / (seen.horizon or horizon)) for seen in observations])


def levelled_losses(
    observations: Sequence[Observation], direction: Direction, horizon: int
) -> Floats:
    """Losses, less what each horizon costs; logs of them if all are above zero; NaN if bad.

    Args:
        observations: all of which ended.
        direction: which way a score is better.
        horizon: of the study; the longest one that was observed is the level.
    """
    sign = 1.0 if direction is Direction.MINIMIZE else -1.0
    values = np.array(
        [np.nan if seen.is_bad else sign * float(seen.value or 0.0) for seen in observations]
    ).clip(-LARGEST, LARGEST)
    scored = np.isfinite(values)
    if scored.any() and values[scored].min() > 0.0:
        values = np.log(values)
    lengths = shortenings(observations, horizon)
    levels = np.unique(lengths[scored])
    base = scored & (lengths == levels[0]) if levels.size else scored
    for level in levels[1:]:
        here = scored & (lengths == level)
        pairs = list(_differences(observations, values, base, here))
        cost = np.median(pairs) if pairs else np.median(values[here]) - np.median(values[base])
        values[here] -= cost
    return values


def at_full_horizon(
    space: Space, observations: Sequence[Observation], direction: Direction, horizon: int
) -> list[Observation]:
    """Observations as if all were of the full horizon, for samplers that know no other.

    Peaks stay within the range of the space; losses are as `levelled_losses` has them, whatever
    the direction was.
    """
    ended = [seen for seen in observations if has_ended(seen)]
    losses = iter(levelled_losses(ended, direction, horizon).tolist())
    peak = space.parameters[PEAK]
    full = []
    for seen in observations:
        value = next(losses) if has_ended(seen) else None
        params = dict(seen.params)
        if seen.horizon not in {None, horizon} and not seen.is_prefix:
            there = float(params[PEAK]) * ((seen.horizon or horizon) / horizon) ** EXPONENT
            params[PEAK] = min(max(there, float(peak.low)), float(peak.high))
        full.append(
            replace(seen, params=params, value=None if seen.is_bad else value, horizon=None)
        )
    return full


def _differences(
    observations: Sequence[Observation],
    values: Floats,
    base: NDArray[np.bool_],
    here: NDArray[np.bool_],
) -> list[float]:
    """What each schedule that was scored at both horizons lost by the shorter one."""
    longer: dict[tuple[tuple[str, object], ...], list[int]] = {}
    for row in np.flatnonzero(base).tolist():
        longer.setdefault(_shape_key(observations[row]), []).append(row)
    differences = []
    for row in np.flatnonzero(here).tolist():
        apart = [
            (
                abs(
                    np.log(
                        float(observations[other].params[PEAK])
                        / float(observations[row].params[PEAK])
                    )
                ),
                other,
            )
            for other in longer.get(_shape_key(observations[row]), [])
        ]
        if apart and min(apart)[0] < NEAR:
            differences.append(float(values[row] - values[min(apart)[1]]))
    return differences


def _shape_key(seen: Observation) -> tuple[tuple[str, object], ...]:
    return tuple(sorted((name, value) for name, value in seen.params.items() if name != PEAK))
