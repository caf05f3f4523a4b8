"""Recommend: which of the schedules tried is believed best, and which are in doubt.

The one idea: the lowest of many noisy scores belongs to a lucky schedule, so what counts is the
posterior mean, which has neighbours vouch for each other; and who might be best is the share of
joint posterior draws in which it is. Another seed is best spent on those.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tuning.records import Direction, Space
from tuning.search.samplers.belief import believe
from tuning.search.samplers.description import describe
from tuning.search.samplers.evidence import gather
from tuning.search.samplers.observation import Observation
from tuning.search.space import PEAK

Floats = NDArray[np.float64]

CONSIDERED = 24  # schedules of the lowest means that may be leaders
DRAWS = 1_000
LEAST_CHANCE = 0.03  # of being best, below which a schedule is no leader
MOST_LEADERS = 8


@dataclass(frozen=True, slots=True)
class Recommendation:
    """What to use, and what to look at again.

    Args:
        best: position, among the observations, of the lowest posterior mean.
        leaders: positions of those that may be best, the likeliest first.
        chances: of each leader of being the best.
        gap: what the best may still win by, were every leader's true loss known: the expected
            difference of its loss and the lowest, relative if losses are above zero.
    """

    best: int
    leaders: tuple[int, ...]
    chances: tuple[float, ...]
    gap: float


def recommend(
    space: Space, observations: Sequence[Observation], direction: Direction, horizon: int
) -> Recommendation | None:
    """The recommendation after some results; None as long as no schedule has a score.

    Schedules scored at the full horizon are looked at, or all if there are none.

    Args:
        space: of the study; its cap is the unit of learning rates.
        observations: one per schedule and horizon.
        direction: which way a score is better.
        horizon: updates of a full training.
    """
    cap = float(space.parameters[PEAK].high)
    evidence = gather(observations, direction, cap, horizon)
    good = [row for row in evidence.rows.tolist() if not observations[row].is_bad]
    if not good:
        return None
    full = [row for row in good if observations[row].horizon in {None, horizon}] or good
    belief = believe(evidence)
    points = [observations[row].params for row in full]
    inputs = belief.inputs(describe(points, cap, horizon))
    means, _ = belief.posterior.predict(inputs)
    order = np.argsort(means, kind="stable")[:CONSIDERED]
    draws = _draws(belief.posterior.covariance(inputs[order]), means[order])
    firsts = np.bincount(draws.argmin(axis=1), minlength=len(order)) / DRAWS
    gap = float((draws[:, 0] - draws.min(axis=1)).mean())
    ranked = np.argsort(-firsts, kind="stable")[:MOST_LEADERS]
    leaders = [int(place) for place in ranked if firsts[place] >= LEAST_CHANCE]
    return Recommendation(
        best=full[order[0]],
        leaders=tuple(full[order[place]] for place in leaders),
        chances=tuple(float(firsts[place]) for place in leaders),
        gap=gap,
    )


def _draws(covariance: Floats, means: Floats) -> Floats:
    """Joint draws, the same for the same belief, shape (draws, schedules)."""
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    noise = np.random.default_rng(0).standard_normal((DRAWS, len(means)))
    return np.asarray(means + noise @ root.T)
