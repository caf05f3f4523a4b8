"""Uploads: bytes that stream in, hashed on the way, and become a file whole or not at all.

The one idea: what comes in goes to a part file in the folder of datasets; once its content was
found to be good it is renamed to the id that its hash gives it. A part that is not kept is removed,
and what a dead server left is removed by the next. Disks may be slow, so they are waited for in
threads.
Not here: what the content must be (`tuning.objectives.datasets`), who may use it
(`service.store.datasets`).
"""

import asyncio
import hashlib
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from service.errors import StoreBusy
from service.store.backup import flush
from tuning.objectives.dataset_files import dataset_id
from tuning.objectives.plain_files import open_plain, pinned

CHUNK_BYTES = 2**20
IDLE_SECONDS = 60.0  # without a byte
PART = ".part"
ABANDONED_SECONDS = 86_400.0  # after which a part belongs to nobody that lives


@dataclass(frozen=True, slots=True)
class Upload:
    """What came in: a part file, the hash of its bytes in hexadecimal, and their number."""

    path: Path
    sha256: str
    size: int

    @property
    def dataset(self) -> str:
        """The id of this content."""
        return dataset_id(self.sha256)


class PlainFile(FileResponse):
    """A file as an answer: the one that lies there, and none that a link leads to."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; raises OSError if there is no such file any more."""
        with pinned(Path(self.path)) as own:
            self.path = own
            await super().__call__(scope, receive, send)


class Uploads:
    """The folder that the content of datasets lies in; it may be shared by replicas."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @asynccontextmanager
    async def receive(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Upload]:
        """Take in a body; what was not kept is removed at the end.

        Raises StoreBusy if the folder cannot be written, and a refusal if the client goes away.
        """
        part = await run_in_threadpool(self._begin)
        try:
            yield await _fill(part, chunks)
        finally:
            await run_in_threadpool(part.unlink, missing_ok=True)

    def keep(self, upload: Upload) -> None:
        """Make the part the file of its dataset; under the lock that `datasets.add` takes."""
        try:
            upload.path.replace(self.path(upload.dataset))
            flush(self._folder)
        except OSError as error:
            raise StoreBusy(f"the folder of datasets cannot be written: {error}") from error

    def path(self, dataset: str) -> Path:
        """Where the content of a dataset lies."""
        return self._folder / dataset

    def discard(self, dataset: str) -> None:
        """Remove the content of a dataset; under the lock that `datasets.is_unused` takes."""
        self.path(dataset).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove parts that a server left when it died."""
        for part in self._folder.glob(f"*{PART}"):
            with suppress(FileNotFoundError):  # another server was faster
                if time.time() - part.lstat().st_mtime > ABANDONED_SECONDS:
                    part.unlink()

    def _begin(self) -> Path:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self._folder, suffix=PART)
        except OSError as error:
            raise StoreBusy(f"the folder of datasets cannot be written: {error}") from error
        os.close(handle)
        return Path(name)


async def _fill(part: Path, chunks: AsyncIterator[bytes]) -> Upload:
    digest, size, waiting = hashlib.sha256(), 0, bytearray()

    def write() -> None:
        digest.update(waiting)
        with open_plain(part, append=True) as stream:
            stream.write(waiting)
        waiting.clear()

    try:
        async for chunk in _lively(chunks):
            size += len(chunk)
            waiting += chunk
            if len(waiting) >= CHUNK_BYTES:
                await run_in_threadpool(write)
        await run_in_threadpool(write)
        await run_in_threadpool(_flush, part)
    except OSError as error:
        raise StoreBusy(f"the folder of datasets cannot be written: {error}") from error
    return Upload(part, digest.hexdigest(), size)


async def _lively(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The chunks of a client that goes on sending."""
    while True:
        try:
            async with asyncio.timeout(IDLE_SECONDS):
                chunk = await anext(chunks, None)
        except TimeoutError as error:
            words = f"nothing came for {IDLE_SECONDS:g} s"
            raise HTTPException(408, words, {"Connection": "close"}) from error
        except ClientDisconnect as error:
            raise HTTPException(400, "the body was cut short") from error
        if chunk is None:
            return
        yield chunk


def _flush(part: Path) -> None:
    """Have the system write a file to the disk."""
    with open_plain(part) as stream:
        os.fsync(stream.fileno())
