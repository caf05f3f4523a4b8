"""Quotes: option quotes of a user's CSV file, as snapshots of a volatility surface.

The one idea: a row is one instrument at one moment with a bid, a mid and an ask in volatility; rows
of one moment are a snapshot. A quote weighs less the wider its spread.
Not here: how files are parsed (`tuning.objectives.tables`).
"""

import functools
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np

from tuning.errors import DataError
from tuning.objectives import tables
from tuning.objectives.snapshots import Snapshots, pad, transform
from tuning.objectives.tables import Row

KEPT_FILES = 2
LARGEST_VOL = 10.0
SPREAD_FLOOR = 0.005  # half a spread of 50 basis points: a tighter quote is not more informative

# Role -> column names in order of preference, lower case, letters only.
_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
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
class Quote:
    """One quote: which instrument, when, where on the surface, and at what volatility."""

    seconds: int
    instrument: tuple[str, float, str]
    log_moneyness: float
    maturity: float
    vol: float
    half_spread: float
    line: int


def read(path: Path) -> Snapshots:
    """Read snapshots from a CSV file, gzipped or not, in any order of time.

    The header names a time, the expiry, strike, call or put, forward, years to expiry, and bid,
    mid and ask in volatility.

    Raises `DataError` naming line and column of the first value that is not what it should be, or
    that quotes an instrument twice at one moment.
    """
    return _parsed(path, tables.version(path))


@functools.lru_cache(KEPT_FILES)
def _parsed(path: Path, version: tuple[int, ...]) -> Snapshots:
    """The snapshots of one version of a file: a server checks the same file study after study."""
    del version
    quotes = [_quote(row) for row in tables.read_rows(path, _COLUMNS)]
    if not quotes:
        raise DataError(f"{path.name}: no rows below the header")
    quotes.sort(key=lambda quote: (quote.seconds, quote.instrument))
    for one, other in itertools.pairwise(quotes):
        if (one.seconds, one.instrument) == (other.seconds, other.instrument):
            first, second = sorted((one.line, other.line))
            raise DataError(f"{path.name}, line {second}: the same quote as in line {first}")
    groups = [
        list(group) for _, group in itertools.groupby(quotes, key=lambda quote: quote.seconds)
    ]
    return _snapshots(groups)


def _quote(row: Row) -> Quote:
    bid, mid, ask = (row.positive(role) for role in ("bid", "mid", "ask"))
    if not bid <= mid <= ask <= LARGEST_VOL:
        found = f"{bid:g}, {mid:g}, {ask:g}"
        raise DataError(f"{row.where}: not bid <= mid <= ask <= {LARGEST_VOL:g}: {found}")
    strike = row.positive("strike")
    return Quote(
        seconds=row.seconds("time"),
        instrument=(row.cells["expiry"].strip(), strike, row.among("kind", _KINDS)),
        log_moneyness=float(np.log(strike / row.positive("forward"))),
        maturity=row.positive("maturity"),
        vol=mid,
        half_spread=(ask - bid) / 2,
        line=row.line,
    )


def _snapshots(groups: Sequence[Sequence[Quote]]) -> Snapshots:
    width = max(len(group) for group in groups)
    inputs, vols, weights, earlier = [], [], [], []
    before: dict[tuple[str, float, str], float] = {}
    for group in groups:
        moneyness = np.array([quote.log_moneyness for quote in group])
        inputs.append(transform(moneyness, np.array([quote.maturity for quote in group])))
        vols.append(np.array([quote.vol for quote in group]))
        spread = np.array([quote.half_spread for quote in group])
        precision = 1.0 / (spread**2 + SPREAD_FLOOR**2)
        weights.append(precision / precision.mean())
        earlier.append(np.array([before.get(quote.instrument, np.nan) for quote in group]))
        before = {quote.instrument: quote.vol for quote in group}
    moments = [np.datetime64(group[0].seconds, "s") for group in groups]
    return Snapshots(
        tuple(str(moment) for moment in moments),
        pad(inputs, width, 0.0),
        pad(vols, width, 0.0),
        pad(weights, width, 0.0),
        pad(earlier, width, np.nan),
    )
