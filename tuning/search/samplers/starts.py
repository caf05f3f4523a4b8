"""Starts: the schedules that are tried before anything is known.

The one idea: begin with what is known to be good somewhere, a straight line and holds of three
lengths at the cap and below it, and with the curves that theory calls best, the minimisers of the
convex bound over a ladder of distances from the optimum. Theory ranks, it never excludes.
"""

import numpy as np
from numpy.typing import NDArray

from tuning.records import Space
from tuning.schedules.parameters import KNOTS
from tuning.search.samplers.bound import minimiser
from tuning.search.samplers.points import Point, placed
from tuning.search.samplers.segments import LOWEST
from tuning.search.space import PEAK

Floats = NDArray[np.float64]

# Family, peak over the cap, other wishes; a number is D² over T, in squares of the cap, of a
# minimiser of the convex bound. The first eight span peaks and holds, in case only they are tried.
KNOWN: tuple[tuple[str, float, Point] | float, ...] = (
    ("wsd", 1.0, {"hold": 0.7, "cooldown": "linear"}),
    0.3,
    ("linear", 0.25, {"floor": 0.0}),
    0.003,
    ("linear", 1.0, {"floor": 0.0}),
    0.03,
    ("wsd", 0.4, {"hold": 0.7, "cooldown": "linear"}),
    3.0,
    ("wsd", 1.0, {"hold": 0.85, "cooldown": "linear"}),
    ("wsd", 1.0, {"hold": 0.5, "cooldown": "linear"}),
    ("linear", 0.06, {"floor": 0.0}),
    10.0,
)
KNOTS_FAMILY = "knots"


def start_points(space: Space, horizon: int) -> list[Point]:
    """The first points of a search, as far as the space holds their families."""
    cap = float(space.parameters[PEAK].high)
    points = []
    for one in KNOWN:
        if isinstance(one, float):
            if KNOTS_FAMILY in space.families:
                points.append(knots_point(space, np.array(minimiser(one, horizon)), 0.0))
        elif one[0] in space.families:
            family, share, wishes = one
            points.append(placed(space, family, {**wishes, PEAK: share * cap, "warmup": 0.0}))
    return points


def knots_point(space: Space, heights: Floats, warmup: float) -> Point:
    """The smooth curve through log levels over the cap, as a point of the space.

    Its highest knot is at the peak, and levels are written with six digits.
    """
    parameter = space.parameters[PEAK]
    top = float(heights.max())
    peak = float(parameter.high) * float(np.exp(top))
    levels = np.maximum(np.exp(heights - top), LOWEST)
    wishes = {name: float(f"{level:.6g}") for name, level in zip(KNOTS, levels, strict=True)}
    return placed(space, KNOTS_FAMILY, {**wishes, PEAK: float(f"{peak:.6g}"), "warmup": warmup})
