"""Listening: what reads the calls of all libraries that cut the rate by a metric.

The one idea: each of them is the family `plateau`, or another that listens, with the library's own
flags; absolute rates become fractions of the peak. The table is that of the base, before any
metric.
Not here: the calls (`torch_feedback` and the others), how the rules move
(`tuning.schedules.families.feedback`), code for them (`rules`).
"""

from typing import Annotated, Literal, TypeAlias

from tuning.errors import InvalidValue
from tuning.schedules.families import Family
from tuning.schedules.interop.base import Imported, Note
from tuning.schedules.limits import Number
from tuning.schedules.schedule import Schedule

Mode: TypeAlias = Literal["min", "max"]
Shrinking = Annotated[float, Number(1e-6, 0.999999)]
Threshold = Annotated[float, Number()]

OPEN_LOOP = Note(
    "feedback",
    "The table is the rate before any metric; the family says what each metric makes of it.",
)


def listens(family: Family, horizon: int, *notes: Note) -> Imported:
    """The schedule of a family that listens, with what is worth knowing of it."""
    return Imported(Schedule(family, horizon), (*notes, OPEN_LOOP))


def least_gain(name: str, rate: float, base_lr: float) -> float:
    """A least rate as a fraction of the base rate.

    Raises `InvalidValue` naming `name` if it is above the base rate.
    """
    if rate > base_lr:
        raise InvalidValue(name, rate, f"at most the base_lr of {base_lr:g}")
    return rate / base_lr
