"""Description: what the model of curves is told about a schedule.

The one idea: ten segments of the curve and the two numbers of the convex bound describe every
schedule; only cycles need more, as their phase decides and segments cannot see it, so their count,
range, rise and growth are told too. A shape is looked at once, and its peak merely shifts it.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tuning.records import ParameterValue
from tuning.schedules import FAMILIES, Schedule
from tuning.schedules.families.explicit import knot_places
from tuning.schedules.parameters import KNOTS
from tuning.search.samplers.bound import convex_bound
from tuning.search.samplers.segments import (
    EDGES,
    KNOT_COUNT,
    LOWEST,
    PLACES,
    WEIGHTS,
    looks,
    segment_means,
    spread,
)
from tuning.search.space import FAMILY, PEAK, lay_out

Floats = NDArray[np.float64]
Params = Mapping[str, ParameterValue]

CYCLES = "cycles"
WARMUP = "warmup"
SEGMENTS = len(EDGES) - 1
BOUND = slice(SEGMENTS, SEGMENTS + 2)
COUNT = SEGMENTS + 2  # log of the number of cycles: the column that tells counts apart
COLUMNS = SEGMENTS + 6
SEEN = 0.01  # of the largest rate: segments below it hardly tell schedules apart
LEAST = 1e-12  # stands for a learning rate of zero
REMEMBERED = 32_768


class Shape(NamedTuple):
    """A schedule of peak 1: its columns before they are floored, and its log levels at knots."""

    columns: tuple[float, ...]
    heights: tuple[float, ...]


def shape_of(params: Params, horizon: int) -> Shape:
    """The shape at a point of the space, over a horizon."""
    rest = tuple(sorted((name, value) for name, value in params.items() if name != PEAK))
    return _shape(rest, horizon)


def describe(points: Sequence[Params], cap: float, horizon: int) -> Floats:
    """What the model is told about schedules, shape (points, 16).

    Args:
        points: of the search space.
        cap: the largest peak allowed, the unit of learning rates.
        horizon: updates they are laid out over.
    """
    if not points:
        return np.empty((0, COLUMNS))
    columns = np.array([shape_of(params, horizon).columns for params in points])
    return scaled(columns, np.log([float(params[PEAK]) / cap for params in points]))


def scaled(columns: Floats, log_factors: Floats) -> Floats:
    """Columns of shapes whose learning rates are multiplied by factors."""
    moved = columns.copy()
    moved[:, :SEGMENTS] += log_factors[:, None]
    moved[:, BOUND] += log_factors[:, None] * np.array([-1.0, 1.0])
    return floored(moved)


def floored(columns: Floats) -> Floats:
    """The same, no segment below the lowest mean that counts."""
    columns[:, :SEGMENTS] = np.maximum(columns[:, :SEGMENTS], np.log(LOWEST))
    return columns


def describe_knots(heights: Floats, warmups: Floats) -> Floats:
    """What the model is told about smooth curves, many at once.

    Args:
        heights: log of the learning rates over the cap at nine knots, shape (curves, 9).
        warmups: fractions of the horizon, shape (curves,).

    Returns:
        Shape (curves, 16).
    """
    if warmups.any():
        begin = warmups[:, None]
        after = np.clip((PLACES - begin) / (1.0 - begin), 0.0, 1.0)
        rates = np.exp(spread(heights, after))
        rates *= np.where(begin > PLACES, PLACES / np.maximum(begin, LEAST), 1.0)
    else:
        rates = np.exp(spread(heights, PLACES))
    columns = np.zeros((len(heights), COLUMNS))
    columns[:, : SEGMENTS + 2] = _curve_columns(rates)
    return floored(columns)


def heights_of(params: Params, cap: float, horizon: int) -> Floats:
    """Log of the learning rates over the cap at nine knots after the warmup, shape (9,)."""
    if KNOTS[0] in params:
        heights: Sequence[float] = [float(np.log(params[name])) for name in KNOTS]
    else:
        heights = shape_of(params, horizon).heights
    levels = np.array(heights) + np.log(float(params[PEAK]) / cap)
    return np.asarray(np.maximum(levels, np.log(LOWEST)))


def mean_rate(params: Params, horizon: int) -> float:
    """The mean learning rate of a schedule, from A of the convex bound."""
    log_travel = shape_of(params, horizon).columns[SEGMENTS]
    return float(params[PEAK]) * float(np.exp(-log_travel)) / 2.0


def cycle_count(params: Params) -> int:
    """Number of cycles, 1 for a schedule without any."""
    return int(params.get(CYCLES, 1))


def curve_columns(schedule: Schedule) -> Floats:
    """Log means of a schedule over the segments, none below a hundredth of its largest rate."""
    rates = np.maximum(schedule(looks(schedule.horizon)), 0.0)
    lowest = np.log(SEEN * float(rates.max()) or LEAST)
    columns: Floats = np.maximum(_curve_columns(rates[None])[0][:SEGMENTS], lowest)
    return columns


@lru_cache(maxsize=REMEMBERED)
def _shape(rest: tuple[tuple[str, ParameterValue], ...], horizon: int) -> Shape:
    params = {**dict(rest), PEAK: 1.0}
    schedule = lay_out(params, horizon)
    rates = np.maximum(schedule(looks(horizon)), 0.0)
    begin = schedule.family.warmup.updates(horizon)
    at = begin + knot_places(KNOT_COUNT) * max(0, horizon - 1 - begin)
    levels = schedule(np.minimum(np.rint(at).astype(np.int64), horizon - 1))
    heights = np.log(np.maximum(levels, LEAST)).tolist()
    columns = (*_curve_columns(rates[None])[0].tolist(), *_cycle_columns(params))
    return Shape(columns, tuple(heights))


def _curve_columns(rates: Floats) -> Floats:
    means = segment_means(rates)
    bound = convex_bound(np.maximum(rates, LEAST), WEIGHTS)
    return np.concatenate(
        [np.log(np.maximum(means, LEAST)), np.log(np.stack(bound, axis=-1))], axis=1
    )


def _cycle_columns(params: Params) -> tuple[float, float, float, float]:
    """Log count, twice the range within a cycle, twice the rising part, log growth."""
    count = cycle_count(params)
    if count < 2:
        return 0.0, 0.0, 0.0, 0.0
    family = FAMILIES[str(params[FAMILY])].defaults()
    floor = float(params.get("floor", family.get("floor", 0.0)))
    rise = float(params.get("rise", family.get("rise", 0.0)))
    growth = float(params.get("cycle_growth", family.get("cycle_growth", 1.0)))
    return float(np.log(count)), 2.0 * (1.0 - floor), 2.0 * rise, 2.0 * float(np.log(growth))
