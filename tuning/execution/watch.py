"""Watch: ends a training that takes longer, or more memory, than it may.

The one idea: training code may hang or grow while everything around it is well, so its process
group is looked at from outside, by a thread of the parent, and killed when it goes too far.
Memory is what is resident, as an address space says nothing (XLA reserves far more than it uses).
Not here: what an objective declares to need, checked beforehand (`tuning.execution.memory`); what
the kernel denies (`tuning.execution.limits`).
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self, final

from tuning.errors import InvalidValue, TrainingCrashed
from tuning.execution.isolation import Network
from tuning.execution.link import Link
from tuning.records import Cause

LOOK_SECONDS = 0.2
GROUP_LOOKS = 5  # looks at the child alone per look at its whole group, which is dear

_PROC = Path("/proc")
_MEBIBYTE = 2**20


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What a training process may take.

    Args:
        run_seconds: time for one run, positive. A block gets so much for each of its lanes, which
            may be trained one after the other. None: any.
        memory_bytes: memory that the process and all it started may hold. None: any.
        files: that it may have open at once, and so may each process that it starts. None: any.
        file_bytes: that a file may grow to by its writing. None: any.
        processes: that it and all it started may be at once, threads counted. None: any. It holds
            behind a wall, and not for root.
        network: that it may have.
        user: name or number of who it is. None: who started it.
    """

    run_seconds: float | None = None
    memory_bytes: int | None = None
    files: int | None = None
    file_bytes: int | None = None
    processes: int | None = None
    network: Network = Network.AUTO
    user: str | None = None

    def __post_init__(self) -> None:
        """Refuse what nothing could be trained in."""
        for name in ("run_seconds", "memory_bytes", "files", "file_bytes", "processes"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise InvalidValue(name, value, "a positive number, or none")


UNLIMITED = Allowance()


class Watch:
    """Watches one block in the child of `link`, as a context manager.

    Args:
        link: to the child; killed when it goes too far, and `breach` then says why.
        allowance: of one run.
        lanes: runs in the block.
    """

    def __init__(self, link: Link, allowance: Allowance, lanes: int) -> None:
        self.breach: TrainingCrashed | None = None
        self._link = link
        self._allowance = allowance
        self._lanes = lanes
        self._over = threading.Event()
        self._is_paused = False
        self._thread = threading.Thread(target=self._look, name="watch", daemon=True)

    def __enter__(self) -> Self:
        """Begin to watch."""
        if self._allowance != UNLIMITED:
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no longer; what was noticed by now is in `breach`."""
        self._over.set()
        if self._thread.ident:
            self._thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Time that is not the training's: whoever listens to it is busy, say without network."""
        self._is_paused = True
        try:
            yield
        finally:
            self._is_paused = False

    def _look(self) -> None:
        spent, looks, before = 0.0, 0, time.monotonic()
        while not self._over.wait(LOOK_SECONDS):
            now = time.monotonic()
            spent += 0.0 if self._is_paused else now - before
            before = now
            self.breach = self._check_time(spent) or self._check_memory(
                is_whole=looks % GROUP_LOOKS == 0
            )
            if self.breach is not None:
                self._link.kill()
                return
            looks += 1

    def _check_time(self, spent: float) -> TrainingCrashed | None:
        each = self._allowance.run_seconds
        if each is None or spent <= each * self._lanes:
            return None
        runs = "1 run" if self._lanes == 1 else f"{self._lanes} runs"
        words = f"the training took longer than {each * self._lanes:g} s ({runs}, {each:g} s each)"
        return TrainingCrashed(words, Cause.TIMEOUT)

    def _check_memory(self, *, is_whole: bool) -> TrainingCrashed | None:
        limit = self._allowance.memory_bytes
        if limit is None:
            return None
        members = group_of(self._link.pid) if is_whole else [self._link.pid]
        if sum(map(resident_bytes, members)) <= limit:
            return None
        taken = sum(map(own_bytes, members))  # pages that members share count once here
        if taken <= limit:
            return None
        words = (
            f"the training process took {taken / _MEBIBYTE:,.0f} MiB with what it started; "
            f"{limit / _MEBIBYTE:,.0f} are allowed"
        )
        return TrainingCrashed(words, Cause.MEMORY)


def group_of(group: int) -> list[int]:
    """The ids of all processes in a process group (Linux only, else none)."""
    found = []
    with suppress(OSError):
        for name in filter(str.isdigit, (entry.name for entry in _PROC.iterdir())):
            # The name of a program, in parentheses, may hold anything.
            fields = _read(name, "stat").rpartition(b")")[2].split()
            if len(fields) > 2 and int(fields[2]) == group:
                found.append(int(name))
    return found


def resident_bytes(process: int) -> int:
    """Memory that a process holds, shared or not; 0 if there is no such process."""
    fields = _read(str(process), "statm").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE") if fields else 0


def own_bytes(process: int) -> int:
    """The same, but of pages held by several processes only its share; slower."""
    for line in _read(str(process), "smaps_rollup").splitlines():
        if line.startswith(b"Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def _read(process: str, name: str) -> bytes:
    try:
        return (_PROC / process / name).read_bytes()
    except OSError:  # it ended meanwhile, or this is no Linux
        return b""
