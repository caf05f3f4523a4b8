"""Log noise: measurements that miss the truth by a random factor, as real ones do.

The one idea: the factor is a function of schedule, seed, horizon and split, not of when or beside
what something was measured: whoever repeats a run finds what was found before, and two schedules
that differ in one bit are two draws. A problem without chance becomes one that a search must be
robust on, while the truth stays known.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tuning.objectives.base import Floats, Problem, Trainer
from tuning.seeds import derive


@dataclass(frozen=True, slots=True, eq=False)
class NoisyProblem:
    """A problem whose measurements are multiplied by exp(`deviation` z), z standard normal.

    Args:
        problem: the one that is measured; all its metrics are positive.
        deviation: of the logarithm.
    """

    problem: Problem
    deviation: float

    @property
    def data_hash(self) -> str | None:
        """The data's."""
        return self.problem.data_hash

    @property
    def blocks(self) -> Mapping[str, tuple[str, ...]]:
        """The problem's."""
        return self.problem.blocks

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """The problem's trainer, read through noise."""
        inner = self.problem.trainer(seeds, horizon, splits)
        return NoisyTrainer(inner, self.deviation, seeds, horizon)


class NoisyTrainer:
    """A trainer read through noise; training itself is untouched."""

    def __init__(
        self, trainer: Trainer, deviation: float, seeds: Sequence[int], horizon: int
    ) -> None:
        self._trainer = trainer
        self._deviation = deviation
        self._seeds = list(seeds)
        self._horizon = horizon
        self._tables = [hashlib.sha256() for _ in seeds]  # after the last update `table_sha256`

    def train(self, lrs: Floats) -> None:
        """Train, noting the learning rates."""
        for table, row in zip(self._tables, lrs, strict=True):
            table.update(np.ascontiguousarray(row, dtype="<f8").tobytes())
        self._trainer.train(lrs)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """Metrics, each times the lane's factor."""
        factors = self._factors(split)
        return {name: factors * values for name, values in self._trainer.evaluate(split).items()}

    def block_losses(self, split: str) -> Floats:
        """Losses per block, each times the lane's factor."""
        losses: Floats = self._factors(split)[:, None] * self._trainer.block_losses(split)
        return losses

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these."""
        self._trainer.keep(lanes)
        self._seeds = [self._seeds[lane] for lane in lanes]
        self._tables = [self._tables[lane] for lane in lanes]

    def _factors(self, split: str) -> Floats:
        normal = [
            np.random.default_rng(
                derive(seed, "log_noise", self._horizon, split, table.hexdigest())
            ).standard_normal()
            for seed, table in zip(self._seeds, self._tables, strict=True)
        ]
        return np.exp(self._deviation * np.array(normal))
