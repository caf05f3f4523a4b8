"""Samples: few values of a dataset, enough to draw what is in it.

The one idea: they are taken when a dataset is read, by whoever reads it, and kept beside what was
read; so that to draw a table of millions of rows costs what a small one does.
Not here: how they are drawn (the service), the whole of a dataset (`bars`, `quotes`).
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tuning.objectives.bars import Bars
from tuning.objectives.base import Arrays, Floats
from tuning.objectives.cached import cached, recall
from tuning.objectives.snapshots import LOG_MATURITY_CENTRE, LOG_MATURITY_SCALE, Snapshots

VERSION = 1  # of what is kept
POINTS = 1_000  # over time
QUOTES = 3_000  # of one snapshot
DAYS = 5  # that a volatility is averaged over
FEWEST = 10  # such averages, whatever the length


def keep(taken: Arrays, dataset: str, cache: Path | None) -> None:
    """Put the sample of a dataset where `find` looks for it."""
    cached(cache, "sample", _recipe(dataset), lambda: taken)


def find(dataset: str, cache: Path | None) -> Arrays | None:
    """The sample of a dataset; None if it was not kept."""
    return recall(cache, "sample", _recipe(dataset))


def _recipe(dataset: str) -> dict[str, str | int]:
    return {"dataset": dataset, "version": VERSION}


def of_bars(bars: Bars) -> Arrays:
    """Prices over time: in each stretch the last close, the lowest and the highest price.

    `volatility` is that of a day, from the ranges of the bars (Parkinson, 1980) of the `days`
    before; `seconds` are those at which stretches begin.
    """
    count = len(bars)
    begins = np.unique(np.linspace(0, count, min(POINTS, count), endpoint=False).astype(np.int64))
    ends = np.append(begins[1:], count)
    variances = np.log(bars.high / bars.low) ** 2 / (4.0 * np.log(2.0))
    window = max(1, min(DAYS * bars.per_day, count // FEWEST))
    sums = np.concatenate([[0.0], np.cumsum(variances)])
    first = np.maximum(0, ends - window)
    mean = (sums[ends] - sums[first]) / (ends - first)
    return {
        "seconds": bars.times[begins],
        "close": bars.close[ends - 1],
        "low": np.minimum.reduceat(bars.low, begins),
        "high": np.maximum.reduceat(bars.high, begins),
        "volatility": np.sqrt(np.maximum(mean, 0.0) * bars.per_day),
        "days": np.array([window / bars.per_day]),
    }


def of_quotes(snapshots: Snapshots) -> Arrays:
    """The last snapshot, quote by quote, and the level of the surface over time.

    `moneyness` is the log of strike over forward, `maturity` in years; `level` the weighted mean
    volatility of each of some snapshots, with the number of its `quotes`.
    """
    last = len(snapshots) - 1
    there = np.flatnonzero(snapshots.weights[last] > 0)
    chosen = there[_spread(len(there), QUOTES)]
    scaled, logs = np.moveaxis(snapshots.inputs[last][chosen], -1, 0)
    maturity = np.exp(logs * LOG_MATURITY_SCALE + LOG_MATURITY_CENTRE)
    over_time = _spread(len(snapshots), POINTS)
    weights = snapshots.weights[over_time]
    level = (weights * snapshots.vols[over_time]).sum(axis=1) / weights.sum(axis=1)
    return {
        "moneyness": scaled * np.sqrt(maturity),
        "maturity": maturity,
        "vol": snapshots.vols[last][chosen],
        "moment": np.array([snapshots.names[last]]),
        "of": np.array([len(there)]),
        "moments": np.array([snapshots.names[place] for place in over_time]),
        "level": level,
        "quotes": (weights > 0).sum(axis=1),
    }


def _spread(count: int, most: int) -> NDArray[np.int64]:
    """At most so many places of as many as there are, evenly, the first and the last among them."""
    places: Floats = np.linspace(0, count - 1, min(count, most))
    return np.unique(places.round().astype(np.int64))
