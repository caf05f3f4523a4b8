"""Follow a drifting volatility surface: forecast each snapshot, then learn from it.

The one idea: the objective where annealing over the whole life loses, since what is learned must
stay able to move. Each split is a segment of its own with a training of its own, the schedule laid
out afresh over it; the first part of a segment, where everybody still learns, is not scored.
Not here: the data (`tuning.objectives.drifting`, `tuning.objectives.quotes`), the training
(`tuning.objectives.prequential`, imported when a trainer is made).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from tuning.errors import DataError, InvalidValue
from tuning.objectives import drifting, quotes, tables
from tuning.objectives.base import JAX, TEST, VALIDATION, Folders, Objective, Score, Trainer
from tuning.objectives.dataset_files import check_source
from tuning.objectives.footprint import network_bytes
from tuning.objectives.idle import refuse_idle
from tuning.objectives.needs import Needs
from tuning.objectives.snapshots import ORDERS, Snapshots
from tuning.records import Direction, Metric, check_integer
from tuning.schedules.limits import Integer, Number, OrNone, settle

UNSCORED = 0.1  # of a segment
LEAST_SNAPSHOTS = 10
MOST_SNAPSHOTS = 10_000
EMBARGO = 4  # snapshots: more than the one that a forecast looks ahead


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of `online_surface`.

    Args:
        file: a file of option quotes (CSV, CSV.GZ or Parquet), relative to the data folder.
        dataset: the id of an uploaded dataset of option quotes. Without it and without a file a
            surface is generated.
        snapshots: of each of the two segments; None is 250 generated ones, or all that are given.
        updates: per snapshot.
        batch: quotes per update.
        embargo: snapshots left out between the segments.
        width: units of each hidden layer.
        noise_bp: noise of generated quotes, in basis points of volatility; not beside given ones.
        data_seed: of generated quotes; not beside given ones.
    """

    file: str | None = None
    dataset: str | None = None
    snapshots: Annotated[int | None, OrNone(Integer(LEAST_SNAPSHOTS, MOST_SNAPSHOTS))] = None
    updates: Annotated[int, Integer(1, 1_000)] = 12
    batch: Annotated[int, Integer(1, 4_096)] = 32
    embargo: Annotated[int, Integer(1, 1_000)] = EMBARGO
    width: Annotated[int, Integer(1, 512)] = 24
    noise_bp: Annotated[float, Number(0.0, 1e4)] = 50.0
    data_seed: Annotated[int, Integer(0, 2**53)] = 0

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field."""
        tables.check_file(self.file)
        check_source(self.file, self.dataset)
        settle(self, "config")
        if not self.is_generated:
            refuse_idle(self, "quotes are generated", "noise_bp", "data_seed")

    @property
    def is_generated(self) -> bool:
        """Whether the quotes are generated."""
        return self.file is None and self.dataset is None


@dataclass(frozen=True, slots=True, eq=False)
class OnlineSurfaceProblem:
    """Two segments in memory; `Paced` and `Segmented`."""

    data_hash: str
    segments: Mapping[str, Snapshots]
    config: Config

    @property
    def unit(self) -> int:
        """Updates per snapshot."""
        return self.config.updates

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """The moments of the scored snapshots, per split."""
        return {
            split: segment.names[_scored(len(segment)) :]
            for split, segment in self.segments.items()
        }

    def horizon(self, split: str, horizon: int) -> int:
        """As many updates as the segment of `split` has snapshots for."""
        del horizon
        return self.unit * len(self.segments[split])

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One network per seed, over the one segment of `splits`."""
        from tuning.objectives.networks import Mlp  # noqa: PLC0415 - JAX is heavy
        from tuning.objectives.prequential import Prequential  # noqa: PLC0415 - JAX is heavy

        del horizon
        if len(splits) != 1:
            raise InvalidValue("splits", splits, "one split: each has a training of its own")
        segment = self.segments[splits[0]]
        return Prequential(
            Mlp(_widths(self.config), "elu"),
            segment,
            seeds,
            unit=self.unit,
            batch=self.config.batch,
            scored=_scored(len(segment)),
        )


