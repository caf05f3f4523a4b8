"""A training that takes one second and no processor: what remains of a study is overhead."""

import time
from collections.abc import Mapping

from tuning.objectives.base import Floats
from tuning.objectives.own import model_objective

SECONDS = 1.0
HORIZON = 20


class Sleeper:
    """A model whose loss is the distance of its mean learning rate from 0.1."""

    def __init__(self) -> None:
        self._sum, self._made = 0.0, 0

    def train(self, lrs: Floats) -> None:
        """Sleep for the updates' share of the second."""
        time.sleep(SECONDS * len(lrs) / HORIZON)
        self._sum += float(lrs.sum())
        self._made += len(lrs)

    def evaluate(self, split: str) -> Mapping[str, float]:
        """The distance, on every split."""
        del split
        return {"loss": abs(self._sum / max(1, self._made) - 0.1) + 0.01}


OBJECTIVES = {
    "second": model_objective(
        lambda _: Sleeper(),
        name="second",
        horizon=HORIZON,
        peak=(1e-3, 1.0),
        measurements=4,
        optimizer={"optimizer": "none"},
    )
}
