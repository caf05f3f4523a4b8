"""Segments: a learning-rate curve as ten numbers, whatever its family.

The one idea: the log of the mean learning rate over segments that narrow towards the end says what
a schedule does; schedules that do the same have the same numbers, so that one model learns from all
families at once. A curve is looked at in a few places of every segment, so the price does not
depend on the horizon.
Not here: what else a model is told (`tuning.search.samplers.description`).
"""

import numpy as np
from numpy.typing import NDArray

from tuning.schedules.families.explicit import knot_places
from tuning.schedules.pchip import LEVEL

Floats = NDArray[np.float64]

EDGES = (0.0, 0.05, 0.2, 0.4, 0.6, 0.7, 0.8, 0.88, 0.94, 0.98, 1.0)
LOOKS = 16  # per segment
LOWEST = 1e-4  # of the cap; a mean below it counts as it
KNOT_COUNT = 9

_STARTS, _WIDTHS = np.array(EDGES[:-1]), np.diff(EDGES)
PLACES: Floats = (_STARTS[:, None] + _WIDTHS[:, None] * (np.arange(LOOKS) + 0.5) / LOOKS).ravel()
WEIGHTS: Floats = np.repeat(_WIDTHS / LOOKS, LOOKS)
_KNOTS = knot_places(KNOT_COUNT)
_GAPS = np.diff(_KNOTS)


def looks(horizon: int) -> NDArray[np.int64]:
    """The updates at which a schedule over a horizon is looked at."""
    return np.minimum((PLACES * horizon).astype(np.int64), horizon - 1)


def segment_means(rates: Floats) -> Floats:
    """The mean over each segment.

    Args:
        rates: learning rates at `PLACES`, shape (..., 160).

    Returns:
        Shape (..., 10).

    >>> segment_means(np.full(160, 0.5))[:3]
    array([0.5, 0.5, 0.5])
    """
    means = rates.reshape(*rates.shape[:-1], len(_WIDTHS), LOOKS).mean(axis=-1)
    return np.asarray(means)


def spread(heights: Floats, places: Floats) -> Floats:
    """Smooth curves through nine heights at the Chebyshev places, many at once.

    The same as `tuning.schedules.pchip`, which draws one.

    Args:
        heights: shape (..., 9).
        places: elapsed parts in [0, 1], shape (m,) or (..., m).

    Returns:
        Shape (..., m).
    """
    steep = _slopes(heights)
    piece = np.clip(np.searchsorted(_KNOTS, places, side="right") - 1, 0, len(_GAPS) - 1)
    gap = _GAPS[piece]
    part = (places - _KNOTS[piece]) / gap
    rest = 1.0 - part
    if piece.ndim == 1:
        low, high = heights[..., piece], heights[..., piece + 1]
        begin, end = steep[..., piece], steep[..., piece + 1]
    else:
        low, high = (np.take_along_axis(heights, piece + one, axis=-1) for one in (0, 1))
        begin, end = (np.take_along_axis(steep, piece + one, axis=-1) for one in (0, 1))
    straight = rest * rest * (1 + 2 * part) * low + part * part * (3 - 2 * part) * high
    return np.asarray(straight + gap * part * rest * (rest * begin - part * end))


def _slopes(heights: Floats) -> Floats:
    rises = np.diff(heights, axis=-1) / _GAPS
    before, after = 2 * _GAPS[1:] + _GAPS[:-1], _GAPS[1:] + 2 * _GAPS[:-1]
    is_level = np.abs(rises) < LEVEL
    same_way = (rises[..., :-1] * rises[..., 1:] > 0.0) & ~is_level[..., :-1] & ~is_level[..., 1:]
    safe = [np.where(same_way, one, 1.0) for one in (rises[..., :-1], rises[..., 1:])]
    inner = np.where(same_way, (before + after) / (before / safe[0] + after / safe[1]), 0.0)
    first = _outermost(_GAPS[0], _GAPS[1], rises[..., 0], rises[..., 1])
    last = _outermost(_GAPS[-1], _GAPS[-2], rises[..., -1], rises[..., -2])
    return np.concatenate([first[..., None], inner, last[..., None]], axis=-1)


def _outermost(gap: float, next_gap: float, rise: Floats, next_rise: Floats) -> Floats:
    slope = ((2 * gap + next_gap) * rise - gap * next_rise) / (gap + next_gap)
    turns = (rise * next_rise <= 0.0) & (np.abs(slope) > 3 * np.abs(rise))
    return np.where(slope * rise <= 0.0, 0.0, np.where(turns, 3 * rise, slope))
