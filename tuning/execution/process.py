"""The process executor: trains in a child process that may crash.

The one idea: training code is not trusted to return. It runs in a child with its own session, one
thread per numerical library and an environment without secrets; the child is kept from block to
block, and replaced when a block killed it. Not here: the child's program
(`tuning.execution.child`).
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from tuning.errors import TrainingCrashed
from tuning.execution.block import Block, Event, read_event
from tuning.execution.link import Link
from tuning.objectives import NO_FOLDERS, Folders
from tuning.records import Cause

STOPPED = "stopped"


class Process:
    """An `Executor` in one child process.

    Args:
        folders: where objectives may read and keep files.
        modules: more objectives, see `tuning.objectives.load`.
        core: the processor the child is pinned to; None leaves it free.
    """

    def __init__(
        self,
        folders: Folders = NO_FOLDERS,
        modules: Sequence[str] = (),
        core: int | None = None,
    ) -> None:
        self._greeting = {
            "data_folder": _resolved(folders.data),
            "cache_folder": _resolved(folders.cache),
            "modules": list(modules),
            "core": core,
        }
        self._lock = threading.Lock()  # held while the child is started, stopped or given up
        self._link: Link | None = None
        self._stopped = False

    def run(self, block: Block) -> Iterator[Event]:
        """Train `block` in the child, started if there is none.

        Raises `TrainingCrashed` with the reason "stopped" if `stop` was called meanwhile. Leaving
        the iterator before its end kills the child.
        """
        link = self._connect()
        completed = False
        try:
            yield from self._follow(link, block)
            completed = True
        finally:
            if not completed:
                self.close()

    def stop(self) -> None:
        """Kill the child and all it started, at once, from any thread."""
        with self._lock:
            self._stopped = True
            if self._link is not None:
                self._link.kill()

    def close(self) -> None:
        """End the child."""
        with self._lock:
            link, self._link = self._link, None
        if link is not None:
            link.close()

    def _connect(self) -> Link:
        with self._lock:
            # One that was stopped may seem alive for a moment, and would crash the next block.
            was_stopped, self._stopped = self._stopped, False
            before = self._link
            if before is not None and before.is_alive and not was_stopped:
                return before
            link = self._link = Link.start("tuning.execution.child")
        if before is not None:  # it died or was stopped between two blocks
            before.close()
        with suppress(BrokenPipeError):  # the end of its pipe will tell
            link.send(self._greeting)
        return link

    def _follow(self, link: Link, block: Block) -> Iterator[Event]:
        with suppress(BrokenPipeError):  # the end of its pipe will tell
            link.send(block.document())
        while (message := link.receive()) is not None:
            if message["event"] == "done":
                return
            if message["event"] == "crashed":
                raise TrainingCrashed(message["message"], message["cause"])
            yield read_event(message)
        if self._stopped:
            raise TrainingCrashed(STOPPED, Cause.KILLED)
        ending = link.ending()
        raise TrainingCrashed(ending, Cause.KILLED if link.was_killed else Cause.EXITED)


def _resolved(folder: Path | None) -> str | None:
    return None if folder is None else str(folder.resolve())
