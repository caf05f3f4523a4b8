"""A user's module: a function, a class for one model and a trainer of all lanes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tuning.errors import InvalidValue
from tuning.objectives.base import Floats
from tuning.objectives.function import Run, function_objective
from tuning.objectives.own import Assignment, model_objective, trainer_objective


@dataclass(frozen=True)
class Config:
    """Settings of the bowls.

    Args:
        noise: of the gradient, from 0.
    """

    noise: float = 0.1

    def __post_init__(self) -> None:
        """Refuse what no gradient has."""
        if not self.noise >= 0:
            raise InvalidValue("config.noise", self.noise, "a number from 0")


def height(weights: np.ndarray, split: str) -> np.ndarray:
    """Of a bowl that the test split has moved a little."""
    return np.sum((weights - (0.01 if split == "test" else 0.0)) ** 2, axis=-1)


def descend(run: Run) -> None:
    """One model, one loop."""
    random, weights = np.random.default_rng(run.seed), np.ones(4)
    for step, lr in run:
        weights = weights - lr * (weights + run.config.noise * random.normal(size=4))
        if run.is_due(step):
            run.report(step, loss=height(weights, "validation"))
    if "test" in run.splits:
        run.report(run.horizon, split="test", loss=height(weights, "test"))


class Bowl:
    """The same as a class, with data: where it begins."""

    def __init__(self, assignment: Assignment) -> None:
        self.random = np.random.default_rng(assignment.seed)
        self.weights = assignment.data["start"]
        self.noise: float = assignment.config.noise

    def train(self, lrs: Floats) -> None:
        """Descend."""
        for lr in lrs:
            noise = self.noise * self.random.normal(size=4)
            self.weights = self.weights - lr * (self.weights + noise)

    def evaluate(self, split: str) -> Mapping[str, float]:
        """Height."""
        return {"loss": float(height(self.weights, split))}


class Bowls:
    """The same for all lanes at once."""

    def __init__(self, assignments: Sequence[Assignment]) -> None:
        self.random = [np.random.default_rng(one.seed) for one in assignments]
        self.weights = np.ones((len(assignments), 4))
        self.noise: float = assignments[0].config.noise

    def train(self, lrs: Floats) -> None:
        """Descend."""
        for column in lrs.T:
            noise = self.noise * np.stack([random.normal(size=4) for random in self.random])
            self.weights = self.weights - column[:, None] * (self.weights + noise)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """Heights."""
        return {"loss": height(self.weights, split)}

    def block_losses(self, split: str) -> Floats:
        """The same."""
        return self.evaluate(split)["loss"][:, None]

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop the others."""
        self.random = [self.random[lane] for lane in lanes]
        self.weights = self.weights[list(lanes)]


PEAK = (1e-3, 1.0)
OBJECTIVES = {
    one.name: one
    for one in (
        function_objective(descend, name="loop", horizon=30, peak=PEAK, config_type=Config),
        model_objective(
            Bowl,
            name="bowl",
            horizon=30,
            peak=PEAK,
            config_type=Config,
            data=lambda *_: {"start": np.ones(4)},
        ),
        trainer_objective(Bowls, name="bowls", horizon=30, peak=PEAK, config_type=Config),
    )
}
