"""Lanes for free: a `Trainer` out of models that are trained one by one.

The one idea: whoever writes an objective writes one `Model`; several of them side by side, each
with its own weights and its own data order, are a trainer whose lanes cannot disturb each other.
Not here: trainers that gain speed by training all lanes in one array program.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from tuning.objectives.base import Floats


class Model(Protocol):
    """One model in training."""

    def train(self, lrs: Floats) -> None:
        """Make one update with each of the learning rates `lrs`, of shape (chunk,)."""
        ...

    def evaluate(self, split: str) -> Mapping[str, float]:
        """Metrics of the last iterate on `split`."""
        ...

    def block_losses(self, split: str) -> Sequence[float]:
        """The compared metric on every block of `split`."""
        ...


class OneByOne:
    """A `Trainer` whose lanes are trained one after the other."""

    def __init__(self, models: Sequence[Model]) -> None:
        self._models = list(models)

    def train(self, lrs: Floats) -> None:
        """Train every model with its own row of `lrs`."""
        for model, row in zip(self._models, lrs, strict=True):
            model.train(row)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """Metrics of every model, as arrays of shape (lanes,)."""
        metrics = [model.evaluate(split) for model in self._models]
        return {name: np.array([lane[name] for lane in metrics]) for name in metrics[0]}

    def block_losses(self, split: str) -> Floats:
        """Losses of every model per block, of shape (lanes, blocks)."""
        return np.array([model.block_losses(split) for model in self._models], dtype=np.float64)

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every model but these."""
        self._models = [self._models[lane] for lane in lanes]
