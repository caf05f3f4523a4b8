"""Datasets of a worker: fetched once, checked, and fetched on where a connection broke."""

import hashlib
from pathlib import Path

import httpx2
import pytest

from service.client import Client, Patience
from service.client.drivers import BLOCK_BYTES
from service.worker.datasets import DatasetCache
from tuning.errors import TrainingCrashed
from tuning.objectives import OBJECTIVES
from tuning.objectives.dataset_files import dataset_id

CONTENT = bytes(range(256)) * 4_000
SHA = hashlib.sha256(CONTENT).hexdigest()
ID = dataset_id(SHA)
CONFIG = {"dataset": ID}


class Shelf:
    """A service that has one dataset; the first answers break off after so many bytes."""

    def __init__(self, content: bytes = CONTENT, breaks: tuple[int, ...] = ()) -> None:
        """Nothing was asked yet."""
        self.content = content
        self.breaks = list(breaks)
        self.asked: list[str | None] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer with the content, or the rest of it."""
        wanted = request.headers.get("Range")
        self.asked.append(wanted)
        first = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        rest = self.content[first:]
        stop = self.breaks.pop(0) if self.breaks else None
        return httpx2.Response(
            206 if wanted else 200,
            headers={"ETag": f'"{hashlib.sha256(self.content).hexdigest()}"'},
            stream=Broken(rest, stop),
        )


class Broken(httpx2.SyncByteStream):
    """Bytes that may break off."""

    def __init__(self, content: bytes, stop: int | None) -> None:
        """Break off after `stop` bytes, unless it is None."""
        self._content = content
        self._stop = stop

    def __iter__(self):  # noqa: ANN204 - as the base has it
        """Yield the bytes in two parts."""
        yield self._content[: self._stop or 7]
        if self._stop is not None:
            raise httpx2.ReadError("the connection broke")
        yield self._content[7:]


def cache(folder: Path | None, answer: object) -> DatasetCache:
    """A cache behind a service."""
    transport = httpx2.MockTransport(answer)  # type: ignore[arg-type] # any callable
    client = Client(
        "http://service.test",
        transport=transport,
        patience=Patience(seconds=5, pause=lambda _seconds: False),
    )
    return DatasetCache(client, folder, OBJECTIVES)


def test_a_dataset_is_fetched_once(tmp_path: Path) -> None:
    """Then it is there, for this worker and the next."""
    shelf = Shelf()
    for _ in range(2):
        cache(tmp_path / "sets", shelf).bring("realized_volatility", CONFIG)

    assert (tmp_path / "sets" / ID).read_bytes() == CONTENT
    assert shelf.asked == [None]


def test_a_link_is_not_the_dataset(tmp_path: Path) -> None:
    """It is replaced by what was fetched, and what it led to is as it was."""
    outside, folder, shelf = tmp_path / "outside", tmp_path / "sets", Shelf()
    outside.write_bytes(b"kept")
    folder.mkdir()
    (folder / ID).symlink_to(outside)
    cache(folder, shelf).bring("realized_volatility", CONFIG)

    assert not (folder / ID).is_symlink()
    assert (folder / ID).read_bytes() == CONTENT
    assert outside.read_bytes() == b"kept"


def test_a_broken_connection_is_taken_up_where_it_broke(tmp_path: Path) -> None:
    """What has come in whole blocks is not asked for again."""
    shelf = Shelf(breaks=(300_000, 500_000))
    cache(tmp_path, shelf).bring("realized_volatility", CONFIG)

    assert (tmp_path / ID).read_bytes() == CONTENT
    assert shelf.asked == [None, f"bytes={BLOCK_BYTES}-", f"bytes={2 * BLOCK_BYTES}-"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Shelf(b"another"), "is not what its name says"),
        (lambda _: httpx2.Response(200, content=CONTENT), "did not come as the service has it"),
        (lambda _: httpx2.Response(404), "could not be fetched: 404"),
    ],
)
def test_what_is_not_the_dataset_is_refused(tmp_path: Path, answer: object, words: str) -> None:
    """The block fails with the reason, and nothing is kept."""
    with pytest.raises(TrainingCrashed, match=words) as refusal:
        cache(tmp_path, answer).bring("realized_volatility", CONFIG)

    assert refusal.value.cause == "refused"
    assert list(tmp_path.iterdir()) == []


def test_what_needs_no_dataset_fetches_none(tmp_path: Path) -> None:
    """No id, another objective's own word, or an objective that takes none."""
    asked = Shelf()
    for objective, config in (
        ("realized_volatility", {"dataset": None}),
        ("realized_volatility", {}),
        ("noisy_quadratic", CONFIG),
        ("unknown", CONFIG),
    ):
        cache(tmp_path, asked).bring(objective, config)
    assert asked.asked == []


def test_the_group_of_the_folder_may_read(tmp_path: Path) -> None:
    """Training may be another user's, and its group is then the folder's."""
    cache(tmp_path, Shelf()).bring("realized_volatility", CONFIG)
    assert (tmp_path / ID).stat().st_mode & 0o777 == 0o640
