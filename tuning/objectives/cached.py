"""Cached: arrays that are dear to make, kept in a folder for the next time.

The one idea: a file is named by the hash of the recipe its arrays were made by, and holds that
recipe and the hash of its arrays; what does not match both is made anew. Files appear whole or not
at all, so processes that make the same arrays at once do not disturb each other, and a cache may
be deleted at any time.
Not here: compiled programs (`tuning.execution.programs`).
"""

import hashlib
import json
import logging
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tuning.objectives.base import Arrays
from tuning.objectives.plain_files import open_plain

logger = logging.getLogger(__name__)

NAME_DIGITS = 24  # of the recipe's hash: 96 bits tell recipes apart
MAX_BYTES = 2**31
_RECIPE, _SHA256 = "recipe", "sha256"


def cached(
    folder: Path | None,
    name: str,
    recipe: Mapping[str, Any],  # Any: JSON values
    make: Callable[[], Arrays],
) -> Arrays:
    """The arrays that `make` returns, from `folder` if they were made by the same recipe before.

    Args:
        folder: where files are kept, made if it is not there; None keeps nothing.
        name: how the file's name begins.
        recipe: everything the arrays depend on, as JSON values, a version of the code among them.
        make: makes the arrays; none of them may be called `recipe` or `sha256`.

    >>> cached(None, "squares", {"version": 1, "count": 4}, lambda: {"x": np.arange(4) ** 2})
    {'x': array([0, 1, 4, 9])}
    """
    if folder is None:
        return make()
    path, text = _place(folder, name, recipe)
    found = _read(path, text)
    if found is None:
        found = dict(make())
        _write(path, text, found)
    return found


def recall(
    folder: Path | None,
    name: str,
    recipe: Mapping[str, Any],  # Any: JSON values
) -> Arrays | None:
    """The arrays that `cached` kept; None if they are not there."""
    return None if folder is None else _read(*_place(folder, name, recipe))


def _place(folder: Path, name: str, recipe: Mapping[str, Any]) -> tuple[Path, str]:
    """The file of a recipe, and the recipe as it stands in it."""
    text = json.dumps(recipe, sort_keys=True, allow_nan=False)
    return folder / f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:NAME_DIGITS]}.npz", text


def hash_arrays(arrays: Arrays) -> str:
    """SHA-256 over names, types, shapes and contents, in the order of the names.

    >>> zero = np.zeros(2)
    >>> hash_arrays({"a": zero}) == hash_arrays({"b": zero})
    False
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        little = array.astype(array.dtype.newbyteorder("<"))
        digest.update(f"{name} {little.dtype.str} {array.shape}\n".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()


def read_arrays(path: Path, max_bytes: int = MAX_BYTES) -> dict[str, np.ndarray]:
    """All arrays of an .npz file; no pickles, and no more than `max_bytes` when unpacked.

    Raises `OSError` or `ValueError` if it cannot be read.
    """
    try:
        with open_plain(path) as file:
            with zipfile.ZipFile(file) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > max_bytes:
                    raise ValueError(f"longer than {max_bytes:,} bytes when unpacked")
            file.seek(0)
            with np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
    # NumPy lets through whatever a damaged archive makes the standard library raise.
    except (zipfile.BadZipFile, EOFError, KeyError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"not a whole .npz file: {error}") from error


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write an .npz file that appears whole or not at all, and its folder if there is none.

    Raises `OSError` if it cannot be written.

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_arrays(Path(folder, "new", "two.npz"), {"a": np.arange(2)})
    ...     read_arrays(Path(folder, "new", "two.npz"))
    {'a': array([0, 1])}
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        try:
            np.savez(part, allow_pickle=False, **arrays)
            part.close()
            Path(part.name).replace(path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


def _read(path: Path, recipe: str) -> dict[str, np.ndarray] | None:
    """The arrays of a file made by `recipe`; None if there is none, or it is damaged."""
    try:
        arrays = read_arrays(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("a cached file cannot be read and is made anew: %s", error)
        return None
    written, digest = arrays.pop(_RECIPE, None), arrays.pop(_SHA256, None)
    if str(written) != recipe or str(digest) != hash_arrays(arrays):
        logger.warning("a cached file does not hold what it was made to and is made anew")
        return None
    return arrays


def _write(path: Path, recipe: str, arrays: Arrays) -> None:
    """Write a file with its recipe; a cache that cannot be written is told."""
    digest = hash_arrays(arrays)
    try:
        write_arrays(path, {**arrays, _RECIPE: np.array(recipe), _SHA256: np.array(digest)})
    except OSError as error:
        logger.warning("the cache cannot be written: %s", error)
