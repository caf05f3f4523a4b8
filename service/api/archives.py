"""Archives: whole studies as compressed files, and the purge of what lies in them.

The one idea: a study is written as its export, flushed and given its name before the first of its
curves goes, under a name of its revision; so nothing goes that is not in a file, and no file is
ever replaced by one that says less. To read one again, unpack and import it.
Not here: which curves may go (`service.store.retention`), who asks (`service.app`, `service.cli`).
"""

import gzip
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from service.api.transfer import write_document
from service.errors import NotFound, ServiceError
from service.store import retention, studies
from service.store.backup import flush
from service.store.clock import now
from service.store.engine import Store
from service.store.retention import Batch, Due
from tuning.objectives.plain_files import is_plain

BATCH = 1_000  # reports that one transaction removes
PAUSE_SECONDS = 0.1  # between two of them, for whoever else would write


@dataclass(frozen=True, slots=True)
class Policy:
    """Which curves go: of studies that ended `days` ago, but for the compared ones if those stay.

    None go without `days`. Each study is written to the folder `archive` before, if there is one.
    """

    days: int | None
    keep_best: bool = False
    archive: Path | None = None
    batch: int = BATCH


class Purger:
    """Lets curves go by a policy; also beside a server, which goes on answering."""

    def __init__(self, store: Store, policy: Policy, pause_seconds: float = PAUSE_SECONDS) -> None:
        self._store = store
        self._policy = policy
        self._pause_seconds = pause_seconds
        self._interrupted = threading.Event()

    def find(self) -> list[Due]:
        """The studies whose turn it is, the one that ended first before the others."""
        if self._policy.days is None:
            return []
        with self._store.read() as session:
            before = now(session) - timedelta(days=self._policy.days)
            return retention.due(session, before, keep_best=self._policy.keep_best)

    def weigh(self, due: Sequence[Due]) -> tuple[int, int]:
        """How many reports of these studies may go, and of how many bytes."""
        reports = total = 0
        for one in due:
            with self._store.read() as session, suppress(NotFound):
                more, size = retention.weigh(session, one, keep_best=self._policy.keep_best)
                reports, total = reports + more, total + size
        return reports, total

    def purge(self, one: Due, progress: Callable[[int], None] = lambda _: None) -> int:
        """Archive a study and remove its curves; returns how many reports that were.

        Raises ServiceError if the archive cannot be written; then nothing is removed.
        """
        if self._policy.archive is not None and one.has_any:
            try:
                write_archive(
                    self._store,
                    one.project,
                    one.study,
                    self._policy.archive,
                    self._interrupted.is_set,
                )
            except (NotFound, CutShort):  # deleted since it was found, or no time is left
                return 0
        total, is_last = 0, False
        while not is_last and not self._interrupted.is_set():
            batch = self._remove(one)
            total, is_last = total + batch.reports, batch.is_last
            progress(batch.reports)
            if not is_last:
                self._interrupted.wait(self._pause_seconds)
        return total

    def _remove(self, one: Due) -> Batch:
        policy = self._policy

        def remove(session: Any) -> Batch:  # noqa: ANN401 # the store's own
            before = now(session) - timedelta(days=policy.days or 0)
            return retention.purge(
                session,
                one.project,
                one.study,
                before,
                keep_best=policy.keep_best,
                limit=policy.batch,
            )

        try:
            return self._store.attempt(remove)
        except NotFound:
            return Batch(0, is_last=True)

    def round(self) -> None:
        """Purge every study whose turn it is."""
        for one in self.find():
            if self._interrupted.is_set():
                return
            self.purge(one)
            self._interrupted.wait(self._pause_seconds)

    def interrupt(self) -> None:
        """Let a purge end after the transaction under way."""
        self._interrupted.set()


class CutShort(Exception):
    """An archive was not written to its end, for there is no time left; no file of it is there."""


def write_archive(
    store: Store,
    project: str,
    study: str,
    folder: Path,
    is_over: Callable[[], bool] = lambda: False,
) -> Path:
    """Write a study to a file of its own, which is whole on the disk if it is there at all.

    Raises NotFound, CutShort once `is_over`, and ServiceError if the file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with store.read() as session:
            revision, _ = studies.get_standing(session.connection(), project, study)
            file = folder / f"{study}.{revision}.json.gz"
            if not is_plain(file):  # else a purge was cut short before it removed anything
                _write(file, write_document(session, project, study), is_over)
        flush(folder)
    except OSError as error:
        raise ServiceError(f"the archive {folder} cannot be written: {error.strerror}") from error
    return file


def _write(file: Path, texts: Iterable[str], is_over: Callable[[], bool]) -> None:
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    # Nobody else's file, nor one that a link leads to, and one that only its owner may read.
    handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as raw:
            with gzip.GzipFile(fileobj=raw, mode="wb", mtime=0) as packed:
                for text in texts:
                    if is_over():
                        raise CutShort
                    packed.write(text.encode())
            raw.flush()
            os.fsync(handle)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