def _training_bytes(problem: OnlineSurfaceProblem, lanes: int, horizon: int) -> int:
    """The networks, the errors of every update, and the order of quotes that is kept."""
    config = problem.config
    snapshots = max(map(len, problem.segments.values()))
    ordered = 4 * min(ORDERS, lanes * snapshots) * config.updates * config.batch
    traced = 8 * 3 * 3 * lanes * horizon
    quoted = max(segment.vols.shape[1] for segment in problem.segments.values())
    widths = _widths(config)
    return ordered + traced + network_bytes(widths, lanes, batch=config.batch, scored=quoted)


def _widths(config: Config) -> tuple[int, ...]:
    return 2, config.width, config.width, 1


def _scored(count: int) -> int:
    """The first scored snapshot of a segment."""
    return math.ceil(UNSCORED * count)


def _open(config: Config, folders: Folders) -> OnlineSurfaceProblem:
    """Read or generate the snapshots and cut them into two segments.

    Raises `InvalidValue` naming `config.file` or `config.dataset` if it may not be read,
    `DataError` if it is malformed or too short.
    """
    if config.is_generated:
        count = _generated_snapshots(config)
        path = drifting.generate(2 * count + config.embargo, config.noise_bp, config.data_seed)
    else:
        path = _given(config, folders)
        count = _given_snapshots(config, len(path))
    segments = {
        VALIDATION: path.between(0, count),
        TEST: path.between(count + config.embargo, 2 * count + config.embargo),
    }
    return OnlineSurfaceProblem(path.sha256, segments, config)


def _generated_snapshots(config: Config) -> int:
    """Generated snapshots of a segment."""
    return 250 if config.snapshots is None else config.snapshots


def _given(config: Config, folders: Folders) -> Snapshots:
    if config.dataset is not None:
        return quotes.read_dataset(config.dataset, folders)
    return quotes.read(tables.locate(str(config.file), folders.data))


def _given_snapshots(config: Config, known: int) -> int:
    most = (known - config.embargo) // 2
    if most < LEAST_SNAPSHOTS:
        needed = 2 * LEAST_SNAPSHOTS + config.embargo
        raise DataError(
            f"{config.dataset or config.file}: {known} snapshots; at least {needed} are needed"
        )
    if config.snapshots is None:
        return most
    return check_integer("config.snapshots", config.snapshots, LEAST_SNAPSHOTS, most)


def _horizon(config: Config, folders: Folders) -> int:
    if config.is_generated:
        return config.updates * _generated_snapshots(config)
    return _open(config, folders).horizon(VALIDATION, 0)


def _inspect(config: Config, folders: Folders) -> None:
    if not config.is_generated:
        _open(config, folders)


ONLINE_SURFACE = Objective(
    name="online_surface",
    title="Online volatility surface (walk-forward)",
    help=(
        "A small network forecasts the next snapshot of an implied-volatility surface, is scored "
        "on it, and then learns from it, snapshot after snapshot. The surface drifts and jumps: a "
        "generated one, or option quotes of your own. The schedule is laid out afresh over each "
        "segment; validation is the first half of the snapshots, test the second. A schedule that "
        "anneals over the whole life cannot follow: expect constants and short decays to win. So "
        "small a network does not beat the forecast of no change: its skill is below 0."
    ),
    metrics=(
        Metric(
            "rmse_bp",
            Direction.MINIMIZE,
            unit="basis points of volatility",
            help="weighted root mean square error of the forecasts, averaged over snapshots",
        ),
        Metric(
            "mae_bp",
            Direction.MINIMIZE,
            unit="basis points of volatility",
            help="weighted mean absolute error, less moved by shocks",
        ),
        Metric(
            "skill",
            Direction.MAXIMIZE,
            help="1 - rmse / rmse of forecasting no change, on instruments quoted before",
        ),
    ),
    default_horizon=12 * 250,
    peak=(1e-4, 1e-1),
    optimizer={
        "optimizer": "adam",
        "betas": [0.9, 0.999],
        "eps": 1e-8,
        "weight_decay": 0.0,
        "loss": "weighted mean squared error of volatilities",
    },
    settings=lambda config: {"batch": config.batch},
    config_type=Config,
    open=_open,
    inspect=_inspect,
    score=Score("mean", UNSCORED),
    fixed_horizon=_horizon,
    trains_per_split=True,
    training_bytes=_training_bytes,
    needs=Needs(memory_mib=768),
    packages=JAX,
    dataset="quotes",
)
