"""Tables: one reader of cells for text and Parquet, which holds no more than a row at a time."""

import gzip
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from tuning.errors import BadCell, BadTable, DataError
from tuning.objectives import bars, quotes, table_files, tables

ROLES = {"time": ("date",), "close": ("close",)}


def texts(path: Path) -> list[tuple[int, list[str]]]:
    """Numbers and cells of all rows."""
    table = tables.open_table(path, ROLES)
    return [(row.number, [row.cell(role) for role in ROLES]) for row in table.rows()]


def test_the_content_tells_what_a_file_is(tmp_path: Path) -> None:
    """A dataset has no name that ends in anything."""
    text = b"date,close\n2020-01-01,1\n"
    plain, packed = tmp_path / "plain", tmp_path / "packed"
    plain.write_bytes(text)
    packed.write_bytes(gzip.compress(text))
    parquet.write_table(pa.table({"date": ["2020-01-01"], "close": [1]}), tmp_path / "columns")

    assert texts(plain) == texts(packed) == [(2, ["2020-01-01", "1"])]
    assert texts(tmp_path / "columns") == [(1, ["2020-01-01", "1"])]
    formats = [table_files.format_of(tmp_path / name) for name in ("plain", "packed", "columns")]
    assert formats == ["csv", "csv.gz", "parquet"]


@pytest.mark.parametrize(
    "times",
    [
        pa.array([1577836800, 1577840400]),
        pa.array([1577836800000, 1577840400000], pa.timestamp("ms")),
        pa.array([1577836800 * 10**9, 1577840400 * 10**9 + 1], pa.timestamp("ns", "UTC")),
        pa.array(["2020-01-01T00:00:00Z", "2020-01-01T01:00:00Z"]),
    ],
    ids=["unix", "naive", "aware", "text"],
)
def test_parquet_holds_the_same_bars_as_text(tmp_path: Path, times: pa.Array) -> None:
    """Whatever type its moments have; other columns are not read."""
    shape = {"High": [2.5, 3.5], "Low": pa.array([1, 2], pa.int32()), "Close": [2.0, 2.1]}
    parquet.write_table(pa.table({"unix": times, "note": ["a", None], **shape}), tmp_path / "bars")
    text = "unix,High,Low,Close\n1577840400,3.5,2,2.1\n1577836800,2.5,1,2.0\n"
    (tmp_path / "bars.csv").write_text(text)

    assert bars.read(tmp_path / "bars").sha256 == bars.read(tmp_path / "bars.csv").sha256


def test_parquet_holds_the_same_quotes_as_text(tmp_path: Path) -> None:
    """Days as dates, and numbers as numbers."""
    header = "ts,expiry,strike,cp,forward,ttm,iv_bid,iv_mid,iv_ask"
    rows = ["2026-01-01,2026-02-01,110.0,C,100.0,0.25,0.5,0.51,0.52"]
    (tmp_path / "quotes.csv").write_text("\n".join([header, *rows]))
    day, expiry = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC).date()
    values = [day, expiry, 110.0, "C", 100.0, 0.25, 0.5, 0.51, 0.52]
    columns = {name: [value] for name, value in zip(header.split(","), values, strict=True)}
    parquet.write_table(pa.table(columns), tmp_path / "quotes")

    one, other = quotes.read(tmp_path / "quotes"), quotes.read(tmp_path / "quotes.csv")
    assert one.sha256 == other.sha256


def test_a_bad_cell_of_parquet_is_named_by_its_row(tmp_path: Path) -> None:
    """Rows are counted from 1; a missing value is an empty cell."""
    table = pa.table({"date": ["2020-01-01", "2020-01-02"], "close": [1.0, None]})
    parquet.write_table(table, tmp_path / "columns")
    opened = tables.open_table(tmp_path / "columns", ROLES)

    with pytest.raises(BadCell, match="columns, row 2, column close: '' is not a positive number"):
        list(tables.parse_rows(opened, lambda row: row.positive("close")))


