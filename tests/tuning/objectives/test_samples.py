"""Samples of datasets: few values, no extreme lost, kept when a dataset is read."""

import math
from pathlib import Path

import numpy as np
import pytest

from tuning.objectives import samples
from tuning.objectives.bars import Bars, sp500
from tuning.objectives.dataset_files import dataset_id
from tuning.objectives.snapshots import Snapshots, transform

ID = dataset_id("0" * 64)


def bars(count: int, ratio: float = 1.1, per_day: int = 24) -> Bars:
    """Bars of one range, whose prices rise."""
    low = 100.0 + np.arange(count)
    times = np.arange(count, dtype=np.int64) * (86_400 // per_day)
    return Bars(times, low * ratio, low, low)


@pytest.mark.parametrize("count", [1, 2, 9, 999, 1000, 1001, 54_321])
def test_no_extreme_of_a_price_is_lost(count: int) -> None:
    """Whatever the length: few stretches, that begin with the first bar and hold all of them."""
    whole = bars(count)
    taken = samples.of_bars(whole)
    assert len(taken["seconds"]) == min(count, samples.POINTS)
    assert taken["seconds"][0] == whole.times[0]
    assert taken["close"][-1] == whole.close[-1]
    assert taken["low"].min() == whole.low.min()
    assert taken["high"].max() == whole.high.max()
    assert (taken["low"] <= taken["close"]).all()
    assert (taken["close"] <= taken["high"]).all()


@pytest.mark.parametrize("per_day", [1, 24])
def test_the_volatility_is_that_of_a_day(per_day: int) -> None:
    """Parkinson's, by hand: all bars have the same range."""
    taken = samples.of_bars(bars(500, ratio=1.1, per_day=per_day))
    expected = math.log(1.1) / math.sqrt(4 * math.log(2)) * math.sqrt(per_day)
    assert taken["volatility"] == pytest.approx(expected)
    assert taken["days"] == min(samples.DAYS, 500 // samples.FEWEST / per_day)


def test_the_volatility_of_real_prices_is_what_it_was() -> None:
    """The crisis of 2008 is the highest of two decades of the S&P 500."""
    taken = samples.of_bars(sp500())
    peak = np.datetime64(int(taken["seconds"][taken["volatility"].argmax()]), "s")
    assert np.datetime64("2008-09-15") < peak < np.datetime64("2008-12-31")


def test_the_last_snapshot_is_told_as_it_was_quoted() -> None:
    """Moneyness and maturity come back; what is missing of a snapshot is left out."""
    moneyness = np.array([[-0.2, 0.0, 0.3], [-0.1, 0.1, 0.0]])
    maturity = np.array([[0.25, 0.25, 1.0], [0.02, 2.0, 1.0]])
    weights = np.array([[1.0, 1.0, 1.0], [0.5, 1.5, 0.0]])
    vols = np.array([[0.5, 0.4, 0.6], [0.8, 0.4, 0.0]])
    names = ("2024-01-01T00:00:00", "2024-01-02T00:00:00")
    whole = Snapshots(names, transform(moneyness, maturity), vols, weights, vols * np.nan)
    taken = samples.of_quotes(whole)
    assert taken["moneyness"] == pytest.approx([-0.1, 0.1])
    assert taken["maturity"] == pytest.approx([0.02, 2.0])
    assert taken["vol"].tolist() == [0.8, 0.4]
    assert taken["moment"].tolist() == ["2024-01-02T00:00:00"]
    assert taken["level"] == pytest.approx([0.5, 0.5])
    assert taken["quotes"].tolist() == [3, 2]
    assert taken["moments"].tolist() == list(names)


def test_a_sample_is_found_where_it_was_kept(tmp_path: Path) -> None:
    """And nowhere else; without a folder nothing is."""
    taken = samples.of_bars(bars(10))
    assert samples.find(ID, tmp_path) is None
    samples.keep(taken, ID, tmp_path)
    found = samples.find(ID, tmp_path)
    assert found is not None
    assert {name: values.tolist() for name, values in found.items()} == {
        name: values.tolist() for name, values in taken.items()
    }
    samples.keep(taken, ID, None)
    assert samples.find(ID, None) is None
    assert samples.find(dataset_id("1" * 64), tmp_path) is None
