"""Likeness: the point of a search space that is like a schedule from outside of it.

The one idea: the model of curves is told of a candidate as the nearest curve that it can describe,
and of one that is like no such curve it is told nothing.
Not here: which candidates there are (`tuning.search.handed`).
"""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from tuning.errors import InvalidValue
from tuning.records import ParameterValue
from tuning.schedules import PARAMETERS, Schedule, Warmup
from tuning.schedules.fitting import through_knots
from tuning.schedules.parameters import KNOTS
from tuning.search.samplers.description import curve_columns
from tuning.search.samplers.starts import KNOTS_FAMILY
from tuning.search.space import FAMILY, PEAK, lay_out

NEAR = 0.1  # log of a mean learning rate, by which a curve may miss a candidate's
REMEMBERED = 256

Params = dict[str, ParameterValue]


@lru_cache(REMEMBERED)
def nearest_point(schedule: Schedule) -> Params | None:
    """The point that does what a schedule does, or nearly; None if none does.

    >>> from tuning.schedules import Cosine
    >>> nearest_point(Schedule(Cosine(0.1, floor=0.2), 100))
    {'family': 'cosine', 'peak': 0.1, 'warmup': 0.0, 'floor': 0.2}
    """
    return _same_point(schedule) or _near_point(schedule)


def _same_point(schedule: Schedule) -> Params | None:
    family = schedule.family.stretched(schedule.horizon)
    params: Params = {FAMILY: family.kind, PEAK: schedule.peak, **family.coordinates()}
    try:
        is_same = bool(family.tunable) and (
            lay_out(params, schedule.horizon).identity == schedule.identity
        )
    except InvalidValue:  # outside the ranges that a search has
        return None
    return params if is_same else None


def _near_point(schedule: Schedule) -> Params | None:
    """A smooth curve through nine knots, if it is near enough on every segment."""
    curve = through_knots(_plain(schedule))
    levels = dict(zip(KNOTS, curve.family.params()["values"], strict=True))
    share = float(curve.family.warmup.length)
    params: Params = {FAMILY: KNOTS_FAMILY, PEAK: curve.peak, "warmup": share, **levels}
    try:
        found = lay_out(params, schedule.horizon)
    except InvalidValue:
        return None
    gaps = np.abs(curve_columns(schedule) - curve_columns(found))
    return params if float(gaps.max()) <= NEAR else None


def _plain(schedule: Schedule) -> Schedule:
    """The same schedule, its warmup and end as a search has them, or part of the curve."""
    warmup = schedule.family.warmup.stretched(schedule.horizon)
    highest = PARAMETERS["warmup"].high
    is_usual = warmup == Warmup(warmup.length) and isinstance(warmup.length, float)
    if is_usual and schedule.family.end == "after" and float(warmup.length) <= highest:
        return replace(schedule, family=replace(schedule.family, warmup=warmup))
    return schedule.resumed(0)
