"""Tables: schedules as plain CSV and JSON.

The one idea: a table needs no library. CSV has a row `step,lr` per update, with a further column
per channel; JSON is the portable document, or a list of rates.
Not here: the document's fields (`tuning.schedules.documents`).
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.channels import CHANNELS
from tuning.schedules.curves import Floats
from tuning.schedules.families import Table
from tuning.schedules.interop.base import (
    Calls,
    Exported,
    Imported,
    Note,
    Several,
    settle,
)
from tuning.schedules.limits import Number
from tuning.schedules.schedule import MAX_HORIZON, Schedule

COLUMNS = ("step", "lr")
LARGEST = 1e100
FINITE = Number(-LARGEST, LARGEST)

Rates = Annotated[tuple[float, ...], Several(FINITE, fewest=1)]


@dataclass(frozen=True, slots=True)
class Text:
    """A limit: text."""

    def __call__(self, field: str, value: object) -> str:
        """Return the text."""
        if not isinstance(value, str):
            raise InvalidValue(field, value, "text")
        return value


@dataclass(frozen=True, slots=True)
class Document:
    """A limit: a JSON object."""

    def __call__(self, field: str, value: object) -> Mapping[str, Any]:
        """Return the object."""
        if not isinstance(value, Mapping):
            raise InvalidValue(field, value, "an object")
        return value


@final
@dataclass(frozen=True)
class CsvTable:
    """Text with the columns `step`, `lr` and channels; between given steps, straight lines."""

    text: Annotated[str, Text()]

    def __post_init__(self) -> None:
        """Refuse anything but text."""
        settle(self)

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The table, cut or continued to the horizon."""
        channels, rows = self._rows()
        steps = np.array([step for step, _ in rows])
        columns = np.array([values for _, values in rows]).T
        updates = np.arange(steps[-1] + 1)
        lr, *others = (np.interp(updates, steps, column) for column in columns)
        message = "Between the steps in the table the rate moves along straight lines."
        notes = (Note("interpolated", message),) if steps.size < updates.size else ()
        imported = _laid_out(lr, base_lr, horizon, notes)
        moved = {
            name: Table.of(_held(values, horizon).tolist())
            for name, values in zip(channels, others, strict=True)
        }
        return replace(imported, schedule=replace(imported.schedule, channels=moved))

    def _rows(self) -> tuple[list[str], list[tuple[int, list[float]]]]:
        """The channels, and the steps with the values of all columns."""
        reader = csv.reader(io.StringIO(self.text))
        header = [name.strip().lower() for name in next(reader, [])]
        channels = header[len(COLUMNS) :]
        is_known = len(set(channels)) == len(channels) and set(channels) <= CHANNELS.keys()
        if tuple(header[: len(COLUMNS)]) != COLUMNS or not is_known:
            allowed = f"a first line step,lr, and after these any of {', '.join(CHANNELS)}"
            raise InvalidValue("text", ",".join(header), allowed)
        rows = list(_read_rows(reader, len(header)))
        if not rows:
            raise InvalidValue("text", self.text, "at least one row")
        return channels, rows


def _read_rows(reader: Iterable[list[str]], width: int) -> Iterator[tuple[int, list[float]]]:
    last = -1
    for number, row in enumerate(reader, start=2):
        if row:
            step, values = _read_row(row, number, width)
            if not last < step <= MAX_HORIZON or (last < 0 < step):
                allowed = "steps from 0 in increasing order"
                raise InvalidValue(f"text line {number}", step, allowed)
            last = step
            yield step, values


def _read_row(row: list[str], number: int, width: int) -> tuple[int, list[float]]:
    try:
        step, *values = row
        read = int(step), [FINITE("lr", float(value)) for value in values]
    except ValueError as error:  # InvalidValue is one, too
        raise _refused_row(row, number) from error
    if len(row) != width:
        raise _refused_row(row, number)
    return read


def _refused_row(row: list[str], number: int) -> InvalidValue:
    allowed = "an integer step and a finite number for each column after it"
    return InvalidValue(f"text line {number}", ",".join(row), allowed)


@final
@dataclass(frozen=True)
class JsonTable:
    """A list of rates, one per update."""

    values: Rates

    def __post_init__(self) -> None:
        """Refuse anything but finite numbers."""
        settle(self)

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The table, cut or continued to the horizon."""
        return _laid_out(np.array(self.values), base_lr, horizon, ())


@final
@dataclass(frozen=True)
class JsonSchedule:
    """The portable document, laid out over the horizon."""

    document: Annotated[Mapping[str, Any], Document()]

    def __post_init__(self) -> None:
        """Refuse anything but an object."""
        settle(self)

    def read(self, base_lr: float, horizon: int) -> Imported:
        """The schedule of the document, over its own horizon or another."""
        try:
            schedule = Schedule.from_document(self.document)
        except InvalidValue as error:
            raise error.under("document") from error
        notes = _absolute(schedule.peak, base_lr)
        if schedule.horizon != horizon:
            message = f"Laid out over {schedule.horizon:,} updates, now over {horizon:,}."
            notes = (*notes, Note("horizon", message))
        return Imported(schedule.at(horizon), notes)


def _laid_out(values: Floats, base_lr: float, horizon: int, notes: tuple[Note, ...]) -> Imported:
    """A table over a horizon: cut, or its last value held."""
    schedule = Schedule(Table.of(_held(values, horizon).tolist()), horizon)
    if values.size != horizon:
        what = "cut" if values.size > horizon else "its last value held"
        message = f"The table has {values.size:,} updates; over {horizon:,} it is {what}."
        notes = (*notes, Note("horizon", message))
    return Imported(schedule, (*notes, *_absolute(schedule.peak, base_lr)))


def _held(values: Floats, horizon: int) -> Floats:
    return np.concatenate((values, np.full(max(0, horizon - values.size), values[-1])))[:horizon]


def _absolute(peak: float, base_lr: float) -> tuple[Note, ...]:
    if peak == base_lr:
        return ()
    message = f"The table sets the rates itself; the base_lr of {base_lr:g} plays no part."
    return (Note("absolute_rate", message),)


def write_csv(schedule: Schedule) -> Exported:
    """A row per update, each number with all its digits."""
    curves = [schedule, *(schedule.channel(name) for name in schedule.channels)]
    columns = [map(repr, curve.table().tolist()) for curve in curves]
    rows = (
        f"{step},{','.join(values)}\n" for step, values in enumerate(zip(*columns, strict=True))
    )
    why = "The table itself: every number reads back bit for bit."
    header = ",".join((*COLUMNS, *schedule.channels))
    return Exported(f"{header}\n{''.join(rows)}", is_native=True, why=why)


def write_json(schedule: Schedule) -> Exported:
    """The portable document with its table."""
    document = schedule.document(table=True)
    why = "The portable document with its table: every number reads back bit for bit."
    return Exported(json.dumps(document, allow_nan=False), is_native=True, why=why)


CSV_CALLS: Calls = MappingProxyType({"table": CsvTable})
JSON_CALLS: Calls = MappingProxyType({"schedule": JsonSchedule, "table": JsonTable})
