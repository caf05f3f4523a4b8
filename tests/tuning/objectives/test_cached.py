"""Cached arrays: made once per recipe, never believed unverified."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tuning.objectives.cached import cached, hash_arrays, read_arrays

RECIPE = {"version": 1, "seed": 7, "range": [0.1, 0.2]}


class Maker:
    """Makes arrays and counts how often."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Mapping[str, np.ndarray]:
        """One array of floats and one of integers."""
        self.calls += 1
        return {"a": np.linspace(0, 1, 5), "b": np.arange(6).reshape(2, 3)}


def only_file(folder: Path) -> Path:
    """The one file in `folder`."""
    (path,) = folder.iterdir()
    return path


def test_the_same_recipe_is_made_once(tmp_path: Path) -> None:
    """The second time, the arrays come from the file, to the bit and the type."""
    make = Maker()
    made = cached(tmp_path / "new", "thing", RECIPE, make)
    found = cached(tmp_path / "new", "thing", dict(reversed(RECIPE.items())), make)

    assert make.calls == 1
    assert list(found) == ["a", "b"]
    for name, array in made.items():
        assert found[name].dtype == array.dtype
        assert (found[name] == array).all()


def test_another_recipe_is_made_anew(tmp_path: Path) -> None:
    """A recipe that differs in any value has a file of its own."""
    make = Maker()
    cached(tmp_path, "thing", RECIPE, make)
    cached(tmp_path, "thing", {**RECIPE, "seed": 8}, make)

    assert make.calls == 2
    assert len(list(tmp_path.iterdir())) == 2


def test_without_a_folder_nothing_is_kept() -> None:
    """Every call makes its arrays."""
    make = Maker()
    for _ in range(2):
        cached(None, "thing", RECIPE, make)

    assert make.calls == 2


def altered(path: Path, **changes: np.ndarray) -> bytes:
    """The file's content with other arrays in place of some."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=True, **{**read_arrays(path), **changes})
    return content.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.read_bytes()[:-30],
        lambda path: path.read_bytes()[:100],
        lambda _path: b"",
        lambda _path: b"no archive",
        lambda path: altered(path, a=np.zeros(5)),
        lambda path: altered(path, a=np.linspace(0, 1, 5).astype("f4")),
        lambda path: altered(path, recipe=np.array("{}")),
        lambda path: altered(path, a=np.array([Path("/")], dtype=object)),
        lambda path: altered(path, more=np.zeros(1)),
    ],
    ids=["cut", "stump", "empty", "text", "array", "type", "recipe", "pickle", "more"],
)
def test_a_damaged_file_is_replaced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object
) -> None:
    """What does not match its hashes, or holds a pickle, is told, made anew and written again."""
    make = Maker()
    cached(tmp_path, "thing", RECIPE, make)
    path = only_file(tmp_path)
    assert callable(damage)
    path.write_bytes(damage(path))

    found = cached(tmp_path, "thing", RECIPE, make)
    assert make.calls == 2
    assert "made anew" in caplog.text
    assert (found["a"] == np.linspace(0, 1, 5)).all()
    cached(tmp_path, "thing", RECIPE, make)
    assert make.calls == 2


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The arrays are there all the same."""
    (tmp_path / "cache").touch()
    found = cached(tmp_path / "cache", "thing", RECIPE, Maker())

    assert (found["b"] == np.arange(6).reshape(2, 3)).all()
    assert "cannot be written" in caplog.text


def test_nothing_is_left_of_arrays_that_were_not_made(tmp_path: Path) -> None:
    """An error while making passes through and leaves no file."""

    def fail() -> Mapping[str, np.ndarray]:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        cached(tmp_path, "thing", RECIPE, fail)
    assert not list(tmp_path.iterdir())


def test_hashes_tell_names_types_shapes_and_values_apart() -> None:
    """The order of the arrays and of the bytes in memory does not matter."""
    a, b = np.arange(6.0), np.arange(3)
    hashes = [
        hash_arrays(arrays)
        for arrays in (
            {"a": a, "b": b},
            {"b": a, "a": b},
            {"a": a.astype("f4"), "b": b},
            {"a": a.reshape(2, 3), "b": b},
            {"a": a + 1, "b": b},
            {"a": a},
        )
    ]

    assert len(set(hashes)) == len(hashes)
    assert hash_arrays({"b": b, "a": a.astype(">f8")}) == hashes[0]


def test_a_small_archive_of_enormous_arrays_is_not_unpacked(tmp_path: Path) -> None:
    """The limit is on what the arrays would take in memory."""
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", bytes(10**6))

    assert path.stat().st_size < 10**4
    with pytest.raises(ValueError, match="longer than 100,000 bytes"):
        read_arrays(path, 10**5)
