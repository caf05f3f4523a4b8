"""Pchip: a smooth curve through points that never overshoots them.

The one idea: a cubic between each two neighbours, whose slopes at the points are harmonic means of
the slopes beside them, and zero at a turn (Fritsch & Carlson, 1980; Fritsch & Butland, 1984). The
same curve as SciPy's PchipInterpolator; ours, as loading SciPy would take every command a second.
"""

import numpy as np

from tuning.schedules.curves import Floats

LEVEL = 1e-300  # a rise below it is none; its reciprocal might overflow


def slopes(at: Floats, heights: Floats) -> Floats:
    """The slope of the curve at each of at least two points."""
    gaps, rises = np.diff(at), np.diff(heights) / np.diff(at)
    if len(rises) == 1:
        return np.repeat(rises, 2)
    ends = (
        _outermost(gaps[0], gaps[1], rises[0], rises[1]),
        _outermost(gaps[-1], gaps[-2], rises[-1], rises[-2]),
    )
    before, after = 2 * gaps[1:] + gaps[:-1], gaps[1:] + 2 * gaps[:-1]
    is_level = np.abs(rises) < LEVEL
    same_way = (rises[:-1] * rises[1:] > 0.0) & ~is_level[:-1] & ~is_level[1:]
    safe = np.where(same_way, rises[:-1], 1.0), np.where(same_way, rises[1:], 1.0)
    means = (before + after) / (before / safe[0] + after / safe[1])
    return np.concatenate([[ends[0]], np.where(same_way, means, 0.0), [ends[1]]])


def _outermost(gap: float, next_gap: float, rise: float, next_rise: float) -> float:
    """The slope at an end: of the parabola through three points, kept from overshooting."""
    slope = ((2 * gap + next_gap) * rise - gap * next_rise) / (gap + next_gap)
    if slope * rise <= 0.0:
        return 0.0
    if rise * next_rise <= 0.0 and abs(slope) > 3 * abs(rise):
        return 3 * rise
    return slope


def pchip(places: Floats, at: Floats, heights: Floats) -> Floats:
    """The curve at `places`, within the first and the last of `at`.

    >>> pchip(np.array([0.0, 0.5, 2.0]), np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 1.0]))
    array([0.    , 0.6875, 1.    ])
    """
    steep = slopes(at, heights)
    piece = np.clip(np.searchsorted(at, places, side="right") - 1, 0, len(at) - 2)
    gap = np.diff(at)
    rise = np.diff(heights) / gap
    bend = (3 * rise - 2 * steep[:-1] - steep[1:]) / gap
    twist = (steep[:-1] + steep[1:] - 2 * rise) / gap**2
    x = places - at[piece]
    values: Floats = heights[piece] + x * (steep[piece] + x * (bend[piece] + x * twist[piece]))
    return values
