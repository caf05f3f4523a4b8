"""Quotes: option quotes of a user's table, as snapshots of a volatility surface.

The one idea: a row is one instrument at one moment with a bid, a mid and an ask in volatility; rows
of one moment are a snapshot. A quote weighs less the wider its spread.
Not here: how files are parsed (`tuning.objectives.tables`).
"""

import functools
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tuning.errors import BadCell, DataError
from tuning.objectives import tables
from tuning.objectives.base import Arrays, Floats, Folders
from tuning.objectives.cached import cached
from tuning.objectives.dataset_files import locate_dataset
from tuning.objectives.snapshots import Snapshots, pad, transform
from tuning.objectives.tables import Row, Table

KEPT_FILES = 2
VERSION = 1  # of what is cached
LARGEST_VOL = 10.0
SPREAD_FLOOR = 0.005  # half a spread of 50 basis points: a tighter quote is not more informative
MAX_CELLS = 8_000_000  # of all snapshots, if each had as many quotes as the largest

# Role -> column names in order of preference, lower case, letters only.
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "time": ("ts", "timestamp", "unix", "time", "datetime", "date"),
        "expiry": ("expiry", "expiration", "maturitydate"),
        "strike": ("strike", "k"),
        "kind": ("cp", "callput", "optiontype", "type", "right"),
        "forward": ("forward", "underlyingprice", "f"),
        "maturity": ("ttm", "maturity", "yearstoexpiry", "t"),
        "bid": ("ivbid", "bidiv"),
        "mid": ("ivmid", "midiv", "iv"),
        "ask": ("ivask", "askiv"),
    }
)
_KINDS = MappingProxyType({"c": "C", "call": "C", "p": "P", "put": "P"})


@dataclass(frozen=True, slots=True)
class Quotes:
    """Quotes in rising order of time, then of the instrument; one value each per quote.

    Args:
        seconds: UTC.
        instruments: numbers of expiry, strike and kind together, in their order.
        log_moneyness: of strike over forward.
        maturity: in years.
        vol: the mid.
        half_spread: in volatility.
    """

    seconds: NDArray[np.int64]
    instruments: NDArray[np.int64]
    log_moneyness: Floats
    maturity: Floats
    vol: Floats
    half_spread: Floats


def read(path: Path) -> Snapshots:
    """Read snapshots from CSV, gzipped or not, or Parquet, in any order of time.

    The header names a time, the expiry, strike, call or put, forward, years to expiry, and bid,
    mid and ask in volatility.

    Raises `DataError` naming row and column of the first value that is not what it should be, or
    that quotes an instrument twice at one moment.
    """
    return _parsed(path, tables.version(path))


def read_dataset(dataset: str, folders: Folders) -> Snapshots:
    """The snapshots of an uploaded dataset, kept in the cache folder once they were read.

    Raises `InvalidValue` naming `config.dataset` if it is not there, and what `read` raises.
    """
    path = locate_dataset(dataset, folders.datasets)
    recipe = {"dataset": dataset, "version": VERSION}
    arrays = dict(cached(folders.cache, "quotes", recipe, lambda: _arrays(read(path))))
    return Snapshots(names=tuple(arrays.pop("names").tolist()), **arrays)


def keep(snapshots: Snapshots, dataset: str, cache: Path | None) -> None:
    """Put the snapshots of a dataset into the cache folder, where `read_dataset` finds them."""
    recipe = {"dataset": dataset, "version": VERSION}
    cached(cache, "quotes", recipe, lambda: _arrays(snapshots))


def parse(table: Table, most_errors: int = 1) -> tuple[Snapshots, Quotes]:
    """The snapshots of an open table; tells up to `most_errors` rows that cannot be used."""
    quotes = _sorted(table, most_errors)
    return _snapshots(table.name, quotes), quotes


@functools.lru_cache(KEPT_FILES)
def _parsed(path: Path, version: tuple[int, ...]) -> Snapshots:
    """The snapshots of one version of a file: a server checks the same file study after study."""
    del version
    return parse(tables.open_table(path, COLUMNS))[0]


