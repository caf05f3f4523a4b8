"""Surveys in a process of their own: the same answers, and no harm from what kills the reader."""

import gzip
import threading
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tuning.errors import BadTable, DataError, UnknownName
from tuning.execution.isolating import isolate
from tuning.execution.isolation import Network
from tuning.execution.surveying import read_error, survey_apart, write_error
from tuning.execution.watch import Allowance
from tuning.objectives.dataset_files import dataset_id
from tuning.objectives.datasets import survey

ID = dataset_id("0" * 64)
BARS = "date,high,low,close\n2020-01-01,2,1,1.5\n2020-01-02,3,2,2.5\n"


def test_the_child_tells_what_a_survey_tells(tmp_path: Path) -> None:
    """And keeps what it read, whole and in few values to look at."""
    path = tmp_path / "bars"
    path.write_text(BARS)

    told = survey_apart(path, "ohlcv", ID, name="mine", cache=tmp_path / "cache")
    assert told == survey(path, "ohlcv", ID).document()
    kept = sorted(one.name.partition("-")[0] for one in (tmp_path / "cache").iterdir())
    assert kept == ["bars", "sample"]


def test_a_relative_path_is_meant_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The child stands in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    path = Path("bars")
    path.write_text(BARS)

    told = survey_apart(path, "ohlcv", ID, name="mine", cache=Path("cache"))
    assert told == survey(path, "ohlcv", ID).document()
    assert (tmp_path / "cache").is_dir()


@pytest.mark.usefixtures("has_walls")
def test_the_reader_is_walled(tmp_path: Path) -> None:
    """Whoever makes it run code of theirs is alone with their own upload."""
    path = tmp_path / "bars"
    path.write_bytes(gzip.compress(b"date,high,low,close\n" + b"\n" * 2**28, compresslevel=1))
    isolate(Network.AUTO, None)  # its trial, which is walled as well, is over
    before = {one.pid for one in psutil.Process().children()}

    def read() -> None:
        with suppress(DataError):
            survey_apart(path, "ohlcv", ID, name="mine", allowance=Allowance(run_seconds=10.0))

    reading = threading.Thread(target=read)
    reading.start()
    networks = {Path("/proc/self/ns/net").readlink()}
    while reading.is_alive() and len(networks) == 1:
        for one in psutil.Process().children():
            if one.pid not in before:
                with suppress(OSError):
                    networks.add(Path(f"/proc/{one.pid}/ns/net").readlink())
        reading.join(0.02)
    reading.join()
    assert len(networks) == 2


def test_the_child_tells_every_bad_cell(tmp_path: Path) -> None:
    """As if it had been read here."""
    path = tmp_path / "bars"
    path.write_text(BARS.replace("1.5", "x").replace("2.5", "y"))

    with pytest.raises(BadTable) as refusal:
        survey_apart(path, "ohlcv", ID, name="mine")
    assert [cell.value for cell in refusal.value.cells] == ["x", "y"]
    assert str(read_error(write_error(refusal.value))) == str(refusal.value)


def test_an_unknown_kind_needs_no_child(tmp_path: Path) -> None:
    """It is refused at once."""
    with pytest.raises(UnknownName, match="kind"):
        survey_apart(tmp_path, "bars", ID, name="mine")


def test_a_reader_that_takes_too_much_is_ended(tmp_path: Path) -> None:
    """And the table is refused, in words."""
    path = tmp_path / "bars"
    path.write_bytes(gzip.compress(b"date,high,low,close\n" + b"\n" * 2**28, compresslevel=1))
    for allowance, words in (
        (Allowance(run_seconds=0.5), "within 0.5 s"),
        (Allowance(memory_bytes=2**20), "within 1 MiB of memory"),
    ):
        with pytest.raises(DataError, match=f"mine: cannot be read {words}"):
            survey_apart(path, "ohlcv", ID, name="mine", allowance=allowance)
