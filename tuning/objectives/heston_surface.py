"""Learn implied volatility surfaces under Heston's model from scratch, noise-free or noisy.

The one idea: the objective where annealing wins. A small network maps five parameters to 88
volatilities (Horvath, Muguruza and Tomas, 2021); under a constant learning rate the noise of the
batches keeps it from the last factor of two. Training, validation and test surfaces come from
three seeds; nothing but the training surfaces is used to train or to scale.
Not here: surfaces (`tuning.objectives.surfaces`) and the training
(`tuning.objectives.surface_training`, imported when a trainer is made).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

from tuning.objectives.base import JAX, TEST, VALIDATION, Arrays, Folders, Objective, Trainer
from tuning.objectives.cached import hash_arrays
from tuning.objectives.footprint import network_bytes
from tuning.objectives.heston import PARAMETERS, Domain
from tuning.objectives.layers import ACTIVATIONS
from tuning.objectives.needs import Needs
from tuning.objectives.pretrained import Scaling
from tuning.objectives.surfaces import MATURITIES, POINTS, Surfaces, draw_surfaces
from tuning.objectives.units import BASIS_POINTS
from tuning.records import Direction, Metric
from tuning.schedules.limits import Among, Integer, Number, settle
from tuning.seeds import derive

CALM = Domain(
    v0=(0.04, 0.25), theta=(0.04, 0.25), kappa=(1.0, 6.0), sigma=(0.1, 0.9), rho=(-0.95, -0.1)
)

# From a measured grid: constant is best near 3e-3, halving cycles near 4e-2.
PEAK = (5e-4, 1e-1)

# Data come by permutations without end, so a shorter training is the same one with less of it.
# Ten known shapes, each at its best of seven peaks, two seeds: Kendall's tau with the full horizon
# is 0.82 at a quarter and 0.96 at a half; the best peak is 1.7 and 1.3 times as high there.
RUNGS = (0.25, 0.5)

MOST_SURFACES = 100_000

Count = Annotated[int, Integer(1, MOST_SURFACES)]
Noise = Annotated[float, Number(0.0, 1_000.0)]
Batch = Annotated[int, Integer(1, 4_096)]
Seed = Annotated[int, Integer(0, 2**53)]  # the largest integers that JSON carries exactly

ERROR = Metric(
    "rmse_bp",
    Direction.MINIMIZE,
    unit="basis points of volatility",
    help="root mean squared error of the volatilities over surfaces without noise",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of `heston_surface`.

    Args:
        surfaces: to train on.
        validation_surfaces: that a search is scored on.
        test_surfaces: that are read once.
        noise_bp: standard deviation of the errors of the training volatilities, in basis points.
        width: units of each hidden layer.
        layers: hidden layers.
        activation: between the layers.
        batch: surfaces per update.
        data_seed: of the surfaces and the noise.
    """

    surfaces: Annotated[int, Integer(2, MOST_SURFACES)] = 3_000
    validation_surfaces: Count = 500
    test_surfaces: Count = 2_500
    noise_bp: Noise = 0.0
    width: Annotated[int, Integer(1, 512)] = 30
    layers: Annotated[int, Integer(1, 8)] = 3
    activation: Annotated[str, Among(ACTIVATIONS)] = "elu"
    batch: Batch = 32
    data_seed: Seed = 0

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field."""
        settle(self, "config")

    @property
    def widths(self) -> tuple[int, ...]:
        """Inputs, hidden units of each layer, outputs."""
        return (len(PARAMETERS), *[self.width] * self.layers, POINTS)


@dataclass(frozen=True, slots=True, eq=False)
class HestonSurfaceProblem:
    """Surfaces in memory.

    Args:
        train: to learn, with the config's noise.
        scored: per split, without noise.
        config: the settings.
    """

    train: Surfaces
    scored: Mapping[str, Surfaces]
    config: Config

    @property
    def data_hash(self) -> str:
        """Hash of all surfaces."""
        return hash_sets({"train": self.train, **self.scored})

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """The maturities."""
        return dict.fromkeys(self.scored, MATURITIES)

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One lane per seed, which draws the first weights and the order of the surfaces.

        The horizon plays no part: data are drawn by permutations without end.
        """
        del horizon
        from tuning.objectives import surface_training as training  # noqa: PLC0415 - JAX is heavy

        return training.make_trainer(
            training.Untrained(
                self.config.widths, self.config.activation, Scaling.of(CALM, self.train)
            ),
            self.train,
            {split: {ERROR.name: self.scored[split]} for split in splits},
            self.config.batch,
            seeds,
        )


def hash_sets(sets: Mapping[str, Surfaces], others: Arrays = MappingProxyType({})) -> str:
    """SHA-256 over several sets of surfaces, other arrays, and the names of all."""
    arrays = {
        f"{name}/{kind}": array
        for name, surfaces in sets.items()
        for kind, array in surfaces.arrays.items()
    }
    return hash_arrays({**arrays, **others})


def draw_calm(split: str, count: int, data_seed: int, cache: Path | None) -> Surfaces:
    """The surfaces of a split; splits have seeds of their own, so none contains another's."""
    return draw_surfaces(CALM, count, derive(data_seed, "surfaces", split), cache)


def _open(config: Config, folders: Folders) -> HestonSurfaceProblem:
    """Make the surfaces, or find them in the cache."""

    def draw(split: str, count: int) -> Surfaces:
        return draw_calm(split, count, config.data_seed, folders.cache)

    train = draw("train", config.surfaces)
    scored = {
        VALIDATION: draw(VALIDATION, config.validation_surfaces),
        TEST: draw(TEST, config.test_surfaces),
    }
    noisy = train.with_noise(config.noise_bp / BASIS_POINTS, derive(config.data_seed, "noise"))
    return HestonSurfaceProblem(noisy, scored, config)


def _training_bytes(problem: HestonSurfaceProblem, lanes: int, horizon: int) -> int:
    del horizon
    config = problem.config
    scored = max(map(len, problem.scored.values()))
    return network_bytes(config.widths, lanes, batch=config.batch, scored=scored)


ADAM: Mapping[str, Any] = {  # Any: JSON values
    "optimizer": "adam",
    "betas": [0.9, 0.999],
    "eps": 1e-8,
    "weight_decay": 0.0,
    "loss": "mean squared error of standardised volatilities",
}

HESTON_SURFACE = Objective(
    name="heston_surface",
    title="Heston volatility surface (pricing network, from scratch)",
    help=(
        "A network with three hidden layers of 30 units learns the map from the five parameters of "
        "Heston's model to 88 implied volatilities, from 3,000 surfaces priced by the COS method. "
        "Validation and test surfaces come from seeds of their own and carry no noise. Annealing "
        "wins here: a tuned constant learning rate ends 1.3 to 1.9 times as far from the truth."
    ),
    metrics=(ERROR,),
    default_horizon=3_720,
    peak=PEAK,
    optimizer=ADAM,
    settings=lambda config: {"batch": config.batch},
    open=_open,
    config_type=Config,
    rungs=RUNGS,
    training_bytes=_training_bytes,
    needs=Needs(memory_mib=512),
    packages=JAX,
)
