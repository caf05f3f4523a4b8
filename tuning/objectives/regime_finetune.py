"""Fine-tune a pricing network to another regime of the market, from few and noisy surfaces.

The one idea: a network that knows calm markets meets wild ones. It learns from a few hundred
surfaces with an error of a volatility point, and is scored on surfaces without error, because
errors of that size hide every difference between schedules. What it then still knows of the old
regime is the second metric.
Not here: the network to start from, pretrained here or the user's own
(`tuning.objectives.pretrained`), and the training (`tuning.objectives.surface_training`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tuning.objectives import tables
from tuning.objectives.base import JAX, TEST, VALIDATION, Folders, Objective, Trainer
from tuning.objectives.footprint import network_bytes
from tuning.objectives.heston import Domain
from tuning.objectives.heston_surface import (
    ADAM,
    CALM,
    ERROR,
    Batch,
    Count,
    Noise,
    Seed,
    draw_calm,
    hash_sets,
)
from tuning.objectives.needs import Needs
from tuning.objectives.pretrained import SurfaceNetwork, read_network
from tuning.objectives.surfaces import MATURITIES, Surfaces, draw_surfaces
from tuning.objectives.units import BASIS_POINTS
from tuning.records import Direction, Metric
from tuning.schedules.limits import settle
from tuning.seeds import derive

WILD = Domain(
    v0=(0.15, 1.0), theta=(0.15, 1.0), kappa=(1.0, 8.0), sigma=(0.8, 2.5), rho=(-0.6, 0.3)
)

PRETRAINING_SURFACES = 3_000
RETENTION_SURFACES = 500  # of the old regime, per split
SUFFIXES = (".npz",)

# A range that ends too low turns the ranking round: a constant wins below 1e-3.
PEAK = (5e-4, 1e-1)

RETENTION = Metric(
    "retention_rmse_bp",
    Direction.MINIMIZE,
    unit="basis points of volatility",
    help="the same error over surfaces of the old regime: what has been forgotten",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of `regime_finetune`.

    Args:
        file: a network (`tuning.objectives.pretrained`) in an .npz file, relative to the data
            folder; None pretrains one on 3,000 surfaces of the old regime.
        surfaces: of the new regime, to train on.
        validation_surfaces: that a search is scored on.
        test_surfaces: that are read once.
        noise_bp: standard deviation of the errors of the training volatilities, in basis points.
        batch: surfaces per update.
        data_seed: of the surfaces, the noise, and the network that is pretrained.
    """

    file: str | None = None
    surfaces: Count = 300
    validation_surfaces: Count = 500
    test_surfaces: Count = 1_000
    noise_bp: Noise = 100.0
    batch: Batch = 32
    data_seed: Seed = 0

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field."""
        tables.check_file(self.file)
        settle(self, "config")


@dataclass(frozen=True, slots=True, eq=False)
class RegimeFinetuneProblem:
    """A network to start from, and surfaces in memory.

    Args:
        start: the network that every lane starts from, with the scaling it was trained under.
        train: surfaces of the new regime to learn, with the config's noise.
        scored: per split and metric, without noise.
        config: the settings.
    """

    start: SurfaceNetwork
    train: Surfaces
    scored: Mapping[str, Mapping[str, Surfaces]]
    config: Config

    @property
    def data_hash(self) -> str:
        """Hash of all surfaces and of the network to start from."""
        sets = {
            f"{split}/{name}": surfaces
            for split, named in self.scored.items()
            for name, surfaces in named.items()
        }
        return hash_sets({"train": self.train, **sets}, self.start.arrays)

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """The maturities."""
        return dict.fromkeys(self.scored, MATURITIES)

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One lane per seed, which draws the order of the surfaces; all start from one network.

        The horizon plays no part: data are drawn by permutations without end.
        """
        del horizon
        from tuning.objectives import surface_training as training  # noqa: PLC0415 - JAX is heavy

        return training.make_trainer(
            self.start,
            self.train,
            {split: self.scored[split] for split in splits},
            self.config.batch,
            seeds,
        )


def _open(config: Config, folders: Folders) -> RegimeFinetuneProblem:
    """Read or pretrain the network, and make the surfaces, or find both in the cache."""
    scored = {
        VALIDATION: _scored(VALIDATION, config.validation_surfaces, config, folders),
        TEST: _scored(TEST, config.test_surfaces, config, folders),
    }
    train = _wild("train", config.surfaces, config, folders)
    noisy = train.with_noise(
        config.noise_bp / BASIS_POINTS, derive(config.data_seed, "wild", "noise")
    )
    return RegimeFinetuneProblem(_start(config, folders), noisy, scored, config)


def _wild(split: str, count: int, config: Config, folders: Folders) -> Surfaces:
    return draw_surfaces(WILD, count, derive(config.data_seed, "wild", split), folders.cache)


def _scored(split: str, count: int, config: Config, folders: Folders) -> Mapping[str, Surfaces]:
    return {
        ERROR.name: _wild(split, count, config, folders),
        RETENTION.name: draw_calm(split, RETENTION_SURFACES, config.data_seed, folders.cache),
    }


def _start(config: Config, folders: Folders) -> SurfaceNetwork:
    given = _given(config, folders)
    if given is not None:
        return given
    from tuning.objectives.surface_training import pretrain  # noqa: PLC0415 - JAX is heavy

    train = draw_calm("train", PRETRAINING_SURFACES, config.data_seed, folders.cache)
    return pretrain(train, CALM, derive(config.data_seed, "pretraining"), folders.cache)


def _given(config: Config, folders: Folders) -> SurfaceNetwork | None:
    """The user's own network, if the config names one; cheap enough for a request."""
    if config.file is None:
        return None
    return read_network(tables.locate(config.file, folders.data, SUFFIXES))


def _training_bytes(problem: RegimeFinetuneProblem, lanes: int, horizon: int) -> int:
    del horizon
    scored = max(sum(map(len, named.values())) for named in problem.scored.values())
    widths = problem.start.widths
    return network_bytes(widths, lanes, batch=problem.config.batch, scored=scored)


REGIME_FINETUNE = Objective(
    name="regime_finetune",
    title="Regime change (fine-tuning a pricing network)",
    help=(
        "A network that prices Heston surfaces of calm markets is fine-tuned to wild ones, from "
        "300 surfaces with an error of a volatility point each. It is pretrained here, or your "
        "own. Scored on surfaces without error; the error on the old regime tells what was "
        "forgotten. One-cycle, linear and WSD schedules end about a tenth below a tuned constant."
    ),
    metrics=(ERROR, RETENTION),
    default_horizon=1_200,
    peak=PEAK,
    optimizer=ADAM,
    settings=lambda config: {"batch": config.batch},
    open=_open,
    config_type=Config,
    inspect=_given,
    training_bytes=_training_bytes,
    needs=Needs(memory_mib=512),
    packages=JAX,
)
