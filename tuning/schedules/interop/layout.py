"""Layout: which schedule has a library's numbers.

The one idea: trust numbers, not names. A reader computes the values a library uses, from the
library's own formulas, and proposes families; the first whose table has those values is the
schedule, and if none has, the values themselves are, as a `table`. So a wrong proposal costs a
family's name, never exactness.
Not here: the formulas (one module per framework).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.curves import Floats
from tuning.schedules.families import Family, Table
from tuning.schedules.interop.base import Imported, Note
from tuning.schedules.schedule import Schedule

Proposal: TypeAlias = Callable[[], Family]

# Rounding separates a formula from its rearrangement by a few units in the last place.
TOLERANCE = 1e-13
AFTER_ENDS = ("hold", "zero", "rebound")
SHORTEST_TAIL, LONGEST_TAIL = 100, 1_000  # updates beyond the horizon that are compared


def updates_with_tail(horizon: int) -> int:
    """How many values a reader should compute: those of the horizon, and some of what follows."""
    return horizon + min(max(2 * horizon, SHORTEST_TAIL), LONGEST_TAIL)


def lay_out(
    values: Floats,
    horizon: int,
    proposals: Iterable[Proposal] = (),
    notes: tuple[Note, ...] = (),
    *,
    is_over: bool = False,
) -> Imported:
    """The schedule that has a library's values.

    Args:
        values: float64[>= horizon], the rate of update t; those from `horizon` on say what the
            library does after the end.
        horizon: updates of the schedule.
        proposals: families that may have these values, best first; one that cannot be made, or has
            other values, is passed over. What they do after the end is found here.
        notes: what is worth knowing.
        is_over: whether the library refuses to go on after the last value.

    Raises `InvalidValue` naming `horizon` if there are fewer values, or one is not finite.
    """
    if values.size < horizon:
        allowed = f"at most {values.size:,} updates, after which the library raises an error"
        raise InvalidValue("horizon", horizon, allowed)
    if not np.isfinite(values[:horizon]).all():
        updates = int(np.isfinite(values).argmin())
        raise InvalidValue("horizon", horizon, f"at most the {updates:,} updates with finite rates")
    beyond = "error" if is_over else None
    for schedule in _schedules(proposals, horizon):
        if _is_same(schedule, values[:horizon]):
            return _end(schedule, values, beyond, notes)
    reason = Note("table", "No family has exactly these values; the schedule is a table of them.")
    table = Table.of(values[:horizon])  # type: ignore[arg-type] # an array is as good
    return _end(Schedule(table, horizon), values, beyond, (*notes, reason))


def with_channel(
    imported: Imported,
    name: str,
    values: Floats,
    proposals: Iterable[Proposal] = (),
    *,
    is_over: bool = False,
) -> Imported:
    """The same schedule with a channel that has a library's values; what is noted names it."""
    schedule = imported.schedule
    found = lay_out(values, schedule.horizon, proposals, is_over=is_over)
    notes = (Note(note.code, f"{name}: {note.message}") for note in found.notes)
    channels = {**schedule.channels, name: found.schedule.family}
    return Imported(replace(schedule, channels=channels), (*imported.notes, *notes))


def _schedules(proposals: Iterable[Proposal], horizon: int) -> Iterator[Schedule]:
    for propose in proposals:
        try:
            yield Schedule(propose(), horizon)
        except InvalidValue:
            continue  # the arguments are outside that family's ranges


def _end(
    schedule: Schedule, values: Floats, beyond: str | None, notes: tuple[Note, ...]
) -> Imported:
    """The schedule with the ending the values show, or with its own and a note."""
    if beyond is not None:
        return Imported(_ending(schedule, beyond), notes)
    tail = values[schedule.horizon :]
    for ending in AFTER_ENDS:
        if ending != "zero" or not tail.any():
            candidate = _ending(schedule, ending)
            if _is_same(candidate, tail, schedule.horizon):
                return Imported(candidate, notes)
    message = "After the last update the library goes on in its own way; here its value is held."
    return Imported(_ending(schedule, "hold"), (*notes, Note("past_end", message)))


def _ending(schedule: Schedule, after_end: str) -> Schedule:
    if schedule.family.after_end == after_end:
        return schedule
    family = replace(schedule.family, after_end=after_end)  # type: ignore[arg-type] # checked on creation
    return Schedule(family, schedule.horizon)


def _is_same(schedule: Schedule, values: Floats, first: int = 0) -> bool:
    """Whether these are the schedule's values from update `first` on."""
    found = schedule(np.arange(first, first + values.size))
    largest = max(schedule.peak, values.max(initial=0.0))
    return bool(np.abs(found - values).max(initial=0.0) <= TOLERANCE * largest)
