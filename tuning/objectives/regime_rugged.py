"""Follow an optimum that jumps on a landscape full of poor local optima.

The one idea: the objective where cycles win, and why. Coming down once leaves the walkers stuck
when the optimum jumps, a constant learning rate must be a compromise, and a cycle in step with the
jumps crosses the landscape first and settles then; one that is out of step loses. With irregular
jumps no cycle can be in step: the honest control, where a well-tuned constant is at least as good.
Not here: the landscape and the walk (`tuning.objectives.rugged`).
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

from tuning.errors import InvalidValue
from tuning.objectives.base import TEST, VALIDATION, Folders, Objective, Score, Trainer
from tuning.objectives.needs import Needs
from tuning.objectives.rugged import (
    CLIP,
    DIMENSIONS,
    PIECE,
    PITS,
    REACH,
    RuggedTrainer,
    World,
)
from tuning.records import Direction, Metric
from tuning.schedules.limits import Flag, Integer, Number, settle

MAX_JUMPS = 1_000
MAX_REPLICAS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Settings of `regime_rugged`.

    Args:
        jumps: how often the optimum is drawn anew, the first time before the first update; evenly
            over the horizon, whatever that is.
        irregular: whether it jumps at random times instead, the same for all schedules of a seed.
        noise: standard deviation of each component of a gradient.
        replicas: walkers that a run averages, each with an optimum of its own.
    """

    jumps: Annotated[int, Integer(1, MAX_JUMPS)] = 8
    irregular: Annotated[bool, Flag()] = False
    noise: Annotated[float, Number(0.0, 1e3)] = 2.0
    replicas: Annotated[int, Integer(1, MAX_REPLICAS)] = 200

    def __post_init__(self) -> None:
        """Refuse values outside their range, naming the field."""
        settle(self, "config")


@dataclass(frozen=True, slots=True)
class RegimeRuggedProblem:
    """Worlds to be drawn: validation and test are worlds of their own."""

    config: Config

    @property
    def data_hash(self) -> str:
        """Hash of all numbers that worlds are drawn from."""
        numbers = [DIMENSIONS, PITS, REACH, CLIP, asdict(self.config)]
        return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """The stretches between jumps."""
        names = tuple(f"jump {number + 1}" for number in range(self.config.jumps))
        return dict.fromkeys((VALIDATION, TEST), names)

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One lane of walkers per seed, in the worlds of the one split of `splits`."""
        if len(splits) != 1:
            raise InvalidValue("splits", splits, "one split: each has a training of its own")
        config = self.config
        worlds = {
            seed: World.draw(
                seed,
                splits[0],
                horizon,
                jumps=config.jumps,
                irregular=config.irregular,
                walkers=config.replicas,
            )
            for seed in seeds
        }
        return RuggedTrainer(worlds, seeds, config.noise)


def _open(config: Config, folders: Folders) -> RegimeRuggedProblem:
    del folders
    return RegimeRuggedProblem(config)


def _training_bytes(problem: RegimeRuggedProblem, lanes: int, horizon: int) -> int:
    """The world and losses of every lane, and a piece's noise, path and temporaries."""
    values = problem.config.replicas * DIMENSIONS
    lane = values * (problem.config.jumps + 4) + 2 * horizon
    piece = min(PIECE, -(-horizon // REGIME_RUGGED.measurements))
    return 8 * (lanes * lane + values * (5 * piece + 10))


REGIME_RUGGED = Objective(
    name="regime_rugged",
    title="Rugged landscape, jumping optimum",
    help=(
        "SGD in four dimensions on a bowl full of local optima whose centre jumps eight times, "
        "evenly over the horizon; the mean loss over the whole life counts, averaged over 200 "
        "walkers. Zero is a lower bound that nobody reaches. Cosine cycles whose count is the "
        "number of jumps win by a wide margin, neighbouring counts lose, and annealing over the "
        "whole life is worst. With irregular jumps no cycle beats a well-tuned constant."
    ),
    metrics=(
        Metric("loss", Direction.MINIMIZE, help="mean loss of the iterates over the whole life"),
    ),
    default_horizon=4_000,
    peak=(1e-2, 1.0),
    optimizer={"optimizer": "sgd", "momentum": 0.0, "clip_value": CLIP},
    config_type=Config,
    open=_open,
    score=Score("mean"),
    # Jumps scale with the horizon. Measured on 23 shapes: Kendall's tau with the full horizon is
    # 0.97 at half and 0.94 at a quarter, and none of the best three is lost.
    rungs=(0.25, 0.5),
    trains_per_split=True,
    training_bytes=_training_bytes,
    needs=Needs(memory_mib=256),
)
