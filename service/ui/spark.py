"""Sparklines: a schedule as a line the size of a word.

The one idea: the shape alone, from zero to its peak, in a box of fixed size; the figures stand
beside it. Not here: anything to read values from (`service.ui.charts`).
"""

from functools import lru_cache

from tuning.errors import InvalidValue
from tuning.schedules import Schedule

WIDTH, HEIGHT = 96, 28
POINTS = 64
LONG = 10_000  # updates; beyond, the shape is laid out over fewer


@lru_cache(4096)
def spark(schedule: Schedule) -> str:
    """The line of a schedule as an SVG path in a box of `WIDTH` by `HEIGHT`.

    >>> from tuning.schedules import Linear
    >>> spark(Schedule(Linear(0.1), 2))
    'M0 1L96 14.5'
    """
    steps, lrs = _short(schedule).preview(POINTS)
    last, most = max(1, int(steps[-1])), float(lrs.max()) or 1.0
    across = [WIDTH * int(step) / last for step in steps]
    down = [1 + (HEIGHT - 1) * (1 - float(lr) / most) for lr in lrs]
    points = (f"{_written(x)} {_written(y)}" for x, y in zip(across, down, strict=True))
    return "M" + "L".join(points)


def _short(schedule: Schedule) -> Schedule:
    """The same shape over fewer updates, if it is long and bears it."""
    if schedule.horizon <= LONG:
        return schedule
    try:
        return schedule.at(LONG)
    except InvalidValue:  # what is pinned to updates does not fit
        return schedule


def _written(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
