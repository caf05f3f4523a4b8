"""The process executor: trains in a child process that may crash.

The one idea: training code is not trusted to return. It runs in a child with its own session, one
thread per numerical library, an environment without secrets, no network and a fresh folder to stand
in; the child is kept from block to block, and replaced when a block killed it, or went beyond its
allowance. Not here: the child's program (`tuning.execution.child`), how an allowance is watched
(`tuning.execution.watch`), how a child is kept apart (`tuning.execution.isolation`).
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from tuning.errors import TrainingCrashed
from tuning.execution.block import Block, Ended, Event, read_event
from tuning.execution.isolating import isolate
from tuning.execution.isolation import Isolation
from tuning.execution.link import Link, Message, child_environment
from tuning.execution.log import Log
from tuning.execution.watch import UNLIMITED, Allowance, Watch
from tuning.objectives import NO_FOLDERS, Folders
from tuning.records import Cause, RunState

STOPPED = "stopped"
PROGRAM = "tuning.execution.child"


class Process:
    """An `Executor` in one child process.

    Args:
        folders: where objectives may read and keep files.
        modules: more objectives, see `tuning.objectives.load`.
        core: the processor the child is pinned to; None leaves it free.
        allowance: what training may take; a block that takes more crashes.
        threads: of each numerical library in the child.

    Raises `InvalidValue` if this machine cannot keep the child apart as the allowance asks.
    """

    def __init__(
        self,
        folders: Folders = NO_FOLDERS,
        modules: Sequence[str] = (),
        core: int | None = None,
        allowance: Allowance = UNLIMITED,
        threads: int = 1,
    ) -> None:
        self._allowance = allowance
        self._isolation = isolate(allowance.network, allowance.user)
        self._threads = threads
        self._greeting = {
            "data_folder": _resolved(folders.data),
            "cache_folder": _resolved(folders.cache),
            "dataset_folder": _resolved(folders.datasets),
            "modules": list(modules),
            "core": core,
            "memory_bytes": allowance.memory_bytes,
            "files": allowance.files,
            "file_bytes": allowance.file_bytes,
            "processes": allowance.processes if self._isolation.is_walled else None,
        }
        self._lock = threading.Lock()  # held while the child is started, stopped or given up
        self._link: Link | None = None
        self._log: Log | None = None
        self._stopped = False

    def run(self, block: Block) -> Iterator[Event]:
        """Train `block` in the child, started if there is none.

        Raises `TrainingCrashed` with the reason "stopped" if `stop` was called meanwhile. Leaving
        the iterator before its end kills the child.
        """
        link = self._connect()
        completed = False
        try:
            with Watch(link, self._allowance, len(block.lanes)) as watch:
                yield from self._follow(link, block, watch)
            completed = watch.breach is None  # else the child was killed after its last word
        except TrainingCrashed as error:
            error.log_tail = self._last_words()
            raise
        finally:
            if not completed:
                self.close()

    def stop(self) -> None:
        """Kill the child and all it started, at once, from any thread."""
        with self._lock:
            self._stopped = True
            link = self._link
            if link is not None:
                link.kill()
        if link is not None:  # whoever stops it may exit next, and the guardian is dead as well
            link.wait()

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
                if self._log is not None:
                    self._log.clear()  # the block before may have been somebody else's
                return before
            link, self._log = _start(self._threads, self._isolation)
            self._link = link
        if before is not None:  # it died or was stopped between two blocks
            before.close()
        with suppress(BrokenPipeError):  # the end of its pipe will tell
            link.send(self._greeting)
        return link

    def _follow(self, link: Link, block: Block, watch: Watch) -> Iterator[Event]:
        with suppress(BrokenPipeError):  # the end of its pipe will tell
            link.send(block.document())
        while (message := self._receive(link)) is not None:
            if message["event"] == "done":
                return
            if message["event"] == "crashed":
                raise TrainingCrashed(message["message"], message["cause"], message["trace"])
            event = read_event(message)
            if isinstance(event, Ended) and event.result.state is RunState.FAILED:
                event = replace(event, log_tail=self._last_words())
            with watch.paused():
                yield event
        if self._stopped:
            raise TrainingCrashed(STOPPED, Cause.KILLED)
        if watch.breach is not None:
            raise watch.breach
        ending = link.ending()
        raise TrainingCrashed(ending, Cause.KILLED if link.was_killed else Cause.EXITED)

    def _last_words(self) -> str:
        return "" if self._log is None else self._log.tail()

    @staticmethod
    def _receive(link: Link) -> Message | None:
        try:
            return link.receive()
        except ValueError as error:  # training code can reach the pipe as well
            told = f"the child process said what is no message: {error}"
            raise TrainingCrashed(told, Cause.RAISED) from error


def _start(threads: int, isolation: Isolation) -> tuple[Link, Log]:
    """A child whose words are listened to, as soon as they are said."""
    log = Log()
    try:
        environment = {**child_environment(threads), "PYTHONUNBUFFERED": "1"}
        link = Link.start(PROGRAM, environment=environment, output=log.inlet, isolation=isolation)
        return link, log
    finally:
        log.begin()


def _resolved(folder: Path | None) -> str | None:
    return None if folder is None else str(folder.resolve())
