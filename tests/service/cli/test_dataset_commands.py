"""`glideslope dataset`: upload, list, show, delete, and what goes wrong."""

import json
from pathlib import Path

import pytest

from tests.service.cli.conftest import Command

pytestmark = pytest.mark.usefixtures("there")

BARS = "date,High,Low,Close\n2020-01-02,3,2,2.5\n2020-01-01,2,1,1.5\n"


def test_a_dataset_comes_and_goes(glideslope: Command, tmp_path: Path) -> None:
    """By its id, which is told, for people and programs."""
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    added = json.loads(glideslope("dataset", "add", str(path), "--json").out)
    assert (added["name"], added["rows"], added["kind"]) == ("bars.csv", 2, "ohlcv")
    assert json.loads(glideslope("dataset", "show", added["id"], "--json").out) == added
    assert json.loads(glideslope("dataset", "list", "--json").out) == {"items": [added]}
    shown = glideslope("dataset", "show", added["id"]).out
    assert "2020-01-01T00:00:00+00:00 to 2020-01-02" in shown
    assert "86,400 s" in shown
    assert added["id"] in glideslope("dataset", "list").out
    assert glideslope("dataset", "delete", added["id"]).code == 0
    assert json.loads(glideslope("dataset", "list", "--json").out) == {"items": []}
    gone = glideslope("dataset", "show", added["id"])
    assert (gone.code, "404" in gone.err) == (2, True)


def test_a_bad_table_is_told_row_by_row(glideslope: Command, tmp_path: Path) -> None:
    """With column and value, without a traceback."""
    path = tmp_path / "bars.csv"
    path.write_text(BARS.replace("2.5", "x").replace("1.5", "-1"))
    ended = glideslope("dataset", "add", str(path))
    assert ended.code == 2
    assert "/line_2/Close: 'x' is not a positive number" in ended.err
    assert "/line_3/Close: '-1' is not a positive number" in ended.err


def test_mistakes_are_told(glideslope: Command, tmp_path: Path) -> None:
    """A kind that there is not, and a file that there is not."""
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    ended = glideslope("dataset", "add", str(path), "--kind", "bars")
    assert (ended.code, "--kind" in ended.err) == (2, True)
    ended = glideslope("dataset", "add", str(tmp_path / "none.csv"))
    assert (ended.code, "none.csv" in ended.err) == (1, True)
