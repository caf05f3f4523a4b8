"""A descent that takes its time: long enough to be killed in the middle."""

import time
from collections.abc import Mapping

import numpy as np

from tuning.objectives.base import Floats
from tuning.objectives.own import Assignment, model_objective

PAUSE_SECONDS = 0.15  # before each of five measurements; a test may shorten it


class Slope:
    """A bowl with noise."""

    def __init__(self, assignment: Assignment) -> None:
        self._random = np.random.default_rng(assignment.seed)
        self._weight = np.full(3, 2.0)

    def train(self, lrs: Floats) -> None:
        """Descend, slowly."""
        time.sleep(PAUSE_SECONDS)
        for lr in lrs:
            self._weight = self._weight - lr * (self._weight + self._random.normal(size=3))

    def evaluate(self, split: str) -> Mapping[str, float]:
        """Height."""
        del split
        return {"loss": float(self._weight @ self._weight)}


OBJECTIVES = {
    "slope": model_objective(Slope, name="slope", horizon=40, peak=(1e-3, 1.0), measurements=5)
}
