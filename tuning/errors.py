"""Errors of the domain core: one tree, drawn here, raised everywhere else.

    TuningError
    ├── InvalidValue(ValueError)       a value outside its allowed range: names field, value, range
    │   └── UnknownName                a name that is in no table: lists the known ones
    ├── IllegalMove                    a state may not follow another
    │   └── IllegalCall                a state does not allow what was asked for
    ├── DataError                      a data file is missing, malformed or too short
    │   ├── BadCell                    a cell of a table: names row, column, value, what is allowed
    │   └── BadTable                   several of them, the first ones told
    ├── NotEnoughMemory                not even one lane fits into what is free
    ├── BrokenObjective                an objective does not do what every objective must
    ├── TrainingCrashed                a training process died or raised
    ├── TrainingLost                   where a training took place is gone; its runs are as before
    └── NoCluster                      a cluster of machines cannot be reached, or not be used

Diverged, failed or pruned runs are results, not errors: see `tuning.records.RunState`.
Not here: HTTP statuses (`service.errors` maps this tree to problem documents).
"""

import json
from collections.abc import Iterable, Sequence

LONGEST_VALUE = 200  # characters of an offending value in a message


class TuningError(Exception):
    """Something in the tuning core is not as it should be."""


class InvalidValue(TuningError, ValueError):
    """A value is outside its allowed range.

    >>> raise InvalidValue("horizon", 0, "an integer from 1 to 10,000,000")
    Traceback (most recent call last):
    tuning.errors.InvalidValue: horizon: 0 is not allowed; allowed: an integer from 1 to 10,000,000
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        """Name the field (a dotted path), the offending value and what would be allowed."""
        self.field = field
        self.value = value
        self.allowed = allowed
        super().__init__(f"{field}: {show(value)} is not allowed; allowed: {allowed}")

    def under(self, prefix: str) -> "InvalidValue":
        """The same error one level further out: `peak` becomes `space.peak`."""
        return InvalidValue(f"{prefix}.{self.field}", self.value, self.allowed)


class UnknownName(InvalidValue):
    """A name is in no table."""

    def __init__(self, field: str, value: object, known: Iterable[str]) -> None:
        """List the known names, sorted, as the allowed range."""
        super().__init__(field, value, "one of " + ", ".join(sorted(known)))


class IllegalMove(TuningError):
    """A state may not follow another."""

    def __init__(self, what: str, before: str, after: str) -> None:
        """Name the thing that moves and both states."""
        self.before = before
        self.after = after
        super().__init__(f"{what} cannot go from {before} to {after}")


class IllegalCall(IllegalMove):
    """A state does not allow what was asked for.

    >>> raise IllegalCall("study", "completed", "resume", ["extend", "delete"])
    Traceback (most recent call last):
    tuning.errors.IllegalCall: resume: the study is completed; allowed: extend, delete
    """

    def __init__(self, what: str, state: str, call: str, allowed: Iterable[str]) -> None:
        """Name the call, the state, and the calls that it allows."""
        super().__init__(what, state, call)
        self.args = (f"{call}: the {what} is {state}; allowed: {', '.join(allowed)}",)


class DataError(TuningError):
    """A data file is missing, malformed or too short."""


class BadCell(DataError):
    """A cell of a table does not hold what its column should.

    >>> raise BadCell("bars.csv", "line 3", "Close", "'x' is not a positive number")
    Traceback (most recent call last):
    tuning.errors.BadCell: bars.csv, line 3, column Close: 'x' is not a positive number
    """

    def __init__(
        self,
        table: str,
        row: str,
        column: str | None,
        fault: str,
        *,
        value: str | None = None,
        allowed: str | None = None,
    ) -> None:
        """Name the table, the row in words, the column as it is spelled (None: the row), the fault.

        `value` is what the cell holds and `allowed` what it may hold, where that can be said.
        """
        self.table = table
        self.row = row
        self.column = column
        self.fault = fault
        self.value = value
        self.allowed = allowed
        place = f"{table}, {row}" if column is None else f"{table}, {row}, column {column}"
        super().__init__(f"{place}: {fault}")


class BadTable(DataError):
    """Several cells of a table do not hold what their columns should."""

    def __init__(self, cells: Sequence[BadCell], *, is_all: bool) -> None:
        """Tell the first ones, and whether these are all."""
        self.cells = tuple(cells)
        self.is_all = is_all
        number = f"{len(cells)}" if is_all else f"at least {len(cells)}"
        super().__init__(f"{number} rows cannot be used; {cells[0]}")


class NotEnoughMemory(TuningError):
    """Not even one lane fits into what is free."""

    def __init__(self, needed: int, free: int) -> None:
        """Tell what a lane needs and what is free, in bytes."""
        super().__init__(f"a lane needs {needed / 2**20:,.0f} MiB, {free / 2**20:,.0f} are free")


class BrokenObjective(TuningError):
    """An objective does not do what every objective must."""


class TrainingCrashed(TuningError):
    """A training process died or raised."""

    def __init__(self, message: str, cause: str = "raised", trace: str = "") -> None:
        """Say what happened, its cause as a value of `tuning.records.Cause`, and where, if known.

        `log_tail` is the end of what the process printed, if anybody listened.
        """
        self.cause = cause
        self.trace = trace
        self.log_tail = ""
        super().__init__(message)
        if trace:
            self.add_note(trace)


class TrainingLost(TuningError):
    """Where a training took place is gone; its runs may go on elsewhere, and are not to blame."""


class NoCluster(TuningError):
    """A cluster of machines cannot be reached, or not be used."""


def member(field: str, name: str) -> str:
    """The field of a member by its name, quoted where a dotted path would be misread.

    >>> member("metrics.validation", "loss"), member("metrics.validation", "val.loss")
    ('metrics.validation.loss', 'metrics.validation["val.loss"]')
    """
    is_plain = bool(name) and not {".", "[", "]", '"'} & set(name)
    return f"{field}.{name}" if is_plain else f"{field}[{json.dumps(name)}]"


def show(value: object) -> str:
    """A value as it stands in a message: short, and never an error of its own.

    >>> show("x" * 1000) == "'" + "x" * 199 + "…"
    True
    """
    try:
        text = repr(value)
    except ValueError:  # Python does not print integers of thousands of digits
        return "an integer of too many digits"
    return text if len(text) <= LONGEST_VALUE else text[:LONGEST_VALUE] + "…"
