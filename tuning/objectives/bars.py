"""Bars: price ranges over time, from a CSV file or from data that a package ships.

The one idea: whatever the source, the rest of the code sees three price columns in rising order
of time, all finite and positive; a file that is not like that is refused with the line and column.
Only the standard library parses files: it starts fast and counts lines exactly; nothing is
guessed and nothing repaired but the order.
Not here: features and targets (`tuning.objectives.volatility`).
"""

import csv
import functools
import gzip
import hashlib
import importlib.metadata
import io
import itertools
import math
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from tuning.errors import DataError, InvalidValue
from tuning.objectives.base import Floats

MAX_BYTES = 64 * 2**20  # of CSV text: about 700,000 bars
KEPT_FILES = 4
SUFFIXES = (".csv", ".csv.gz")

# Role -> column names in order of preference, lower case, letters only.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "time": ("unix", "timestamp", "unixtimestamp", "opentime", "time", "datetime", "date"),
    "high": ("high", "highprice", "pricehigh", "h"),
    "low": ("low", "lowprice", "pricelow", "l"),
    "close": ("close", "closeprice", "priceclose", "last", "c"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Bars in rising order of time.

    Args:
        times: start of each bar, UTC seconds since 1970, shape (bars,), strictly rising.
        high: highest price, positive, shape (bars,).
        low: lowest price, positive, at most `high`, shape (bars,).
        close: last price, positive, shape (bars,).
    """

    times: NDArray[np.int64]
    high: Floats
    low: Floats
    close: Floats

    def __len__(self) -> int:
        """Number of bars."""
        return len(self.times)

    @property
    def sha256(self) -> str:
        """Hash of all values, little-endian."""
        digest = hashlib.sha256(self.times.astype("<i8").tobytes())
        for column in (self.high, self.low, self.close):
            digest.update(column.astype("<f8").tobytes())
        return digest.hexdigest()

    @property
    def per_day(self) -> int:
        """Bars on a median day that has any: 1 for daily bars, 24 for hourly ones."""
        _, counts = np.unique(self.times // 86_400, return_counts=True)
        return max(1, round(float(np.median(counts))))


def sp500() -> Bars:
    """Daily S&P 500 bars, 1999 to 2018: the file behind `arch.data.sp500.load`.

    Read without importing `arch`, whose pandas and statsmodels take seconds to load.
    """
    packaged = importlib.metadata.files("arch") or ()
    path = next((file for file in packaged if file.match("arch/data/sp500/sp500.csv.gz")), None)
    if path is None:
        raise DataError("the installed package arch does not contain data/sp500/sp500.csv.gz")
    return read(Path(path.locate()), date_format="%m/%d/%Y")


def locate(file: str, data_folder: Path | None) -> Path:
    """The path of `file` inside `data_folder`, symlinks resolved.

    Raises `InvalidValue` naming `config.file` if there is no data folder, or if the file is not a
    regular CSV file that lies within it.
    """
    if data_folder is None:
        raise InvalidValue("config.file", file, "no file: this installation has no data folder")
    relative = PurePosixPath(file)
    if relative.is_absolute() or ".." in relative.parts or "\0" in file:
        raise InvalidValue("config.file", file, "a path relative to the data folder, without ..")
    if not file.lower().endswith(SUFFIXES):
        raise InvalidValue("config.file", file, f"a name ending in {' or '.join(SUFFIXES)}")
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


def read(path: Path, date_format: str | None = None) -> Bars:
    """Read bars from a CSV file, gzipped or not, oldest or newest first.

    The header names a time column (Unix time in seconds to nanoseconds, or ISO 8601, UTC if
    without offset) and high, low, close in any case; other columns are ignored.

    Args:
        path: a file ending in .csv or .csv.gz, UTF-8.
        date_format: how times are written (`strptime`), if not as above.

    Raises `DataError` naming line and column of the first value that is missing, not a finite
    positive number, not a time, or a repeated time.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise DataError(f"{path.name}: cannot be read: {error}") from error
    return _parsed(path, date_format, (status.st_ino, status.st_size, status.st_mtime_ns))


@functools.lru_cache(KEPT_FILES)
def _parsed(path: Path, date_format: str | None, version: tuple[int, ...]) -> Bars:
    """The bars of one version of a file: a server checks the same file study after study."""
    del version
    lines = csv.reader(io.StringIO(_text(path), newline=""))
    try:
        columns = _columns(path.name, next(lines, []))
        rows = list(_rows(path.name, lines, columns, date_format))
    except csv.Error as error:
        raise DataError(f"{path.name}, line {lines.line_num}: {error}") from error
    if not rows:
        raise DataError(f"{path.name}: no rows below the header")
    return _sorted(path.name, rows)


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


def _columns(name: str, header: Sequence[str]) -> dict[str, int]:
    """Where each role stands in the header."""
    spelled = [re.sub(r"[^a-z]", "", cell.lower()) for cell in header]
    columns = {}
    for role, names in _COLUMNS.items():
        found = next((known for known in names if known in spelled), None)
        if found is None:
            raise DataError(f"{name}: no column for {role}; the header has {', '.join(header)}")
        if spelled.count(found) > 1:
            raise DataError(f"{name}: two columns are called {found!r}")
        columns[role] = spelled.index(found)
    return columns


def _rows(
    name: str, lines: Iterator[list[str]], columns: Mapping[str, int], date_format: str | None
) -> Iterator[tuple[int, float, float, float, int]]:
    """Time, high, low, close and line number of every row that is not blank."""
    for number, cells in enumerate(lines, start=2):
        if not cells:
            continue
        where = f"{name}, line {number}"
        if len(cells) <= max(columns.values()):
            raise DataError(f"{where}: only {len(cells)} columns")
        time = _time(where, cells[columns["time"]].strip(), date_format)
        high, low, close = (
            _price(where, role, cells[columns[role]]) for role in ("high", "low", "close")
        )
        if high < low:
            raise DataError(f"{where}, column high: {high:g} is below low, {low:g}")
        yield time, high, low, close, number


def _price(where: str, role: str, text: str) -> float:
    try:
        price = float(text)
    except ValueError:
        price = math.nan
    if not (math.isfinite(price) and price > 0):
        raise DataError(f"{where}, column {role}: {text!r} is not a positive number")
    return price


def _time(where: str, text: str, date_format: str | None) -> int:
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
        raise DataError(f"{where}, column time: {text!r} is not {allowed}") from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _sorted(name: str, rows: list[tuple[int, float, float, float, int]]) -> Bars:
    rows.sort(key=lambda row: row[0])
    for before, after in itertools.pairwise(rows):
        if before[0] == after[0]:
            lines = sorted((before[4], after[4]))
            raise DataError(f"{name}, line {lines[1]}, column time: same time as line {lines[0]}")
    times, high, low, close, _ = zip(*rows, strict=True)
    bars = Bars(np.array(times, np.int64), np.array(high), np.array(low), np.array(close))
    for column in (bars.times, bars.high, bars.low, bars.close):
        column.setflags(write=False)  # shared by everyone who reads this file
    return bars
