"""Reading bars: tolerant of spelling and order, of nothing else."""

import gzip
import os
from pathlib import Path

import numpy as np
import pytest

from tuning.errors import DataError, InvalidValue
from tuning.objectives.bars import read, sp500
from tuning.objectives.tables import locate


def write(folder: Path, *lines: str, name: str = "bars.csv") -> Path:
    """A CSV file of those lines."""
    path = folder / name
    content = "\n".join(lines).encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


def test_newest_first_files_are_turned_round(tmp_path: Path) -> None:
    """Bars come out in rising order of time, whatever the file's."""
    path = write(
        tmp_path,
        "unix,date,symbol,open,high,low,close,volume",
        "1646092800,,BTC,1,3,1,2,9",
        "1646089200,,BTC,1,5,4,4.5,9",
    )
    bars = read(path)

    assert bars.times.tolist() == [1646089200, 1646092800]
    assert bars.high.tolist() == [5.0, 3.0]
    assert bars.low.tolist() == [4.0, 1.0]
    assert bars.close.tolist() == [4.5, 2.0]


@pytest.mark.parametrize(
    ("header", "time"),
    [
        ("TIMESTAMP,HIGH,LOW,CLOSE", "1646092800"),
        ("Open time,High price,Low price,Close price", "1646092800000"),
        ("open_time,high,low,close", "1646092800000000"),
        ("\ufeffUnix Timestamp, High , Low , Close ", "1646092800.0"),
        ("datetime,h,l,c", "2022-03-01T00:00:00+00:00"),
        ("Date,High,Low,Close", "2022-03-01"),
    ],
)
def test_spellings_and_units_of_time(tmp_path: Path, header: str, time: str) -> None:
    """Column names in any case, Unix time in any unit, and ISO dates are understood."""
    bars = read(write(tmp_path, header, f"{time},2,1,1.5"))

    assert bars.times.tolist() == [1646092800]


def test_the_adjusted_close_is_not_the_close(tmp_path: Path) -> None:
    """A column that merely resembles one is not taken for it."""
    bars = read(write(tmp_path, "Date,Adj Close,High,Low,Close", "2020-01-01,9,2,1,1.5"))

    assert bars.close.tolist() == [1.5]


def test_compressed_files_hold_the_same_bars(tmp_path: Path) -> None:
    """A .csv.gz file is read like the .csv it contains."""
    lines = "Date,High,Low,Close", "2020-01-01,2,1,1.5"

    plain, packed = read(write(tmp_path, *lines)), read(write(tmp_path, *lines, name="b.csv.gz"))
    assert plain.sha256 == packed.sha256


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    """Another content under the same name is seen; the same content is not parsed twice."""
    first = read(write(tmp_path, "Date,High,Low,Close", "2020-01-01,2,1,1.5"))
    again = read(tmp_path / "bars.csv")
    other = read(write(tmp_path, "Date,High,Low,Close", "2020-01-01,22,1,1.5"))

    assert again is first
    assert other.high.tolist() == [22.0]