def test_a_broken_parquet_file_is_refused(tmp_path: Path) -> None:
    """As is one whose pages are damaged, after the rows that could be read."""
    path = tmp_path / "columns"
    parquet.write_table(pa.table({"date": ["x"] * 99, "close": list(range(99))}), path)
    content = path.read_bytes()
    for broken in (content[:-20], b"PAR1" + b"\0" * 200, content[:4] + b"\xff" * 90 + content[94:]):
        path.write_bytes(broken)
        with pytest.raises(DataError, match="cannot be read"):
            list(tables.open_table(path, ROLES).rows())


def parse(path: Path, most_errors: int) -> list[float]:
    """The closes of a table."""
    table = tables.open_table(path, ROLES, "mine.csv")
    return list(tables.parse_rows(table, lambda row: row.positive("close"), most_errors))


def test_the_first_errors_are_told_together(tmp_path: Path) -> None:
    """Each with row, column as it is spelled, value and what is allowed."""
    path = tmp_path / "bars.csv"
    path.write_text("Date, Close USD ,close\n2020-01-01,1,1\nx,1,bad\ny,2\nz,1,-3\n")

    with pytest.raises(BadTable) as refusal:
        parse(path, 10)
    assert str(refusal.value).startswith("3 rows cannot be used; mine.csv, line 3, column close")
    told = [(cell.row, cell.column, cell.value, cell.allowed) for cell in refusal.value.cells]
    assert told == [
        ("line 3", "close", "bad", "a positive number"),
        ("line 4", None, None, None),
        ("line 5", "close", "-3", "a positive number"),
    ]
    with pytest.raises(BadTable, match="at least 2 rows"):
        parse(path, 2)


def test_lines_are_counted_as_an_editor_does(tmp_path: Path) -> None:
    """Blank lines and lines within quotes count."""
    path = tmp_path / "bars.csv"
    path.write_text('date,close\n\n"a\nb",1\nc,2\n')

    assert texts(path) == [(4, ["a\nb", "1"]), (5, ["c", "2"])]


def unending_line(folder: Path) -> Path:
    """A line longer than any."""
    (folder / "x.csv").write_text("date,close\n2020-01-01," + "1" * 70_000)
    return folder / "x.csv"


def long_cell(folder: Path) -> Path:
    """A cell longer than any."""
    (folder / "x.csv").write_text("date,close\n2020-01-01," + "1" * 300)
    return folder / "x.csv"


def many_rows(folder: Path) -> Path:
    """More rows than there may be."""
    (folder / "x.csv").write_text("date,close\n" + "2020-01-01,1\n" * 11)
    return folder / "x.csv"


def many_columns(folder: Path) -> Path:
    """More columns than there may be."""
    (folder / "x.csv").write_text(",".join(["date", "close", *["x"] * 1_000]))
    return folder / "x.csv"


def bomb(folder: Path) -> Path:
    """A small archive of a long text."""
    (folder / "x").write_bytes(gzip.compress(b"date,close\n" + b"2020-01-01,1\n" * 10_000))
    return folder / "x"


def wide_parquet(folder: Path) -> Path:
    """A small file of much of the same."""
    table = pa.table({"date": ["2020-01-01" * 4_000] * 10, "close": [1.0] * 10})
    parquet.write_table(table, folder / "x", use_dictionary=False)
    return folder / "x"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (unending_line, "x.csv, line 2: longer than 65,536 characters"),
        (long_cell, "line 2, column close: longer than 200 characters"),
        (many_rows, "x.csv: more than 10 rows"),
        (many_columns, "x.csv: more than 1,000 columns"),
        (bomb, "x: longer than 100,000 bytes of text"),
        (wide_parquet, "x: longer than 100,000 bytes when unpacked"),
    ],
)
def test_what_is_endless_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], Path], message: str
) -> None:
    """Before it is held in memory."""
    monkeypatch.setattr(table_files, "MAX_BYTES", 100_000)
    monkeypatch.setattr(tables, "MAX_ROWS", 10_000 if make is bomb else 10)
    path = make(tmp_path)

    with pytest.raises(DataError, match=message):
        list(
            tables.parse_rows(tables.open_table(path, ROLES), lambda row: row.positive("close"), 20)
        )
