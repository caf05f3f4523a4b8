"""A descent that takes as long as its study asks, asleep: many at once need no processor."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tuning.objectives.base import Floats
from tuning.objectives.own import Assignment, model_objective

MEASUREMENTS = 5
HASTE = 1.0  # paces are divided by it; a test that trains alone may set it


@dataclass(frozen=True)
class Pace:
    """How long a training takes at least."""

    seconds: float = 0.05


class Stroll:
    """A bowl with noise."""

    def __init__(self, assignment: Assignment) -> None:
        pace = assignment.config
        assert isinstance(pace, Pace)
        self._pause = pace.seconds / HASTE / MEASUREMENTS
        self._random = np.random.default_rng(assignment.seed)
        self._weight = np.full(3, 2.0)

    def train(self, lrs: Floats) -> None:
        """Descend, slowly."""
        time.sleep(self._pause)
        for lr in lrs:
            self._weight = self._weight - lr * (self._weight + self._random.normal(size=3))

    def evaluate(self, split: str) -> Mapping[str, float]:
        """Height."""
        del split
        return {"loss": float(self._weight @ self._weight)}


OBJECTIVES = {
    "stroll": model_objective(
        Stroll,
        name="stroll",
        horizon=40,
        peak=(1e-3, 1.0),
        config_type=Pace,
        measurements=MEASUREMENTS,
    )
}