def _sorted(table: Table, most_errors: int) -> Quotes:
    """All quotes in order; columns grow value by value, so a long table needs no list of rows."""
    columns: list[array[Any]] = [array(kind) for kind in "qqqqdddddd"]  # Any: integers or floats
    expiries: dict[str, int] = {}
    for quote in tables.parse_rows(table, lambda row: _quote(row, expiries), most_errors):
        for column, value in zip(columns, quote, strict=True):
            column.append(value)
    if not columns[0]:
        raise DataError(f"{table.name}: no rows below the header")
    seconds, numbers, expiry, put, strike, forward, maturity, bid, mid, ask = map(np.array, columns)
    ranks = np.empty(len(expiries), np.int64)
    ranks[[expiries[name] for name in sorted(expiries)]] = np.arange(len(expiries))
    instruments = _numbered(ranks[expiry], strike, put)
    order = np.lexsort((numbers, instruments, seconds))
    quotes = Quotes(
        seconds[order],
        instruments[order],
        np.log(strike / forward)[order],
        maturity[order],
        mid[order],
        ((ask - bid) / 2)[order],
    )
    _refuse_repeated(table, quotes, numbers[order])
    return quotes


def _numbered(*keys: NDArray[Any]) -> NDArray[np.int64]:
    """The rank of each row among the distinct ones, by the first key, then the second, ..."""
    order = np.lexsort(keys[::-1])
    is_new = np.zeros(len(order), bool)
    for key in keys:
        is_new[1:] |= key[order][1:] != key[order][:-1]
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(is_new)
    return numbers


def _refuse_repeated(table: Table, quotes: Quotes, numbers: NDArray[np.int64]) -> None:
    is_same = (quotes.seconds[1:] == quotes.seconds[:-1]) & (
        quotes.instruments[1:] == quotes.instruments[:-1]
    )
    if is_same.any():
        at = int(is_same.argmax())
        first, second = (table.place(int(number)) for number in numbers[at : at + 2])
        raise BadCell(table.name, second, None, f"the same quote as in {first}")


def _quote(row: Row, expiries: dict[str, int]) -> tuple[int, int, int, int, *tuple[float, ...]]:
    """Time, number of the row and of the expiry, whether it is a put, strike .. ask."""
    seconds, strike, forward = row.seconds("time"), row.positive("strike"), row.positive("forward")
    put = row.among("kind", _KINDS) == "P"
    bid, mid, ask = (row.positive(role) for role in ("bid", "mid", "ask"))
    if not bid <= mid <= ask <= LARGEST_VOL:
        allowed = f"bid <= mid <= ask <= {LARGEST_VOL:g}"
        raise row.error(None, f"not {allowed}: {bid:g}, {mid:g}, {ask:g}", allowed)
    maturity = row.positive("maturity")
    expiry = expiries.setdefault(row.cell("expiry"), len(expiries))
    return seconds, row.number, expiry, put, strike, forward, maturity, bid, mid, ask


def _snapshots(name: str, quotes: Quotes) -> Snapshots:
    moments, begins = np.unique(quotes.seconds, return_index=True)
    ends = np.append(begins[1:], len(quotes.seconds))
    width = int((ends - begins).max())
    if width * len(moments) > MAX_CELLS:
        raise DataError(
            f"{name}: {len(moments):,} snapshots of up to {width:,} quotes; at most "
            f"{MAX_CELLS:,} if all were as large"
        )
    earlier = _earlier(quotes)
    precision = 1.0 / (quotes.half_spread**2 + SPREAD_FLOOR**2)
    inputs = transform(quotes.log_moneyness, quotes.maturity)
    groups = [slice(begin, end) for begin, end in zip(begins, ends, strict=True)]
    return Snapshots(
        tuple(str(np.datetime64(int(moment), "s")) for moment in moments),
        pad([inputs[group] for group in groups], width, 0.0),
        pad([quotes.vol[group] for group in groups], width, 0.0),
        pad([precision[group] / precision[group].mean() for group in groups], width, 0.0),
        pad([earlier[group] for group in groups], width, np.nan),
    )


def _earlier(quotes: Quotes) -> Floats:
    """What each instrument was quoted at in the snapshot just before, NaN if it was not."""
    snapshot = np.unique(quotes.seconds, return_inverse=True)[1].reshape(-1)
    order = np.lexsort((snapshot, quotes.instruments))
    instruments, places = quotes.instruments[order], snapshot[order]
    follows = (instruments[1:] == instruments[:-1]) & (places[1:] == places[:-1] + 1)
    earlier = np.full(len(order), np.nan)
    earlier[order[1:][follows]] = quotes.vol[order[:-1][follows]]
    return earlier


def _arrays(snapshots: Snapshots) -> Arrays:
    return {
        "names": np.array(snapshots.names),
        "inputs": snapshots.inputs,
        "vols": snapshots.vols,
        "weights": snapshots.weights,
        "earlier": snapshots.earlier,
    }
