"""Curves of many points, thinned for display: few points, no extreme lost.

The one idea: equally many measurements make a bucket, of which the lowest and the highest stay, in
their order; the first and the last of the curve always do. A value that is not finite counts as the
highest, so that a divergence is never thinned away.
Not here: schedules, whose extremes are known by formula (`tuning.schedules.Schedule.preview`).
"""

import math
from collections.abc import Sequence
from itertools import pairwise

FEWEST = 2


def thin(values: Sequence[float | None], points: int) -> list[int]:
    """Places of at most `points` values that keep the shape of a curve, rising.

    >>> thin([3.0, 2.0, 9.0, 2.0, 1.0, 1.5], 4)
    [0, 2, 4, 5]
    """
    last = len(values) - 1
    if len(values) <= points:
        return list(range(len(values)))
    buckets = (points - FEWEST) // 2
    chosen = {0, last}
    edges = [1 + (last - 1) * place // buckets for place in range(buckets + 1)] if buckets else []
    heights = [math.inf if value is None else value for value in values]
    for begin, end in pairwise(edges):
        chosen.add(min(range(begin, end), key=heights.__getitem__))
        chosen.add(max(range(begin, end), key=heights.__getitem__))
    return sorted(chosen)
