"""Linear regression on walk-forward folds by scikit-learn's stochastic gradient descent.

The one idea: an update is one `SGDRegressor.partial_fit` on a minibatch, with `eta0` set to the
schedule's value; every fold has its own regressor and they advance together, so a run is one
training per fold. Batches come in an order drawn from (seed, fold) alone: two schedules under one
seed see the same rows at the same update, whatever else is trained.
Not here: what the folds hold (`tuning.objectives.volatility`). This leaf imports scikit-learn and
is imported only to train.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.linear_model import SGDRegressor

from tuning.objectives.base import Floats
from tuning.objectives.volatility import Fold
from tuning.seeds import derive


def batches(seed: int, rows: int, size: int) -> Iterator[NDArray[np.intp]]:
    """Indices of `size` rows per update, without end: each epoch is a fresh permutation.

    An epoch's last rows go together with the next one's first, so that every batch is full.

    >>> drawn = batches(7, rows=5, size=2)
    >>> sorted(np.concatenate([next(drawn) for _ in range(5)]).tolist())
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    """
    # Not `tuning.objectives.batches.Permutations`, whose epochs have a generator each: that would
    # be another order, hence other bits of every stored result of this objective.
    generator = np.random.default_rng(seed)
    waiting = np.empty(0, dtype=np.intp)
    while True:
        while len(waiting) < size:
            waiting = np.concatenate([waiting, generator.permutation(rows)])
        yield waiting[:size]
        waiting = waiting[size:]


class FoldRegression:
    """One regressor in training on one fold."""

    def __init__(self, fold: Fold, seed: int, batch: int, l2: float) -> None:
        self._fold = fold
        self._batches = batches(seed, len(fold.targets), batch)
        self._model = SGDRegressor(
            learning_rate="constant", alpha=l2, shuffle=False, random_state=0
        )
        self._lr = np.nan
        self._overflowed = False

    def update(self, lr: float) -> None:
        """Descend along the next batch, row by row, with the step size `lr`."""
        batch = next(self._batches)  # drawn even if unused: the order must not depend on lr
        if lr == 0 or self._overflowed:  # scikit-learn refuses a step size of 0
            return
        if lr != self._lr:
            self._model.eta0 = lr  # what set_params(eta0=lr) does, at a tenth of its cost
            self._lr = lr
        try:
            self._model.partial_fit(self._fold.inputs[batch], self._fold.targets[batch])
        except ValueError as error:
            if "overflow" not in str(error):
                raise
            self._overflowed = True

    def loss(self) -> float:
        """Mean squared error on the scored rows, in units of log variance squared."""
        if self._overflowed:
            return np.inf
        with np.errstate(over="ignore", invalid="ignore"):
            forecast = self._forecast() * self._fold.scale + self._fold.centre
            return float(np.mean((forecast - self._fold.scored_targets) ** 2))

    def _forecast(self) -> Floats:
        """Standardised forecasts of the scored rows."""
        inputs = self._fold.scored_inputs
        forecast = np.zeros(len(inputs))
        if hasattr(self._model, "coef_"):  # before the first update all weights are zero
            forecast += self._model.intercept_[0]
            # Not a BLAS product: its last bits depend on the number of threads.
            for column, weight in zip(inputs.T, self._model.coef_, strict=True):
                forecast += column * weight
        return forecast


class WalkForward:
    """A `tuning.objectives.lanes.Model`: one regression per fold of every split."""

    def __init__(
        self, folds: Mapping[str, Sequence[Fold]], seed: int, batch: int, l2: float
    ) -> None:
        self._folds = folds
        self._regressions = {
            split: [
                FoldRegression(fold, derive(seed, "order", split, number), batch, l2)
                for number, fold in enumerate(folds[split])
            ]
            for split in folds
        }

    def train(self, lrs: Floats) -> None:
        """Advance every fold by one update per learning rate in `lrs`, of shape (chunk,)."""
        # Folds are finite and validated once; checking every batch again doubles the time.
        with config_context(assume_finite=True, skip_parameter_validation=True):
            for regressions in self._regressions.values():
                for regression in regressions:
                    for lr in lrs.tolist():
                        regression.update(lr)

    def evaluate(self, split: str) -> Mapping[str, float]:
        """`mse`, the mean over folds, and `skill`, 1 - mse / mse of the naive forecast."""
        mse = float(np.mean(self.block_losses(split)))
        naive = float(np.mean([fold.persistence for fold in self._folds[split]]))
        return {"mse": mse, "skill": 1 - mse / naive}

    def block_losses(self, split: str) -> Sequence[float]:
        """Mean squared error of every fold."""
        return [regression.loss() for regression in self._regressions[split]]
