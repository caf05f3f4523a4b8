"""Tables: rows of a user's CSV file, each cell checked.

The one idea: a file is read by the standard library alone, which starts fast and counts lines
exactly; roles are found in the header by their known spellings, and a cell that is not what its
role needs is refused with its line and column. Nothing is guessed and nothing repaired.
Not here: what rows mean (`tuning.objectives.bars`, `tuning.objectives.quotes`).
"""

import csv
import gzip
import io
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from tuning.errors import DataError, InvalidValue

MAX_BYTES = 64 * 2**20  # of CSV text: about 700,000 bars
SUFFIXES = (".csv", ".csv.gz")

Roles = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Args:
        name: of its file.
        line: its number in the file; the header is line 1.
        cells: text by role.
    """

    name: str
    line: int
    cells: Mapping[str, str]

    @property
    def where(self) -> str:
        """The row, in words."""
        return f"{self.name}, line {self.line}"

    def positive(self, role: str) -> float:
        """A finite number above 0."""
        return self._number(role, "a positive number", above=0.0)

    def _number(self, role: str, allowed: str, above: float) -> float:
        try:
            value = float(self.cells[role])
        except ValueError:
            value = math.nan
        if not (math.isfinite(value) and value > above):
            raise DataError(f"{self.where}, column {role}: {self.cells[role]!r} is not {allowed}")
        return value

    def among(self, role: str, names: Mapping[str, str]) -> str:
        """One of some names, whatever its case, as `names` has it."""
        found = names.get(self.cells[role].strip().lower())
        if found is None:
            allowed = " or ".join(names)
            raise DataError(f"{self.where}, column {role}: {self.cells[role]!r} is not {allowed}")
        return found

    def seconds(self, role: str, date_format: str | None = None) -> int:
        """UTC seconds of a moment: Unix time in the unit its size tells, or ISO 8601.

        Args:
            role: the column.
            date_format: how moments are written (`strptime`), if not as above.
        """
        return _seconds(self.where, role, self.cells[role].strip(), date_format)


def version(path: Path) -> tuple[int, int, int]:
    """What changes when a file does; raises `DataError` if it cannot be read."""
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path.name}: cannot be read: {error}") from error
    return status.st_ino, status.st_size, status.st_mtime_ns


def read_rows(path: Path, roles: Roles) -> Iterator[Row]:
    r"""The rows of a CSV file, gzipped or not, UTF-8, that are not blank.

    Args:
        path: a file ending in .csv or .csv.gz.
        roles: per role the names its column may have, in order of preference, lower case, letters
            only; other columns are ignored.

    Raises `DataError` if a role has no column or the file is too long or no table.

    >>> from tempfile import NamedTemporaryFile
    >>> with NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("Close (USD),Volume\n7.5,1\n\n8.5,2\n")
    ...     file.flush()
    ...     rows = list(read_rows(Path(file.name), {"close": ("closeusd", "close")}))
    >>> [(row.line, row.cells) for row in rows]
    [(2, {'close': '7.5'}), (4, {'close': '8.5'})]
    """
    lines = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        columns = _columns(path.name, next(lines, []), roles)
        for number, cells in enumerate(lines, start=2):
            if not cells:
                continue
            if len(cells) <= max(columns.values()):
                raise DataError(f"{path.name}, line {number}: only {len(cells)} columns")
            yield Row(path.name, number, {role: cells[at] for role, at in columns.items()})
    except csv.Error as error:
        raise DataError(f"{path.name}, line {lines.line_num}: {error}") from error


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

    >>> locate("../prices.csv", Path("data"))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    tuning.errors.InvalidValue: config.file: '../prices.csv' is not allowed; allowed: a path ...
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
    except (OSError, RuntimeError) as error:  # a name no file system takes, a loop of links
        raise refusal from error
    if not is_there:
        raise refusal
    return path


def _text(path: Path) -> str:
    unpack = gzip.open if path.name.lower().endswith(".gz") else open
    try:
        with unpack(path, "rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path.name}: cannot be read: {error}") from error
    if len(content) > MAX_BYTES:
        raise DataError(f"{path.name}: longer than {MAX_BYTES:,} bytes of text")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}: not UTF-8 text: {error}") from error


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


def _seconds(where: str, role: str, text: str, date_format: str | None) -> int:
    """UTC seconds; a number of nine digits or more is Unix time in the unit its size tells."""
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
    except ValueError as error:
        allowed = date_format or "Unix time or ISO 8601"
        raise DataError(f"{where}, column {role}: {text!r} is not {allowed}") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
