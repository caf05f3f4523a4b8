"""Realised volatility from bars: features, target and walk-forward folds.

The one idea: row `t` is what a forecaster knew when bar `t` had closed. Its features look back to
bars <= t, its target looks ahead to bars t+1 .. t+H, and a fold trains only on rows whose target
ended before the first row it is scored on, with means and deviations of those rows only.
Not here: reading bars (`tuning.objectives.bars`) and the model (`tuning.objectives.sgd`).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tuning.errors import DataError
from tuning.objectives.bars import Bars
from tuning.objectives.base import Floats

FLOOR = 1e-4  # a bar's log range below 1 basis point counts as 1: the log of 0 is of no use
DAILY_WINDOWS = (1, 5, 22, 66)  # a day, a week, a month and a quarter of trading days
INTRADAY_DAYS = (1, 7, 30)  # besides one bar: windows in days, where a day has many bars
MIN_TRAIN_ROWS = 100
MIN_SCORED_ROWS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Features and target of every bar, NaN where there is not enough past or future.

    Args:
        inputs: features, shape (bars, features), from bars <= t.
        targets: mean log variance of bars t+1 .. t+H, shape (bars,).
        persistence: the same mean over bars t-H+1 .. t, the naive forecast, shape (bars,).
    """

    inputs: Floats
    targets: Floats
    persistence: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """One training set and the rows after it that are scored.

    Args:
        name: first and last day that are scored.
        inputs: standardised features to train on, shape (rows, features).
        targets: standardised targets to train on, shape (rows,).
        scored_inputs: standardised features to score, shape (scored, features).
        scored_targets: targets to score in units of log variance, shape (scored,).
        persistence: the naive forecast's mean squared error on the scored rows.
        centre: mean of the training targets.
        scale: standard deviation of the training targets.
    """

    name: str
    inputs: Floats
    targets: Floats
    scored_inputs: Floats
    scored_targets: Floats
    persistence: float
    centre: float
    scale: float


def log_variance(bars: Bars) -> Floats:
    """Log of the range estimate of each bar's variance, shape (bars,).

    v_t = log(ln(high_t / low_t)^2 / (4 ln 2)) (Parkinson, 1980).

    >>> one = np.ones(1)
    >>> log_variance(Bars(np.zeros(1, np.int64), np.exp(one), one, one)).round(6)  # -log(4 ln 2)
    array([-1.019781])
    """
    spread = np.maximum(np.log(bars.high / bars.low), FLOOR)
    variance: Floats = np.log(spread**2 / (4 * np.log(2)))
    return variance


def windows(per_day: int) -> tuple[int, ...]:
    """Lengths in bars of the averages a forecast is made from, shortest first.

    >>> windows(1), windows(24)
    ((1, 5, 22, 66), (1, 24, 168, 720))
    """
    if per_day == 1:
        return DAILY_WINDOWS
    return (1, *(days * per_day for days in INTRADAY_DAYS))


def rows(bars: Bars, target_bars: int) -> Rows:
    """Features and targets of the heterogeneous autoregression (Corsi, 2009).

    Features at t: means of v over the last `windows`, log returns over the two shortest windows,
    and 1 if the last return is negative, else 0. Target: mean of v over t+1 .. t+`target_bars`.

    >>> from tuning.objectives.bars import sp500
    >>> data = rows(sp500(), target_bars=5)
    >>> data.inputs.shape, int(np.isnan(data.targets).sum())  # the last five have no future
    ((5031, 7), 5)
    """
    variance, lengths = log_variance(bars), windows(bars.per_day)
    means = [trailing_mean(variance, length) for length in lengths]
    prices = np.log(bars.close)
    returns = [_change(prices, length) for length in lengths[:2]]
    fell = np.where(np.isnan(returns[0]), np.nan, returns[0] < 0)
    persistence = trailing_mean(variance, target_bars)
    targets = np.full(len(bars), np.nan)
    targets[:-target_bars] = persistence[target_bars:]
    return Rows(np.column_stack([*means, *returns, fell]), targets, persistence)


def trailing_mean(values: Floats, length: int) -> Floats:
    """Mean of the last `length` values up to each one; NaN for the first `length` - 1.

    >>> trailing_mean(np.array([1.0, 2.0, 6.0]), 2)
    array([nan, 1.5, 4. ])
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    means = np.full(len(values), np.nan)
    means[length - 1 :] = (sums[length:] - sums[:-length]) / length
    return means


def _change(values: Floats, length: int) -> Floats:
    change = np.full(len(values), np.nan)
    change[length:] = values[length:] - values[:-length]
    return change


def walk_forward(
    bars: Bars, data: Rows, edges: Sequence[int], embargo_bars: int
) -> tuple[Fold, ...]:
    """One fold per pair of neighbouring `edges`, trained on all rows before it.

    Rows `edges[i] .. edges[i+1]` are scored, without the last `embargo_bars`; rows up to
    `embargo_bars` before `edges[i]` are trained on. Hence no target of one set reaches into a
    later one, if `embargo_bars` is at least the target's length.

    Raises `DataError` if a fold has too few rows.

    >>> from tuning.objectives.bars import sp500
    >>> bars = sp500()
    >>> folds = walk_forward(bars, rows(bars, 5), (2_000, 3_000, 4_000), embargo_bars=5)
    >>> [(len(fold.targets), len(fold.scored_targets)) for fold in folds]
    [(1930, 995), (2930, 995)]
    """
    known = ~(np.isnan(data.inputs).any(axis=1) | np.isnan(data.targets))
    folds = []
    for first, last in itertools.pairwise(edges):
        trained = np.flatnonzero(known[: max(0, first - embargo_bars)])
        scored = first + np.flatnonzero(known[first : max(first, last - embargo_bars)])
        if len(trained) < MIN_TRAIN_ROWS or len(scored) < MIN_SCORED_ROWS:
            raise DataError(
                f"too short: {len(bars)} bars leave {len(trained)} rows to train a fold on and "
                f"{len(scored)} to score; at least {MIN_TRAIN_ROWS} and {MIN_SCORED_ROWS} needed"
            )
        name = "/".join(_day(bars, int(row)) for row in (scored[0], scored[-1]))
        folds.append(_fold(name, data, trained, scored))
    return tuple(folds)


def _fold(name: str, data: Rows, trained: np.ndarray, scored: np.ndarray) -> Fold:
    inputs, targets = data.inputs[trained], data.targets[trained]
    mean, deviation = inputs.mean(axis=0), inputs.std(axis=0)
    deviation[deviation == 0] = 1.0  # a constant feature becomes 0, not NaN
    centre, scale = float(targets.mean()), float(targets.std()) or 1.0
    actual = data.targets[scored]
    return Fold(
        name=name,
        inputs=(inputs - mean) / deviation,
        targets=(targets - centre) / scale,
        scored_inputs=(data.inputs[scored] - mean) / deviation,
        scored_targets=actual,
        persistence=float(np.mean((data.persistence[scored] - actual) ** 2)),
        centre=centre,
        scale=scale,
    )


def _day(bars: Bars, row: int) -> str:
    return str(np.datetime64(int(bars.times[row]), "s").astype("datetime64[D]"))