def test_a_file_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small archive of an enormous text is not unpacked in full."""
    monkeypatch.setattr("tuning.objectives.table_files.MAX_BYTES", 1000)

    with pytest.raises(DataError, match="longer than 1,000 bytes"):
        read(write(tmp_path, "Date,High,Low,Close" + " " * 1000, name="bars.csv.gz"))


def test_a_file_that_vanished_is_refused(tmp_path: Path) -> None:
    """A file deleted after it was located is a data error."""
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "bars.csv")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2020-01-02,nan,1,1", "line 3, column High: 'nan'"),
        ("2020-01-02,inf,1,1", "line 3, column High: 'inf'"),
        ("2020-01-02,2,0,1", "line 3, column Low: '0'"),
        ("2020-01-02,2,1,-1", "line 3, column Close: '-1'"),
        ("2020-01-02,2,1,", "line 3, column Close: ''"),
        ("2020-01-02,1,2,1", "line 3, column High: 1 is below low, 2"),
        ("2020-01-02,2,1", "line 3: only 3 columns"),
        ("2020-01-01,2,1,1", "line 3, column Date: same time as line 2"),
        ("01/02/2020,2,1,1", "line 3, column Date: '01/02/2020'"),
        ("\n2020-01-02,x,1,1", "line 4, column High: 'x'"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(tmp_path: Path, row: str, message: str) -> None:
    """The error names line and column of the value."""
    path = write(tmp_path, "Date,High,Low,Close", "2020-01-01,2,1,1", row)

    with pytest.raises(DataError) as refusal:
        read(path)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((), "no column for time"),
        (("Date,High,Low",), "no column for close; the header has Date, High, Low"),
        (("Date,High,Low,Close,close",), "two columns are called 'close'"),
        (("Date,High,Low,Close",), "no rows"),
    ],
)
def test_a_file_without_bars_is_refused(
    tmp_path: Path, lines: tuple[str, ...], message: str
) -> None:
    """Missing and ambiguous columns and empty tables are errors."""
    with pytest.raises(DataError, match=message):
        read(write(tmp_path, *lines))


@pytest.mark.parametrize(
    "content", [b"\x1f\x8bbroken", b"no gzip", gzip.compress(b"x" * 99, mtime=0)[:-9]]
)
def test_a_broken_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    """What cannot be unpacked is a data error, not a crash."""
    path = tmp_path / "bars.csv.gz"
    path.write_bytes(content)

    with pytest.raises(DataError, match="cannot be read"):
        read(path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """A binary file with a CSV name is a data error."""
    path = tmp_path / "bars.csv"
    path.write_bytes(b"\xff\xfe\x00")

    with pytest.raises(DataError, match="UTF-8"):
        read(path)


@pytest.mark.parametrize(
    "file",
    [
        "/etc/passwd",
        "../secret.csv",
        "inner/../../secret.csv",
        "escape.csv",
        "escape_folder/secret.csv",
        "missing.csv",
        "inner",
        "inner.csv",
        "notes.txt",
        "pipe.csv",
        "nul\0.csv",
        ".",
    ],
)
def test_only_files_inside_the_data_folder_are_found(tmp_path: Path, file: str) -> None:
    """Absolute paths, climbing, symlinks out of the folder and non-files are refused alike."""
    folder = tmp_path / "data"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner.csv").mkdir()
    (folder / "notes.txt").touch()
    os.mkfifo(folder / "pipe.csv")
    (tmp_path / "secret.csv").touch()
    (folder / "escape.csv").symlink_to(tmp_path / "secret.csv")
    (folder / "escape_folder").symlink_to(tmp_path)

    with pytest.raises(InvalidValue) as refusal:
        locate(file, folder)
    assert refusal.value.field == "config.file"


def test_files_and_symlinks_within_the_data_folder_are_found(tmp_path: Path) -> None:
    """A symlink that stays inside is as good as a file."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "bars.csv").touch()
    (tmp_path / "link.csv").symlink_to(tmp_path / "inner" / "bars.csv")

    assert locate("inner/bars.csv", tmp_path) == locate("link.csv", tmp_path)


def test_without_a_data_folder_no_file_is_allowed() -> None:
    """The refusal says what is missing."""
    with pytest.raises(InvalidValue, match="no data folder"):
        locate("bars.csv", None)


def test_the_packaged_prices_are_those_arch_loads() -> None:
    """Reading the file without `arch` gives what `arch.data.sp500.load` gives."""
    from arch.data import sp500 as package

    bars, frame = sp500(), package.load()

    assert (bars.high == frame["High"].to_numpy()).all()
    assert (bars.low == frame["Low"].to_numpy()).all()
    assert (bars.close == frame["Close"].to_numpy()).all()
    assert (bars.times == frame.index.to_numpy().astype("datetime64[s]").astype(np.int64)).all()
