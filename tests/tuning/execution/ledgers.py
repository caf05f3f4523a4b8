"""Trainers whose figures are known beforehand, and that write down what they were asked.

A lane's loss is `LOSSES[seed]` of the updates made and the sum of the learning rates used.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tuning.objectives import Objective, Problem, Trainer
from tuning.objectives.base import Floats
from tuning.records import Metric

BLOCKS = {"validation": ("a", "b"), "test": ("a", "b")}
LOSSES: Mapping[int, Callable[[int, float], float]] = {
    0: lambda updates, _: float(updates),
    1: lambda updates, _: 100.0 / (1 + updates),
    2: lambda _, total: 1.0 + total,
    3: lambda *_: 1.0,
    4: lambda updates, _: np.nan if updates > 3 else 1.0,
}


@dataclass
class LedgerTrainer:
    """Counts updates and sums learning rates; keeps the rates of every lane by seed."""

    seeds: list[int]
    horizon: int
    splits: tuple[str, ...]
    reads: list[str] = field(default_factory=list)
    used: dict[int, list[float]] = field(default_factory=dict)
    updates: int = 0

    def train(self, lrs: Floats) -> None:
        """Write down."""
        self.updates += lrs.shape[1]
        for seed, row in zip(self.seeds, lrs.tolist(), strict=True):
            self.used.setdefault(seed, []).extend(row)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """The formula, the same on every split."""
        self.reads.append(split)
        losses = [LOSSES[seed](self.updates, sum(self.used.get(seed, []))) for seed in self.seeds]
        return {"loss": np.array(losses)}

    def block_losses(self, split: str) -> Floats:
        """The loss on both blocks."""
        return np.repeat(self.evaluate(split)["loss"][:, None], 2, axis=1)

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop the others."""
        self.seeds = [self.seeds[lane] for lane in lanes]


@dataclass
class LedgerProblem:
    """Keeps its trainers."""

    made: list[LedgerTrainer] = field(default_factory=list)
    data_hash: str = ""
    blocks: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: BLOCKS)

    def trainer(self, seeds: Sequence[int], horizon: int, splits: tuple[str, ...]) -> Trainer:
        """One more."""
        self.made.append(LedgerTrainer(list(seeds), horizon, splits))
        return self.made[-1]


@dataclass
class PacedProblem(LedgerProblem):
    """Three updates belong together."""

    unit: int = 3


@dataclass
class SegmentedProblem(LedgerProblem):
    """The test split lasts for half as long."""

    def horizon(self, split: str, horizon: int) -> int:
        """Updates of the training scored on `split`."""
        return horizon if split == "validation" else horizon // 2


def ledger(problem: Problem, **changes: Any) -> Objective:  # noqa: ANN401 # fields of it
    """An objective that opens this problem."""
    objective = Objective(
        name="ledger",
        title="Ledger",
        help="Writes down.",
        metrics=(Metric("loss"),),
        default_horizon=10,
        peak=(1e-3, 1.0),
        measurements=4,
        optimizer={"optimizer": "none"},
        open=lambda *_: problem,
    )
    return replace(objective, **changes)
