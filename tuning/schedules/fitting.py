"""Fitting: any schedule as a smooth curve through a few knots, which a hand or a search can move.

The one idea: the curve goes through the schedule's own learning rates where the knots stand, so
what is smooth is kept and what is not is rounded off; more knots follow more closely.
Not here: the family (`tuning.schedules.families.explicit.Knots`), searches that move its knots.
"""

from dataclasses import replace
from typing import Final

import numpy as np

from tuning.schedules.curves import Floats
from tuning.schedules.families import Knots
from tuning.schedules.families.explicit import knot_places
from tuning.schedules.limits import Integer
from tuning.schedules.parameters import KNOTS, PARAMETERS
from tuning.schedules.schedule import Schedule

FEWEST, USUAL, MOST = 2, len(KNOTS), 100
LOWEST: Final = PARAMETERS[KNOTS[0]].low  # of the peak; what is below, or zero, is there


def through_knots(schedule: Schedule, knots: int = USUAL) -> Schedule:
    """The smooth curve through a schedule's learning rates at so many knots after its warmup.

    Warmup, horizon and where the end lands stay; channels and groups too. A rate below 1e-4 of the
    largest becomes that, as the curve is one of logarithms. A schedule that goes on in its own way
    after the end is held there.

    Raises `InvalidValue` naming `knots`.

    >>> from tuning.schedules import Exponential
    >>> fitted = through_knots(Schedule(Exponential(0.1, decay=0.01), 100), 5)
    >>> bool(np.allclose(fitted.table(), Schedule(Exponential(0.1, decay=0.01), 100).table()))
    True
    """
    count = Integer(FEWEST, MOST)("knots", knots)
    family = schedule.family
    if isinstance(family, Knots) and len(family.values) == count:
        return schedule
    begin = family.warmup.updates(schedule.horizon)
    last = schedule.horizon - (family.end == "last")
    places = begin + knot_places(count) * (last - begin)
    heights = np.interp(places, np.arange(schedule.horizon + 1), _heights(schedule))
    top = float(heights.max())
    levels = np.maximum(np.exp(heights - top), LOWEST)
    curve = Knots(
        schedule.peak * float(np.exp(top)),
        values=tuple(levels.tolist()),
        warmup=family.warmup,
        end=family.end,
        after_end="hold" if family.after_end == "rebound" else family.after_end,
    )
    return replace(schedule, family=curve)


def _heights(schedule: Schedule) -> Floats:
    """Logarithms of the rates over the peak: of all updates, and of where the curve ends."""
    rates = schedule.table() / schedule.peak
    is_held = schedule.family.after_end == "hold"
    end = float(schedule(schedule.horizon)) / schedule.peak if is_held else rates[-1]
    heights: Floats = np.log(np.maximum(np.append(rates, end), LOWEST))
    return heights
