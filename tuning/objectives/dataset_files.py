"""Dataset files: where an uploaded dataset lies, and what it is called.

The one idea: a dataset is named by the hash of its bytes, so whoever holds its file can tell that
it is the right one, and a study that names it can never be trained on another.
Not here: what is in it (`tuning.objectives.datasets`), who may use it (`service.store.datasets`).
"""

import hashlib
import re
from pathlib import Path

from tuning.errors import InvalidValue
from tuning.objectives.plain_files import is_plain, open_plain

ID_DIGITS = 32  # of the hash: 128 bits tell datasets apart
ALLOWED = "the id of a dataset, as ds_ and 32 hexadecimal digits"
CHUNK_BYTES = 2**20


def dataset_id(sha256: str) -> str:
    """The id of the dataset whose bytes have this hash.

    >>> dataset_id("ab" * 32)
    'ds_abababababababababababababababab'
    """
    return f"ds_{sha256[:ID_DIGITS]}"


def is_dataset_id(value: object) -> bool:
    """Whether a value is spelled as the id of a dataset.

    >>> is_dataset_id(dataset_id("ab" * 32)), is_dataset_id("bars.csv")
    (True, False)
    """
    return isinstance(value, str) and bool(re.fullmatch(rf"ds_[0-9a-f]{{{ID_DIGITS}}}", value))


def hash_file(path: Path) -> str:
    """SHA-256 of the bytes of a file, in hexadecimal; raises `OSError` if it cannot be read."""
    digest = hashlib.sha256()
    with open_plain(path) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def check_source(file: object, dataset: object) -> None:
    """Refuse a `dataset` that is no id, and one beside a `file`; both may come from JSON.

    Raises `InvalidValue` naming `config.dataset`.

    >>> check_source(None, "bars")
    Traceback (most recent call last):
    tuning.errors.InvalidValue: config.dataset: 'bars' is not allowed; allowed: the id of a \
dataset, as ds_ and 32 hexadecimal digits, or null
    """
    if dataset is None:
        return
    if not is_dataset_id(dataset):
        raise InvalidValue("config.dataset", dataset, f"{ALLOWED}, or null")
    if file is not None:
        raise InvalidValue("config.dataset", dataset, "null, for config.file is given")


def locate_dataset(dataset: str, folder: Path | None) -> Path:
    """The file of a dataset.

    Raises `InvalidValue` naming `config.dataset` if there is none in `folder`.
    """
    if folder is None:
        raise InvalidValue("config.dataset", dataset, "null: there are no datasets here")
    path = folder / dataset
    if not is_plain(path):
        raise InvalidValue("config.dataset", dataset, "the id of a dataset that was uploaded")
    return path
