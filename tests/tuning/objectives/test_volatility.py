"""Folds never look ahead: what happens after a time changes nothing before it."""

from dataclasses import fields, replace

import numpy as np
import pytest

from tuning.errors import DataError
from tuning.objectives.bars import Bars
from tuning.objectives.volatility import Fold, log_variance, rows, trailing_mean, walk_forward

COUNT, TARGET, EDGES = 500, 5, (300, 350, 400, 450)


def make_bars(count: int = COUNT, seconds: int = 86_400) -> Bars:
    """Bars of a random walk."""
    generator = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(0.01 * generator.normal(size=count)))
    spread = np.exp(0.01 * generator.gamma(2.0, size=count))
    return Bars(np.arange(count) * seconds, close * spread, close / spread, close)


def shaken_from(bars: Bars, first: int) -> Bars:
    """The same bars with other prices from row `first` on."""
    factor = np.ones(len(bars))
    factor[first:] = np.linspace(2, 3, len(bars) - first)
    return replace(
        bars, high=bars.high * factor**2, low=bars.low * factor, close=bars.close * factor
    )


def identical(one: Fold, other: Fold) -> bool:
    """Whether two folds agree to the last bit in every field."""
    return all(
        np.array_equal(getattr(one, field.name), getattr(other, field.name))
        for field in fields(Fold)
    )


def test_log_variance_is_parkinsons() -> None:
    """V = log(ln(high / low)^2 / (4 ln 2)); no range counts as a basis point."""
    bars = Bars(np.arange(2), np.array([np.e, 1.0]), np.array([1.0, 1.0]), np.ones(2))

    assert log_variance(bars) == pytest.approx(
        [-np.log(4 * np.log(2)), np.log(1e-8 / (4 * np.log(2)))], rel=1e-12
    )


def test_features_and_target_of_one_row() -> None:
    """A row's features are means and returns of its past, its target the mean of its future."""
    bars, t = make_bars(), 200
    data, variance, prices = rows(make_bars(), TARGET), log_variance(bars), np.log(bars.close)

    means = [variance[t + 1 - length : t + 1].mean() for length in (1, 5, 22, 66)]
    returns = [prices[t] - prices[t - 1], prices[t] - prices[t - 5]]
    assert data.inputs[t] == pytest.approx([*means, *returns, float(returns[0] < 0)], rel=1e-9)
    assert data.targets[t] == pytest.approx(variance[t + 1 : t + 1 + TARGET].mean(), rel=1e-9)
    assert data.persistence[t] == pytest.approx(variance[t + 1 - TARGET : t + 1].mean(), rel=1e-9)


def test_rows_without_enough_past_or_future_are_unknown() -> None:
    """Nothing is made up at either end of the data."""
    data = rows(make_bars(), TARGET)
    known = ~(np.isnan(data.inputs).any(axis=1) | np.isnan(data.targets))

    assert np.flatnonzero(known)[[0, -1]].tolist() == [65, COUNT - 1 - TARGET]


@pytest.mark.parametrize("first", [100, 350, 499])
def test_the_future_does_not_change_features(first: int) -> None:
    """Altering bars from a row on leaves every earlier feature and finished target alone."""
    bars = make_bars()
    before, after = rows(bars, TARGET), rows(shaken_from(bars, first), TARGET)

    assert np.array_equal(before.inputs[:first], after.inputs[:first], equal_nan=True)
    ended = first - TARGET
    assert np.array_equal(before.targets[:ended], after.targets[:ended], equal_nan=True)
    assert not np.array_equal(before.inputs[first:], after.inputs[first:])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_what_is_scored_does_not_change_what_is_trained_on(number: int) -> None:
    """Altering bars from a fold's first scored row on leaves its training set and scaling alone."""
    bars = make_bars()
    shaken = shaken_from(bars, EDGES[number])
    before, after = (
        walk_forward(some, rows(some, TARGET), EDGES, TARGET)[number] for some in (bars, shaken)
    )

    assert np.array_equal(before.inputs, after.inputs)
    assert np.array_equal(before.targets, after.targets)
    assert (before.centre, before.scale) == (after.centre, after.scale)
    assert not np.array_equal(before.scored_inputs, after.scored_inputs)


def test_later_folds_do_not_change_earlier_ones() -> None:
    """A whole fold, its scored rows included, knows nothing of bars from its end on."""
    bars = make_bars()
    for number, end in enumerate(EDGES[1:]):
        shaken = shaken_from(bars, end)
        before, after = (
            walk_forward(some, rows(some, TARGET), EDGES, TARGET) for some in (bars, shaken)
        )
        assert all(identical(before[i], after[i]) for i in range(number + 1))


def test_scaling_is_fitted_on_training_rows_only() -> None:
    """Training inputs and targets have mean 0 and deviation 1, scored ones have not."""
    bars = make_bars()
    fold = walk_forward(bars, rows(bars, TARGET), EDGES, TARGET)[0]

    assert fold.inputs.mean(axis=0) == pytest.approx(np.zeros(7), abs=1e-9)
    assert fold.inputs.std(axis=0) == pytest.approx(np.ones(7), rel=1e-9)
    assert (fold.targets.mean(), fold.targets.std()) == pytest.approx((0, 1), abs=1e-9)
    assert abs(fold.scored_inputs.std(axis=0) - 1).max() > 1e-3


def test_the_embargo_separates_training_from_scoring() -> None:
    """A longer embargo takes away exactly that many rows at the end of both sets."""
    bars = make_bars()
    short, long = (walk_forward(bars, rows(bars, TARGET), EDGES, bars_)[0] for bars_ in (5, 12))

    assert len(short.inputs) == EDGES[0] - 65 - 5
    assert len(short.inputs) - len(long.inputs) == 7
    assert len(short.scored_targets) == EDGES[1] - EDGES[0] - 5
    assert len(short.scored_targets) - len(long.scored_targets) == 7


def test_a_constant_feature_is_harmless() -> None:
    """Bars that all have one range give zeros, not NaN."""
    bars = make_bars()
    flat = replace(bars, high=bars.close * 1.01, low=bars.close)
    fold = walk_forward(flat, rows(flat, TARGET), EDGES, TARGET)[0]

    assert np.isfinite(fold.inputs).all()
    assert np.isfinite(fold.targets).all()


def test_too_few_bars_are_refused() -> None:
    """A fold that cannot be trained is an error, with the numbers."""
    bars = make_bars(120)

    with pytest.raises(DataError, match="120 bars leave 34 rows to train"):
        walk_forward(bars, rows(bars, TARGET), (104, 115), TARGET)


def test_a_mean_over_more_than_there_is_is_unknown() -> None:
    """A window longer than the data gives NaN everywhere."""
    assert np.isnan(trailing_mean(np.ones(3), 5)).all()
