"""A resumable objective that leaves a checkpoint after every chunk and counts its updates.

`SLOW_NOTES` names a file for the counts; with `SLOW_HANGS` the training waits for ever after that
many updates.
"""

import os
import threading
from collections.abc import Mapping

import numpy as np

from tuning.execution import checkpoints
from tuning.objectives import Score
from tuning.objectives.base import Arrays, Floats
from tuning.objectives.own import Assignment, model_objective

checkpoints.EVERY_SECONDS = 0.0


class Walk:
    """Descends a bowl with momentum and noise."""

    def __init__(self, assignment: Assignment) -> None:
        self.seed = assignment.seed
        self.weight, self.speed, self.done = np.ones(2), np.zeros(2), 0

    def train(self, lrs: Floats) -> None:
        """Descend."""
        for lr in lrs:
            if self.done == int(os.environ.get("SLOW_HANGS", "-1")):
                threading.Event().wait()
            noise = np.random.default_rng([self.seed, self.done]).normal(size=2)
            self.speed = 0.9 * self.speed + self.weight + 0.1 * noise
            self.weight = self.weight - lr * self.speed
            self.done += 1
        with open(os.environ["SLOW_NOTES"], "a", encoding="ascii") as notes:  # noqa: PTH123
            notes.write(f"{self.seed} {len(lrs)}\n")

    def evaluate(self, split: str) -> Mapping[str, float]:
        """Height."""
        del split
        return {"loss": float(self.weight @ self.weight)}

    def state(self) -> Arrays:
        """All of it."""
        return {"weight": self.weight, "speed": self.speed, "done": np.array(self.done)}

    def restore(self, state: Arrays) -> None:
        """Go on."""
        self.weight, self.speed, self.done = state["weight"], state["speed"], int(state["done"])


OBJECTIVES = {
    name: model_objective(
        Walk, name=name, horizon=40, peak=(1e-3, 0.5), measurements=20, score=score, **more
    )
    for name, score, more in (
        ("walk", Score(), {}),
        ("mean_walk", Score("mean", 0.2), {}),
        ("split_walk", Score(), {"trains_per_split": True}),
    )
}
