"""Cycles: candidates that rise again and again, in step with whatever they meet.

The one idea: where cycles win, the count decides and its neighbours lose, so counts are gone
through as integers with cycles of one length, rather than drawn along with everything else.
"""

from collections.abc import Sequence

import numpy as np

from tuning.records import Space
from tuning.search.samplers.candidates import Candidates, cyclic_families, listed
from tuning.search.samplers.description import CYCLES, Params
from tuning.search.samplers.points import Point, drawn, placed
from tuning.search.space import PEAK

OFFERED = 48
EVEN = 0.8  # part of the candidates whose cycles are equally long and high


def cyclic(
    space: Space, ranked: Sequence[Params], horizon: int, random: np.random.Generator
) -> Candidates:
    """Cyclic schedules: most of even cycles, their peaks near good ones or anywhere."""
    families = cyclic_families(space)
    peak = space.parameters[PEAK]
    points: list[Point] = []
    for number in range(OFFERED):
        family = families[number % len(families)]
        wishes = drawn(space, family, random)
        if random.random() < EVEN:
            wishes |= {"cycle_growth": 1.0, "cycle_decay": 1.0, "warmup": 0.0}
            wishes["floor"] = 0.0 if random.random() < 0.5 else wishes.get("floor", 0.0)
        if ranked and random.random() < 0.5:
            near = float(ranked[int(random.integers(min(5, len(ranked))))][PEAK])
            wishes[PEAK] = near * float(np.exp(random.normal(0.5, 0.6)))
        points.append(placed(space, family, wishes))
    return listed(points, float(peak.high), horizon)
