"""Forecast realised volatility by a regression or a small network, on real prices, walking forward.

The one idea: the honest objective where a schedule hardly matters. The folds of the validation
years are what a search sees; those of later years are trained anew, in confirmation runs only, and
read once. Not here: how bars become folds (`tuning.objectives.volatility`), how a fold is trained
(`tuning.objectives.sgd` and `.fold_networks`, imported when a trainer is made).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Annotated, Any

import numpy as np

from tuning.errors import DataError
from tuning.objectives import bars as sources
from tuning.objectives import tables, volatility
from tuning.objectives.bars import Bars
from tuning.objectives.base import JAX, TEST, VALIDATION, Folders, Objective, Trainer
from tuning.objectives.dataset_files import check_source
from tuning.objectives.footprint import network_bytes
from tuning.objectives.idle import refuse_idle
from tuning.objectives.lanes import OneByOne
from tuning.objectives.needs import Needs
from tuning.objectives.volatility import Fold
from tuning.records import Direction, Metric, check_integer
from tuning.schedules.limits import Among, Integer, Number, OrNone, settle

MAX_TARGET_BARS = 10_000
MAX_BATCH = 4_096
DAILY_TARGET = 5  # a trading week

# From a measured grid: no family that was tried has its best peak at an end, on neither data set.
PEAK = (1e-4, 1e-1)

MOST_FOLDS = 20
MOST_HIDDEN = 512
# What is scored of the packaged data, in years; the last one is the end of the data.
SP500_YEARS = {VALIDATION: (2007, 2013), TEST: (2013, 2019)}
# The same for a file, as fractions of its rows.
FILE_SPANS = {VALIDATION: (0.4, 0.7), TEST: (0.7, 1.0)}

MODELS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "sgd": {
            "optimizer": "sgd",
            "momentum": 0.0,
            "note": "one update is a pass over a batch, row by row (SGDRegressor.partial_fit)",
        },
        "mlp": {"optimizer": "adam", "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0},
    }
)

# Per model, the other one and its setting, which has no effect here.
IDLE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {"sgd": ("mlp", "hidden"), "mlp": ("sgd", "l2")}
)


REGRESSION_BYTES = 2**14  # what a regression of scikit-learn holds beside arrays of rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of `realized_volatility`.

    Args:
        model: `sgd`, scikit-learn's linear regression by stochastic gradient descent, or `mlp`, a
            network with one hidden layer, by Adam.
        hidden: units of the network's hidden layer; for `mlp` alone.
        folds: that each split is cut into; a model is trained for each.
        file: a file of bars (CSV, CSV.GZ or Parquet), relative to the data folder.
        dataset: the id of an uploaded dataset of bars. Without it and without a file: the S&P 500.
        target_bars: bars `H` the forecast averages over; None is a day of intraday bars, or
            5 daily ones.
        embargo_bars: bars left out between training and scoring, at least `H`; None is `H`.
        batch: rows per update.
        l2: weight of the squared penalty on the coefficients of the regression; for `sgd` alone.
    """

    model: Annotated[str, Among(MODELS)] = "sgd"
    hidden: Annotated[int, Integer(1, MOST_HIDDEN)] = 24
    folds: Annotated[int, Integer(1, MOST_FOLDS)] = 3
    file: str | None = None
    dataset: str | None = None
    target_bars: Annotated[int | None, OrNone(Integer(1, MAX_TARGET_BARS))] = None
    embargo_bars: Annotated[int | None, OrNone(Integer(1, 2 * MAX_TARGET_BARS))] = None
    batch: Annotated[int, Integer(1, MAX_BATCH)] = 64
    l2: Annotated[float, Number(0.0, 1.0)] = 1e-4

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field."""
        settle(self, "config")
        tables.check_file(self.file)
        check_source(self.file, self.dataset)
        if self.embargo_bars is not None:
            low = self.target_bars or 1
            check_integer("config.embargo_bars", self.embargo_bars, low, 2 * MAX_TARGET_BARS)
        other, idle = IDLE[self.model]
        refuse_idle(self, f"the model is {other}", idle)


@dataclass(frozen=True, slots=True, eq=False)
class RealizedVolatilityProblem:
    """Folds in memory."""

    data_hash: str
    folds: Mapping[str, tuple[Fold, ...]]
    config: Config

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """First and last scored day of every fold, per split."""
        return {split: tuple(fold.name for fold in folds) for split, folds in self.folds.items()}

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One lane per seed, each with one model per fold of `splits`.

        The horizon plays no part: data are drawn by permutations without end.
        """
        del horizon
        folds = {split: self.folds[split] for split in splits}
        if self.config.model == "mlp":
            from tuning.objectives.fold_networks import FoldNetworks  # noqa: PLC0415 - JAX is heavy

            return FoldNetworks(folds, seeds, self.config.hidden, self.config.batch)
        from tuning.objectives.sgd import WalkForward  # noqa: PLC0415 - scikit-learn is heavy

        return OneByOne(
            [WalkForward(folds, seed, self.config.batch, self.config.l2) for seed in seeds]
        )


