"""Tables: rows of a user's file, each cell checked.

The one idea: a table is read row by row, so its length costs time and no memory; roles are found in
the header by their known spellings, and a cell that is not what its role needs is refused with its
row and column. Nothing is guessed and nothing repaired.
Not here: how files are unpacked (`tuning.objectives.table_files`), what rows mean
(`tuning.objectives.bars`, `tuning.objectives.quotes`).
"""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import TypeVar

from tuning.errors import BadCell, BadTable, DataError, InvalidValue
from tuning.objectives.table_files import TableFile, open_file

SUFFIXES = (".csv", ".csv.gz", ".parquet")
MAX_ROWS = 4_000_000
LONGEST_CELL = 200  # characters of a cell that is read

Roles = Mapping[str, tuple[str, ...]]
Parsed = TypeVar("Parsed")


@dataclass(frozen=True, slots=True)
class Table:
    """An open table, whose rows can be read once.

    Args:
        name: of its file.
        columns: where each role stands in the header.
        file: what is open.
    """

    name: str
    columns: Mapping[str, int]
    file: TableFile

    def rows(self) -> Iterator["Row"]:
        """The rows that are not blank; raises `DataError` if they are too many or unreadable."""
        for count, (number, cells) in enumerate(self.file.rows):
            if count == MAX_ROWS:
                raise DataError(f"{self.name}: more than {MAX_ROWS:,} rows")
            yield Row(self, number, cells)

    def place(self, number: int) -> str:
        """Where a row stands, in words."""
        return f"{self.file.unit} {number}"

    def spelled(self, role: str) -> str:
        """The column of a role as the header spells it."""
        return self.file.header[self.columns[role]].strip()


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Args:
        table: that it is of.
        number: of its line in a file of text, where the header is line 1, else of the row.
        cells: as text.
    """

    table: Table
    number: int
    cells: Sequence[str]

    def check_length(self) -> None:
        """Refuse a row with more cells than the header: what it holds has slipped aside."""
        known = len(self.table.file.header)
        if any(self.cells[known:]):
            allowed = f"{known} columns, as in the header"
            raise self.error(None, f"{len(self.cells)} columns", allowed)

    def cell(self, role: str) -> str:
        """The text of a cell without spaces around it."""
        at = self.table.columns[role]
        if at >= len(self.cells):
            raise self.error(None, f"only {len(self.cells)} columns")
        text = self.cells[at].strip()
        if len(text) > LONGEST_CELL:
            allowed = f"text of at most {LONGEST_CELL} characters"
            raise self.error(role, f"longer than {LONGEST_CELL} characters", allowed)
        return text

    def positive(self, role: str) -> float:
        """A finite number above 0."""
        text = self.cell(role)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not 0.0 < value < math.inf:
            raise self.misfit(role, text, "a positive number")
        return value

    def among(self, role: str, names: Mapping[str, str]) -> str:
        """One of some names, whatever its case, as `names` has it."""
        text = self.cell(role)
        found = names.get(text.lower())
        if found is None:
            raise self.misfit(role, text, " or ".join(names))
        return found

    def seconds(self, role: str, date_format: str | None = None) -> int:
        """UTC seconds of a moment: Unix time in the unit its size tells, or ISO 8601.

        Args:
            role: the column.
            date_format: how moments are written (`strptime`), if not as above.
        """
        text = self.cell(role)
        if date_format is None and re.fullmatch(r"\d{9,19}(\.\d*)?", text):
            value = int(text.partition(".")[0])
            while value >= 10**11:
                value //= 1000
            return value
        try:
            if date_format is None:
                moment = datetime.fromisoformat(text)
            else:
                moment = datetime.strptime(text, date_format)  # noqa: DTZ007 - made UTC below
            return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
        except (ValueError, OverflowError) as error:
            allowed = date_format or "Unix time or ISO 8601"
            raise self.misfit(role, text, allowed) from error

    def misfit(self, role: str, text: str, allowed: str) -> BadCell:
        """What to raise for a cell that is not what is allowed."""
        return self.error(role, f"{text!r} is not {allowed}", allowed)

    def error(self, role: str | None, fault: str, allowed: str | None = None) -> BadCell:
        """What to raise for a cell, or for the whole row if there is no role."""
        table, place = self.table, self.table.place(self.number)
        if role is None:
            return BadCell(table.name, place, None, fault, allowed=allowed)
        value = self.cells[table.columns[role]][:LONGEST_CELL]
        return BadCell(table.name, place, table.spelled(role), fault, value=value, allowed=allowed)


def version(path: Path) -> tuple[int, int, int]:
    """What changes when a file does; raises `DataError` if it cannot be read."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path.name}: cannot be read: {error}") from error
    return status.st_ino, status.st_size, status.st_mtime_ns


