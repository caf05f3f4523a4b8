"""Bars: price ranges over time, from a CSV file or from data that a package ships.

The one idea: whatever the source, the rest of the code sees three price columns in rising order
of time, all finite and positive; a file that is not like that is refused with the line and column,
and nothing is repaired but the order.
Not here: how files are parsed (`tuning.objectives.tables`), features and targets
(`tuning.objectives.volatility`).
"""

import functools
import hashlib
import importlib.metadata
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tuning.errors import DataError
from tuning.objectives import tables
from tuning.objectives.base import Floats
from tuning.objectives.tables import Row

KEPT_FILES = 4

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

    >>> bars = sp500()
    >>> len(bars), bars.per_day
    (5031, 1)
    """
    packaged = importlib.metadata.files("arch") or ()
    path = next((file for file in packaged if file.match("arch/data/sp500/sp500.csv.gz")), None)
    if path is None:
        raise DataError("the installed package arch does not contain data/sp500/sp500.csv.gz")
    return read(Path(path.locate()), date_format="%m/%d/%Y")


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
    return _parsed(path, date_format, tables.version(path))


@functools.lru_cache(KEPT_FILES)
def _parsed(path: Path, date_format: str | None, version: tuple[int, ...]) -> Bars:
    """The bars of one version of a file: a server checks the same file study after study."""
    del version
    rows = [_bar(row, date_format) for row in tables.read_rows(path, _COLUMNS)]
    if not rows:
        raise DataError(f"{path.name}: no rows below the header")
    return _sorted(path.name, rows)


def _bar(row: Row, date_format: str | None) -> tuple[int, float, float, float, int]:
    """Time, high, low, close and line number."""
    time = row.seconds("time", date_format)
    high, low, close = (row.positive(role) for role in ("high", "low", "close"))
    if high < low:
        raise DataError(f"{row.where}, column high: {high:g} is below low, {low:g}")
    return time, high, low, close, row.line


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
