"""Lanes for free: a `Trainer` out of models that are trained one by one.

The one idea: whoever writes an objective writes one `Model`; several of them side by side, each
with its own weights and its own data order, are a trainer whose lanes cannot disturb each other.
Not here: trainers that gain speed by training all lanes in one array program.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from tuning.objectives.base import Arrays, Floats, Resumable, Trainer


class Model(Protocol):
    """One model in training."""

    def train(self, lrs: Floats) -> None:
        """Make one update with each of the learning rates `lrs`, of shape (chunk,)."""
        ...

    def evaluate(self, split: str) -> Mapping[str, float]:
        """Metrics of the last iterate on `split`, the compared one first."""
        ...


@runtime_checkable
class Blocked(Protocol):
    """A model that is scored on several blocks of a split."""

    def block_losses(self, split: str) -> Sequence[float]:
        """The compared metric on every block of `split`."""
        ...


def side_by_side(models: Sequence[Model]) -> Trainer:
    """A trainer of these models, which is `Resumable` if all of them are.

    >>> class Still:
    ...     def train(self, lrs): ...
    ...     def evaluate(self, split):
    ...         return {"loss": 0.5}
    >>> trainer = side_by_side([Still(), Still()])
    >>> trainer.evaluate("validation"), isinstance(trainer, Resumable)
    ({'loss': array([0.5, 0.5])}, False)
    """
    resumable = [model for model in models if isinstance(model, Resumable)]
    lanes = OneByOne(models)
    return lanes if len(resumable) < len(models) else ResumableLanes(lanes, resumable)


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
        return np.array([_losses(model, split) for model in self._models], dtype=np.float64)

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every model but these."""
        self._models = [self._models[lane] for lane in lanes]


class ResumableLanes:
    """A `Trainer` and `Resumable`: lanes one after the other, each of which can be put down.

    Args:
        lanes: trains the models.
        models: the same models.
    """

    def __init__(self, lanes: OneByOne, models: Sequence[Resumable]) -> None:
        self._lanes = lanes
        self._models = list(models)

    def train(self, lrs: Floats) -> None:
        """Train every model with its own row of `lrs`."""
        self._lanes.train(lrs)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """Metrics of every model, as arrays of shape (lanes,)."""
        return self._lanes.evaluate(split)

    def block_losses(self, split: str) -> Floats:
        """Losses of every model per block, of shape (lanes, blocks)."""
        return self._lanes.block_losses(split)

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every model but these."""
        self._lanes.keep(lanes)
        self._models = [self._models[lane] for lane in lanes]

    def state(self) -> Arrays:
        """The states of all models, which must be of equal shapes, with the lanes in front."""
        states = [model.state() for model in self._models]
        return {name: np.stack([state[name] for state in states]) for name in states[0]}

    def restore(self, state: Arrays) -> None:
        """Go on from what `state` returned."""
        for lane, model in enumerate(self._models):
            model.restore({name: np.array(array[lane]) for name, array in state.items()})


def _losses(model: Model, split: str) -> Sequence[float]:
    if isinstance(model, Blocked):
        return model.block_losses(split)
    compared, *_ = model.evaluate(split).values()
    return [compared]