def open_table(path: Path, roles: Roles, name: str | None = None) -> Table:
    r"""Open a table: CSV in UTF-8, gzipped or not, or Parquet.

    Args:
        path: the file; its first bytes tell what it is.
        roles: per role the names its column may have, in order of preference, lower case, letters
            only; other columns are not read.
        name: what errors call the file.

    Raises `DataError` if a role has no column or the file is no table.

    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("Close (USD),Volume\n7.5,1\n\n8.5,2\n")
    ...     file.flush()
    ...     table = open_table(Path(file.name), {"close": ("closeusd", "close")})
    ...     [(row.number, row.positive("close")) for row in table.rows()]
    [(2, 7.5), (4, 8.5)]
    """
    name = name or path.name
    file = open_file(path, name, lambda header: _columns(name, header, roles).values())
    return Table(name, _columns(name, file.header, roles), file)


def parse_rows(
    table: Table, parse: Callable[[Row], Parsed], most_errors: int = 1
) -> Iterator[Parsed]:
    """What `parse` makes of each row, in order.

    Raises the `BadCell` of the one row that cannot be parsed, or a `BadTable` of several: of all,
    or the first `most_errors`.
    """
    wrong: list[BadCell] = []
    is_all = True
    for row in table.rows():
        try:
            row.check_length()
            value = parse(row)
        except BadCell as error:
            wrong.append(error)
            if len(wrong) == most_errors:
                is_all = False
                break
        else:
            yield value
    if len(wrong) > 1:
        raise BadTable(wrong, is_all=is_all)
    if wrong:
        raise wrong[0]


def preview(path: Path, count: int) -> list[list[str]]:
    """The first rows of a table as they stand, all columns."""
    file = open_file(path, path.name, lambda header: range(len(header)))
    return [cells for _, cells in itertools.islice(file.rows, count)]


def check_file(file: object) -> None:
    """Refuse what is neither a path nor None; it may come straight from JSON.

    Raises `InvalidValue` naming `config.file`.

    >>> check_file(7)
    Traceback (most recent call last):
    tuning.errors.InvalidValue: config.file: 7 is not allowed; allowed: a relative path, or null
    """
    if file is not None and not (isinstance(file, str) and file):
        raise InvalidValue("config.file", file, "a relative path, or null")


def locate(file: str, data_folder: Path | None, suffixes: tuple[str, ...] = SUFFIXES) -> Path:
    """The path of `file` inside `data_folder`, symlinks resolved.

    Raises `InvalidValue` naming `config.file` if there is no data folder, or if the file is not a
    regular file of these `suffixes` that lies within it.
    """
    if data_folder is None:
        raise InvalidValue("config.file", file, "no file: this installation has no data folder")
    relative = PurePosixPath(file)
    if relative.is_absolute() or ".." in relative.parts or "\0" in file:
        raise InvalidValue("config.file", file, "a path relative to the data folder, without ..")
    if not file.lower().endswith(suffixes):
        raise InvalidValue("config.file", file, f"a name ending in {' or '.join(suffixes)}")
    # One answer for "outside" and "missing": it must not tell what lies outside the folder.
    refusal = InvalidValue("config.file", file, "a file that exists in the data folder")
    try:
        path = (data_folder / relative).resolve()
        is_there = path.is_relative_to(data_folder.resolve()) and path.is_file()
    # A name no file system takes or can be encoded for, a loop of links.
    except (OSError, RuntimeError, ValueError) as error:
        raise refusal from error
    if not is_there:
        raise refusal
    return path


def _columns(name: str, header: Sequence[str], roles: Roles) -> dict[str, int]:
    """Where each role stands in the header."""
    spelled = [re.sub(r"[^a-z]", "", cell.lower()) for cell in header]
    columns = {}
    for role, names in roles.items():
        found = next((known for known in names if known in spelled), None)
        if found is None:
            raise DataError(f"{name}: no column for {role}; the header has {', '.join(header)}")
        if spelled.count(found) > 1:
            raise DataError(f"{name}: two columns are called {found!r}")
        columns[role] = spelled.index(found)
    return columns
