"""Quotes of a user's file: what is read, what is refused and where."""

from pathlib import Path

import numpy as np
import pytest

from tuning.errors import DataError
from tuning.objectives.quotes import SPREAD_FLOOR, read

HEADER = "ts,expiry,strike,cp,bid,ask,forward,ttm,iv_bid,iv_mid,iv_ask"
LATER = "2026-01-02T00:00:00Z,2026-02-01,110,C,0.1,0.2,100,0.25,0.58,0.60,0.62"
EARLIER = "2026-01-01T00:00:00Z,2026-02-01,110,call,0.1,0.2,100,0.25,0.50,0.51,0.52"
OTHER = "2026-01-02T00:00:00Z,2026-02-01,90,P,0.1,0.2,100,0.25,0.64,0.66,0.72"


def written(folder: Path, *lines: str) -> Path:
    """A file of those lines under the header."""
    path = folder / "quotes.csv"
    path.write_text("\n".join([HEADER, *lines]))
    return path


def test_rows_of_one_moment_are_a_snapshot(tmp_path: Path) -> None:
    """Moments come in rising order, whatever the file's; short snapshots are padded."""
    path = read(written(tmp_path, LATER, OTHER, EARLIER))

    assert path.names == ("2026-01-01T00:00:00", "2026-01-02T00:00:00")
    assert path.counts == (1, 2)
    assert path.vols.tolist() == [[0.51, 0.0], [0.66, 0.60]]
    assert path.inputs[1, 1].tolist() == pytest.approx(
        [np.log(1.1) / 0.5, (np.log(0.25) + 2) / 1.5]
    )


def test_persistence_is_of_the_same_instrument(tmp_path: Path) -> None:
    """The earlier volatility is matched by expiry, strike and kind; a new instrument has none."""
    path = read(written(tmp_path, LATER, OTHER, EARLIER))

    assert np.isnan(path.earlier[1, 0])
    assert path.earlier[1, 1] == 0.51
    assert path.persistence()[1] == pytest.approx(0.09)


def test_a_wide_quote_weighs_less(tmp_path: Path) -> None:
    """Weights are inverse squares of half-spreads above a floor, of mean 1 in each snapshot."""
    weights = read(written(tmp_path, LATER, OTHER, EARLIER)).weights

    precision = 1 / (np.array([0.04, 0.02]) ** 2 + SPREAD_FLOOR**2)
    assert weights[0].tolist() == [1.0, 0.0]
    assert weights[1] == pytest.approx(precision / precision.mean())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (LATER.replace("0.60", "0.70"), "line 3: not bid <= mid <= ask <= 10"),
        (LATER.replace(",110,", ",-110,"), "line 3, column strike: '-110' is not a positive"),
        (LATER.replace(",C,", ",X,"), "line 3, column cp: 'X' is not c or call or p or put"),
        (LATER.replace("2026-01-02T", "someday T"), "line 3, column ts: 'someday T00"),
        (LATER.replace(",0.25,", ",nan,"), "line 3, column ttm: 'nan' is not a positive"),
        (EARLIER, "line 3: the same quote as in line 2"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    """The message says which line, which column and what stood there."""
    with pytest.raises(DataError, match=message.replace("<", ".")):
        read(written(tmp_path, EARLIER, line))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """A file without volatilities is no file of quotes."""
    path = tmp_path / "bars.csv"
    path.write_text("ts,open,high\n1,2,3")
    with pytest.raises(DataError, match="no column for expiry"):
        read(path)
