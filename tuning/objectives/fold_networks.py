"""One small network per walk-forward fold, trained side by side.

The one idea: a fold is a training problem of the engine of its own; all of them take the same
learning rates, so a run is one training per fold.
Not here: what the folds hold (`tuning.objectives.volatility`). This leaf imports JAX and is
imported only to train.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from tuning.objectives.base import Floats
from tuning.objectives.batches import Indices, Permutations
from tuning.objectives.networks import Mlp, SquaredError, Weights
from tuning.objectives.scan import Recipe, Scan, Split
from tuning.objectives.volatility import Fold
from tuning.seeds import derive

SCORED = "scored"


@dataclass(frozen=True, slots=True, weakref_slot=True)  # JAX keeps weak references to functions
class ForecastError:
    """Mean squared error of a fold's forecasts, in units of log variance squared."""

    network: Mlp

    def __call__(
        self, weights: Weights, rows: tuple[jax.Array, ...]
    ) -> tuple[Mapping[str, jax.Array], jax.Array]:
        """The error as metric and as one block."""
        inputs, targets, centre, scale = rows
        forecast = self.network(weights, inputs)[:, 0] * scale + centre
        error = jnp.mean((forecast - targets) ** 2)
        return {"mse": error}, error[None]


@dataclass(frozen=True, slots=True)
class FoldOrder:
    """Permutations of a fold's own, from the lane's seed."""

    split: str
    number: int
    permutations: Permutations

    def __call__(self, seed: int, first: int, last: int) -> Indices:
        """Rows of updates `first` to `last` - 1."""
        return self.permutations(derive(seed, "order", self.split, self.number), first, last)


class FoldNetworks:
    """A `Trainer`: per lane one network for each fold of every split.

    Args:
        folds: per split.
        seeds: one lane each.
        hidden: units of the hidden layer.
        batch: rows per update.
    """

    def __init__(
        self, folds: Mapping[str, Sequence[Fold]], seeds: Sequence[int], hidden: int, batch: int
    ) -> None:
        self._folds = folds
        self._scans = {
            split: [
                Scan(_recipe(fold, split, number, hidden, batch), seeds)
                for number, fold in enumerate(folds[split])
            ]
            for split in folds
        }

    def train(self, lrs: Floats) -> None:
        """Advance every fold by one update per column of `lrs`, of shape (lanes, chunk)."""
        for scans in self._scans.values():
            for scan in scans:
                scan.train(lrs)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """`mse`, the mean over folds, and `skill`, 1 - mse / mse of the naive forecast."""
        mse = self.block_losses(split).mean(axis=1)
        naive = float(np.mean([fold.persistence for fold in self._folds[split]]))
        return {"mse": mse, "skill": 1 - mse / naive}

    def block_losses(self, split: str) -> Floats:
        """Mean squared error of every fold, of shape (lanes, folds)."""
        return np.hstack([scan.block_losses(SCORED) for scan in self._scans[split]])

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these positions, given in rising order."""
        for scans in self._scans.values():
            for scan in scans:
                scan.keep(lanes)


def _recipe(fold: Fold, split: str, number: int, hidden: int, batch: int) -> Recipe:
    network = Mlp((fold.inputs.shape[1], hidden, 1), "tanh")
    constants = np.array(fold.centre), np.array(fold.scale)
    return Recipe(
        init=lambda seed: network.init(derive(seed, "weights", split, number)),
        loss=SquaredError(network),
        rows=(fold.inputs, fold.targets[:, None]),
        order=FoldOrder(split, number, Permutations(len(fold.targets), batch)),
        splits={
            SCORED: Split(
                (fold.scored_inputs, fold.scored_targets, *constants), ForecastError(network)
            )
        },
    )