def _training_bytes(problem: RealizedVolatilityProblem, lanes: int, horizon: int) -> int:
    """The folds of one split, each with a network or a regression per lane."""
    del horizon
    config = problem.config
    return max(
        sum(_fold_bytes(fold, config, lanes) for fold in folds) for folds in problem.folds.values()
    )


def _fold_bytes(fold: Fold, config: Config, lanes: int) -> int:
    rows, scored = len(fold.targets), len(fold.scored_targets)
    if config.model == "mlp":
        widths = (fold.inputs.shape[1], config.hidden, 1)
        return network_bytes(widths, lanes, batch=config.batch, scored=scored)
    return lanes * (8 * (2 * rows + 3 * scored) + REGRESSION_BYTES)


def _open(config: Config, folders: Folders) -> RealizedVolatilityProblem:
    """Read the data and lay out the folds.

    Raises `InvalidValue` naming `config.file` or `config.dataset` if it may not be read, or
    `config.embargo_bars` if it is shorter than the target; `DataError` if the data are malformed
    or too short.
    """
    bars = _bars(config, folders)
    if config.file is None and config.dataset is None:
        edges = {split: _years(bars, *years, config.folds) for split, years in SP500_YEARS.items()}
    else:
        edges = {split: _spans(bars, *span, config.folds) for split, span in FILE_SPANS.items()}
    target = config.target_bars or (DAILY_TARGET if bars.per_day == 1 else bars.per_day)
    embargo = target if config.embargo_bars is None else config.embargo_bars
    check_integer("config.embargo_bars", embargo, target, 2 * MAX_TARGET_BARS)
    if len(bars) <= target:
        raise DataError(f"too short: {len(bars)} bars, the target alone spans {target}")
    data = volatility.rows(bars, target)
    folds = {split: volatility.walk_forward(bars, data, edges[split], embargo) for split in edges}
    return RealizedVolatilityProblem(bars.sha256, folds, config)


def _bars(config: Config, folders: Folders) -> Bars:
    if config.dataset is not None:
        return sources.read_dataset(config.dataset, folders)
    if config.file is not None:
        return sources.read(tables.locate(config.file, folders.data))
    return sources.sp500()


REALIZED_VOLATILITY = Objective(
    name="realized_volatility",
    title="Realised volatility (regression, walk-forward)",
    help=(
        "scikit-learn's SGDRegressor, or a small network, forecasts the mean log range-based "
        "variance of the next days from its averages over a day, a week, a month and a quarter "
        "and from recent returns. "
        "Real S&P 500 prices 1999-2018, or bars of your own. Expanding folds: three for the "
        "search, three later ones read once. Schedules differ by about 1 % here: expect a tie."
    ),
    metrics=(
        Metric(
            "mse",
            Direction.MINIMIZE,
            unit="log variance squared",
            help="mean squared error of the forecast, averaged over the folds",
        ),
        Metric(
            "skill",
            Direction.MAXIMIZE,
            help="1 - mse / mse of forecasting that the past goes on; above 0 is better than that",
        ),
    ),
    default_horizon=300,
    peak=PEAK,
    optimizer={"loss": "squared_error"},
    settings=lambda config: {**MODELS[config.model], "batch": config.batch},
    config_type=Config,
    open=_open,
    inspect=_open,
    training_bytes=_training_bytes,
    needs=Needs(memory_mib=512),
    packages=(*JAX, "scikit-learn"),
    dataset="ohlcv",
)


def _years(bars: Bars, first: int, last: int, folds: int) -> list[int]:
    """Rows at which folds of equally many days begin, and one past the last row."""
    begin, end = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (first, last))
    starts = [begin + (end - begin) * fold / folds for fold in range(folds + 1)]
    return [int(row) for row in np.searchsorted(bars.times, starts)]


def _spans(bars: Bars, low: float, high: float, folds: int) -> list[int]:
    return [round(len(bars) * (low + (high - low) * fold / folds)) for fold in range(folds + 1)]
