"""Memory: how many lanes fit beside each other into what is free.

The one idea: an objective that declares what lanes take is believed before a block starts; lanes
that do not fit together are trained one part after the other, which changes none of their bits.
Not here: ending a process that takes more than anybody declared (`tuning.execution.watch`).
"""

import os
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from tuning.errors import NotEnoughMemory
from tuning.execution.watch import resident_bytes

SHARE = 0.8  # of what is free; the rest is for evaluations, other processes and mistakes
MACHINE_SHARE = 0.8  # of the whole, which a training process may hold unless it is told
GIVEN_WAY = 500  # of 1000 points: as if half of the machine's memory were taken on top

Lane = TypeVar("Lane")


def split_to_fit(
    lanes: Sequence[Lane], bytes_of: Callable[[int], int] | None, free_bytes: int | None
) -> Iterator[Sequence[Lane]]:
    """Cut lanes into as few parts as fit into memory, one after the other.

    Args:
        lanes: in order.
        bytes_of: what so many of them take together, not falling as they grow in number; None if
            nobody knows, then all are one part.
        free_bytes: what is free; None if nobody knows, then all are one part, too.

    Raises `NotEnoughMemory` if not even one lane fits.

    >>> list(split_to_fit("abcde", lambda lanes: 100 + 300 * lanes, 1000))
    ['ab', 'cd', 'e']
    """
    if bytes_of is None or free_bytes is None:
        yield lanes
        return
    counts = range(1, len(lanes) + 1)
    count = bisect_right(counts, SHARE * free_bytes, key=bytes_of)
    if count < 1:
        raise NotEnoughMemory(bytes_of(1), free_bytes)
    for first in range(0, len(lanes), count):
        yield lanes[first : first + count]


def available_bytes(allowed_bytes: int | None = None) -> int | None:
    """Memory that this process may still take, in bytes; None where it cannot be told (no Linux).

    Args:
        allowed_bytes: what it may hold in all, with what it holds already; None if there is no
            such limit beside those of the machine and the control group.

    >>> available_bytes(allowed_bytes=0)
    0
    """
    limits = [_of_machine("MemAvailable"), _free_of_group()]
    if allowed_bytes is not None:
        limits.append(max(0, allowed_bytes - resident_bytes(os.getpid())))
    return min((limit for limit in limits if limit is not None), default=None)


def total_bytes() -> int | None:
    """Memory of this machine, or of the container, in bytes; None where it cannot be told."""
    limits = [_of_machine("MemTotal"), _of_group("memory.max")]
    return min((limit for limit in limits if limit is not None), default=None)


def usual_bytes() -> int | None:
    """What a training process may hold here unless it is told; None where it cannot be told."""
    whole = total_bytes()
    return None if whole is None else int(MACHINE_SHARE * whole)


def give_way() -> None:
    """Have the kernel, out of memory, end this process and its children before any other."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(GIVEN_WAY), encoding="ascii")


def _of_machine(name: str) -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kibibytes = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return 1024 * int(kibibytes[0]) if kibibytes else None


def _free_of_group() -> int | None:
    """What the control group (version 2) of a container leaves."""
    limit, used = _of_group("memory.max"), _of_group("memory.current")
    return None if limit is None or used is None else max(0, limit - used)


def _of_group(name: str) -> int | None:
    """A figure of the control group; None if there is none, or it sets no limit."""
    try:
        return int((Path("/sys/fs/cgroup") / name).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
