"""Training folds by SGD: the update, the data order, and overflow."""

from collections.abc import Iterable
from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray

from tuning.objectives.base import Floats
from tuning.objectives.sgd import FoldRegression, WalkForward, batches
from tuning.objectives.volatility import Fold


def make_fold(seed: int = 0, count: int = 50) -> Fold:
    """A small fold of random numbers."""
    generator = np.random.default_rng(seed)
    draw = generator.normal
    return Fold(
        "f", draw(size=(count, 3)), draw(size=count), draw(size=(9, 3)), draw(size=9), 2.0, 0.5, 3.0
    )


def descend(
    fold: Fold,
    order: Iterable[NDArray[np.intp]],
    lrs: Floats,
    l2: float,
) -> float:
    """The same training, typed out: row by row, w <- (1 - lr l2) w - lr (w x + b - y) x."""
    weights, intercept = np.zeros(3), 0.0
    for lr, batch in zip(lrs, order, strict=False):
        for row in batch:
            error = weights @ fold.inputs[row] + intercept - fold.targets[row]
            weights = (1 - lr * l2) * weights - lr * error * fold.inputs[row]
            intercept -= lr * error
    forecast = (fold.scored_inputs @ weights + intercept) * fold.scale + fold.centre
    return float(np.mean((forecast - fold.scored_targets) ** 2))


@pytest.mark.parametrize("l2", [0.0, 1e-2])
def test_updates_equal_a_hand_written_descent(l2: float) -> None:
    """scikit-learn's training under a schedule agrees with the formula to 1e-12."""
    fold, lrs = make_fold(), np.linspace(0.05, 0.0, 40)
    regression = FoldRegression(fold, seed=3, batch=8, l2=l2)
    for lr in lrs:
        regression.update(float(lr))

    assert regression.loss() == pytest.approx(descend(fold, batches(3, 50, 8), lrs, l2), rel=1e-12)


def test_before_the_first_update_the_forecast_is_the_training_mean() -> None:
    """An untrained regression forecasts the centre of its training targets."""
    fold = make_fold()

    loss = FoldRegression(fold, seed=3, batch=8, l2=0.0).loss()
    assert loss == pytest.approx(np.mean((fold.centre - fold.scored_targets) ** 2))


def test_every_row_comes_once_an_epoch() -> None:
    """Batches are consecutive pieces of one permutation after the other, all full."""
    drawn = np.concatenate(list(islice(batches(7, 10, 4), 5)))

    assert sorted(drawn[:10]) == sorted(drawn[10:]) == list(range(10))
    assert list(drawn[:10]) != list(drawn[10:])


def test_a_batch_may_be_longer_than_an_epoch() -> None:
    """A batch larger than the training set holds rows more than once."""
    assert sorted(next(batches(7, 3, 6))) == [0, 0, 1, 1, 2, 2]


def test_the_order_depends_on_seed_and_fold_only() -> None:
    """Warming up from zero uses up batches like any update does."""
    fold, lrs = make_fold(), np.array([0.0, 0.0, 0.1, 0.1])
    regression = FoldRegression(fold, seed=3, batch=8, l2=0.0)
    for lr in lrs:
        regression.update(float(lr))

    assert regression.loss() == pytest.approx(descend(fold, batches(3, 50, 8), lrs, 0), rel=1e-12)


def test_folds_and_splits_have_orders_of_their_own() -> None:
    """Two equal folds are trained in different orders."""
    fold = make_fold()
    model = WalkForward({"validation": [fold, fold], "test": [fold]}, seed=1, batch=8, l2=0.0)
    model.train(np.full(10, 0.1))

    assert len({*model.block_losses("validation"), *model.block_losses("test")}) == 3


def test_overflow_is_an_infinite_loss_and_stays_so() -> None:
    """scikit-learn's complaint about overflow becomes a loss; later updates do not revive it."""
    model = WalkForward({"validation": [make_fold()]}, seed=1, batch=8, l2=0.0)
    model.train(np.full(5, 1e300))
    model.train(np.full(5, 1e-3))

    assert model.evaluate("validation") == {"mse": np.inf, "skill": -np.inf}


def test_skill_compares_with_the_naive_forecast() -> None:
    """Skill is 1 - mse / mse of persistence, both averaged over the folds."""
    model = WalkForward({"validation": [make_fold(), make_fold(1)]}, seed=1, batch=8, l2=0.0)
    metrics = model.evaluate("validation")

    assert metrics["mse"] == np.mean(model.block_losses("validation"))
    assert metrics["skill"] == 1 - metrics["mse"] / 2.0
