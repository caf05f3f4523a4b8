"""Bars: price ranges over time, from a user's table or from data that a package ships.

The one idea: whatever the source, the rest of the code sees three price columns in rising order
of time, all finite and positive; a table that is not like that is refused with the row and column,
and nothing is repaired but the order.
Not here: how files are parsed (`tuning.objectives.tables`), features and targets
(`tuning.objectives.volatility`).
"""

import functools
import hashlib
import importlib.metadata
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuning.errors import BadCell, DataError
from tuning.objectives import tables
from tuning.objectives.base import Arrays, Floats, Folders
from tuning.objectives.cached import cached
from tuning.objectives.dataset_files import locate_dataset
from tuning.objectives.tables import Row, Table

KEPT_FILES = 4
VERSION = 1  # of what is cached

# Role -> column names in order of preference, lower case, letters only.
COLUMNS: Mapping[str, tuple[str, ...]] = {
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
    """Read bars from CSV, gzipped or not, or Parquet, oldest or newest first.

    The header names a time column (Unix time in seconds to nanoseconds, or ISO 8601, UTC if
    without offset) and high, low, close in any case; other columns are ignored.

    Args:
        path: a file of a table, see `tuning.objectives.tables`.
        date_format: how times are written (`strptime`), if not as above.

    Raises `DataError` naming row and column of the first value that is missing, not a finite
    positive number, not a time, or a repeated time.
    """
    return _parsed(path, date_format, tables.version(path))


def read_dataset(dataset: str, folders: Folders) -> Bars:
    """The bars of an uploaded dataset, kept as arrays in the cache folder once they were read.

    Raises `InvalidValue` naming `config.dataset` if it is not there, and what `read` raises.
    """
    path = locate_dataset(dataset, folders.datasets)
    recipe = {"dataset": dataset, "version": VERSION}
    return _frozen(Bars(**cached(folders.cache, "bars", recipe, lambda: _arrays(read(path)))))


def keep(bars: Bars, dataset: str, cache: Path | None) -> None:
    """Put the bars of a dataset into the cache folder, where `read_dataset` finds them."""
    cached(cache, "bars", {"dataset": dataset, "version": VERSION}, lambda: _arrays(bars))


def parse(table: Table, date_format: str | None = None, most_errors: int = 1) -> Bars:
    """The bars of an open table; tells up to `most_errors` rows that cannot be used."""
    columns: list[array[Any]] = [array(kind) for kind in "qdddq"]  # Any: integers or floats
    rows = tables.parse_rows(table, lambda row: _bar(row, date_format), most_errors)
    for bar in rows:
        for column, value in zip(columns, bar, strict=True):
            column.append(value)
    times, high, low, close, numbers = (np.array(column) for column in columns)
    if not len(times):
        raise DataError(f"{table.name}: no rows below the header")
    order = np.argsort(times, kind="stable")
    times = times[order]
    repeated = np.flatnonzero(times[1:] == times[:-1])
    if len(repeated):
        first, second = sorted(numbers[order][repeated[0] : repeated[0] + 2].tolist())
        raise BadCell(
            table.name,
            table.place(second),
            table.spelled("time"),
            f"same time as {table.place(first)}",
            allowed="a time of its own for every row",
        )
    return _frozen(Bars(times, high[order], low[order], close[order]))


@functools.lru_cache(KEPT_FILES)
def _parsed(path: Path, date_format: str | None, version: tuple[int, ...]) -> Bars:
    """The bars of one version of a file: a server checks the same file study after study."""
    del version
    return parse(tables.open_table(path, COLUMNS), date_format)


def _bar(row: Row, date_format: str | None) -> tuple[int, float, float, float, int]:
    """Time, high, low, close and number of the row."""
    time = row.seconds("time", date_format)
    high, low, close = (row.positive(role) for role in ("high", "low", "close"))
    if high < low:
        raise row.error("high", f"{high:g} is below low, {low:g}", "a price of at least the low")
    return time, high, low, close, row.number


def _arrays(bars: Bars) -> Arrays:
    return {"times": bars.times, "high": bars.high, "low": bars.low, "close": bars.close}


def _frozen(bars: Bars) -> Bars:
    for column in _arrays(bars).values():
        column.setflags(write=False)  # shared by everyone who reads this file
    return bars
