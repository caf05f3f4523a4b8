"""Plain files: regular ones, where they lie; whatever else has their name is refused."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tuning.errors import DataError, InvalidValue
from tuning.objectives import table_files
from tuning.objectives.cached import read_arrays, write_arrays
from tuning.objectives.dataset_files import hash_file, locate_dataset
from tuning.objectives.plain_files import is_plain, open_plain, pinned
from tuning.objectives.table_files import format_of, open_file

HANDLES = Path("/dev/fd")
DATASET = "ds_" + "ab" * 16


def link(path: Path) -> None:
    """A link to a file that is there."""
    path.with_name("outside").write_bytes(b"kept")
    path.symlink_to(path.with_name("outside"))


KINDS: dict[str, Callable[[Path], None]] = {
    "link": link,
    "dangling": lambda path: path.symlink_to("nowhere"),
    "loop": lambda path: path.symlink_to(path.name),
    "folder": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "nothing": lambda _: None,
}


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_but_a_regular_file_is_opened(tmp_path: Path, kind: str) -> None:
    """Neither to be read, nor to be added to, nor by another name; and at once."""
    path = tmp_path / "x"
    KINDS[kind](path)
    before = len(list(HANDLES.iterdir()))
    assert not is_plain(path)
    with pytest.raises(OSError, match="x"):
        open_plain(path)
    with pytest.raises(OSError, match="x"):
        open_plain(path, append=True)
    with pytest.raises(OSError, match="x"), pinned(path):
        pass
    assert len(list(HANDLES.iterdir())) == before
    if kind == "link":
        assert (tmp_path / "outside").read_bytes() == b"kept"


def test_a_regular_file_is_opened(tmp_path: Path) -> None:
    """In a folder that may be a link itself, and what is pinned stays what it was."""
    (tmp_path / "real").mkdir()
    (tmp_path / "folder").symlink_to("real")
    path = tmp_path / "folder" / "x"
    path.write_bytes(b"one")
    with open_plain(path, append=True) as stream:
        stream.write(b" two")
    assert is_plain(path)
    with open_plain(path) as stream, pinned(path) as own:
        path.unlink()
        assert stream.read() == own.read_bytes() == b"one two"


def test_a_name_that_no_file_can_have_is_none(tmp_path: Path) -> None:
    """As for the system's own functions."""
    assert not is_plain(tmp_path / "a\0b")
    assert not is_plain(tmp_path / ("a" * 5000))


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_no_table_is_read_by_way_of_a_link(tmp_path: Path, suffix: str) -> None:
    """Whatever its format; by its own name it is."""
    real, path = tmp_path / f"real{suffix}", tmp_path / f"link{suffix}"
    parquet.write_table(pa.table({"a": [1.0]}), real) if suffix == ".parquet" else (
        real.write_text("a\n1.0\n")
    )
    path.symlink_to(real)
    with pytest.raises(DataError, match="is no regular file"):
        format_of(path)
    with pytest.raises(DataError, match="is no regular file"):
        list(open_file(path, "x", lambda _: [0]).rows)


def test_no_dataset_and_no_arrays_are_a_link(tmp_path: Path) -> None:
    """They are not there, or cannot be read."""
    write_arrays(tmp_path / "real.npz", {"a": np.zeros(1)})
    (tmp_path / "link.npz").symlink_to("real.npz")
    (tmp_path / DATASET).symlink_to("real.npz")
    with pytest.raises(OSError, match="is no regular file"):
        read_arrays(tmp_path / "link.npz")
    with pytest.raises(OSError, match="is no regular file"):
        hash_file(tmp_path / DATASET)
    with pytest.raises(InvalidValue, match="that was uploaded"):
        locate_dataset(DATASET, tmp_path)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_link_that_comes_after_the_first_look_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """What is read is looked at anew."""
    real, path = tmp_path / "real", tmp_path / "link"
    parquet.write_table(pa.table({"a": [1.0]}), real)
    path.symlink_to(real)
    monkeypatch.setattr(table_files, "format_of", lambda _: kind)
    with pytest.raises(DataError, match="is no regular file"):
        list(open_file(path, "x", lambda _: [0]).rows)
