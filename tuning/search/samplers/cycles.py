"""Cycles: candidates that rise again and again, in step with whatever they meet.

The one idea: where cycles win, the count decides and its neighbours lose. A count in step with a
world is a multiple of the world's own, so counts with many divisors are tried first, and around a
good one its divisors and multiples.
"""

from collections.abc import Sequence

import numpy as np

from tuning.records import Space
from tuning.schedules import FAMILIES
from tuning.search.samplers.candidates import Candidates, cyclic_families, listed
from tuning.search.samplers.description import CYCLES, Params, cycle_count, mean_rate
from tuning.search.samplers.points import Point, drawn, jittered, placed
from tuning.search.space import FAMILY, PEAK, contains

OFFERED, KIN = 12, 6
EVEN = {"cycle_growth": 1.0, "cycle_decay": 1.0, "warmup": 0.0, "floor": 0.0, "rise": 0.05}
LIFT = 1.3  # peak of a cycle over the mean of the best schedule without
FEWEST_UPDATES = 8  # of a cycle


def telling_counts(low: int, high: int) -> list[int]:
    """Counts from `low` to `high`, each the one that has most divisors no count before it has.

    >>> telling_counts(2, 12)
    [12, 10, 8, 9, 11, 7]
    """
    open_counts = set(range(max(2, low), high + 1))
    counts = sorted(open_counts, reverse=True)
    order = []
    while open_counts:
        best = max(counts, key=lambda one: _worth(one, open_counts))
        order.append(best)
        open_counts -= {other for other in open_counts if best % other == 0}
    return order


def _worth(count: int, still_open: set[int]) -> tuple[int, int]:
    """How many divisors are still open, and how many there are."""
    divisors = {count, *_divisors(count)}
    return len(divisors & still_open), len(divisors)


def next_probe(
    space: Space, points: Sequence[Params], ranked: Sequence[Params], level: float, horizon: int
) -> Point | None:
    """The next cyclic schedule to try for its count alone; None when all were tried.

    A divisor of the best count, or else the count that tells most.

    Args:
        space: that holds a cyclic family.
        points: all that were proposed.
        ranked: what was tried, the best first.
        level: mean learning rate of the best schedule without cycles.
        horizon: updates of a full training.
    """
    parameter = space.parameters[CYCLES]
    most = max(2, min(int(parameter.high), horizon // FEWEST_UPDATES))
    tried = {cycle_count(params) for params in points if _is_even(params)}
    best = next((one for one in ranked if cycle_count(one) > 1 and contains(space, one)), None)
    if best is not None and _is_even(best):
        steps = [one for one in _divisors(cycle_count(best)) if one not in tried]
        if steps and steps[0] >= parameter.low:
            return placed(space, str(best[FAMILY]), {**best, CYCLES: steps[0]})
    counts = [one for one in telling_counts(int(parameter.low), most) if one not in tried]
    if not counts:
        return None
    families = cyclic_families(space)
    family = min(families, key=lambda one: float(FAMILIES[one].defaults().get("rise", 0.0)))
    return placed(space, family, {**EVEN, CYCLES: counts[0], PEAK: LIFT * level})


def cyclic(
    space: Space, ranked: Sequence[Params], horizon: int, random: np.random.Generator
) -> Candidates:
    """Cyclic schedules: even ones of any count, and those akin to the best ones.

    Args:
        space: that holds a cyclic family.
        ranked: what was tried, the best first.
        horizon: updates of a full training.
        random: what draws.
    """
    families = cyclic_families(space)
    points: list[Point] = []
    for number in range(OFFERED):
        family = families[number % len(families)]
        wishes = {**drawn(space, family, random), **EVEN}
        near = mean_rate(ranked[int(random.integers(min(5, len(ranked))))], horizon)
        wishes[PEAK] = LIFT * near * float(np.exp(0.5 * random.standard_normal()))
        points.append(placed(space, family, wishes))
    best = [one for one in ranked if cycle_count(one) > 1 and contains(space, one)][:2]
    for one in best:
        points += [
            placed(space, str(one[FAMILY]), {**one, CYCLES: count})
            for count in _related(cycle_count(one), int(space.parameters[CYCLES].high))
        ]
        points += [{**jittered(space, one, 0.05, random), CYCLES: one[CYCLES]} for _ in range(KIN)]
    return listed(points, float(space.parameters[PEAK].high), horizon)


def _is_even(params: Params) -> bool:
    return float(params.get("cycle_growth", 1.0)) == 1.0


def _divisors(count: int) -> list[int]:
    """Those from 2 on and below the count, the largest first."""
    return [other for other in range(count // 2, 1, -1) if count % other == 0]


def _related(count: int, most: int) -> list[int]:
    return [
        other
        for other in range(2, most + 1)
        if other != count and (count % other == 0 or other % count == 0)
    ]
