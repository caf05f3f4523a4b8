"""Rows: a schedule as ramps one after another, in learning rates, for those who spell it in code.

The one idea: `recognise` goes from rows to families, this goes back.
Not here: the code (`optax_code`, `keras_code`, `timm_code`).
"""

from dataclasses import replace
from typing import TypeAlias

from tuning.schedules.compose import Ramp
from tuning.schedules.interop.pieces import pieces_of
from tuning.schedules.schedule import Schedule

Row: TypeAlias = tuple[Ramp, ...]


def row_of(schedule: Schedule) -> Row | None:
    """The ramps of a schedule, if it is nothing else.

    >>> from tuning.schedules import Cosine, Schedule, Warmup
    >>> rise, fall = row_of(Schedule(Cosine(0.1, warmup=Warmup(2)), 10))
    >>> (rise.length, rise.end), (fall.length, fall.start)
    ((2, 0.1), (8, 0.1))
    """
    if schedule.family.is_feedback:
        return None
    pieces = pieces_of(schedule.shape)
    ramps = tuple(piece for piece in pieces if isinstance(piece, Ramp))
    if len(ramps) < len(pieces):
        return None
    peak = schedule.peak
    return tuple(replace(ramp, start=peak * ramp.start, end=peak * ramp.end) for ramp in ramps)


def is_level(ramp: Ramp) -> bool:
    """Whether a ramp goes nowhere."""
    return ramp.start == ramp.end


def write_array_index(schedule: Schedule, module: str) -> str:
    """Python source of the places in LEARNING_RATES of updates `t`, an array of `module`."""
    horizon = schedule.horizon
    if schedule.family.after_end == "rebound":
        begin = schedule.family.warmup.updates(horizon)
        span = horizon - begin - (schedule.family.end == "last")
        if span > 0:
            back = f"{begin + span} - {module}.abs((t - {begin}) % {2 * span} - {span})"
            return f"{module}.where(t < {horizon}, t, {back})"
    return f"{module}.minimum(t, {horizon})"
