"""Memory: how many lanes fit beside each other into what is free.

The one idea: an objective that declares what a lane needs is believed before a block starts; lanes
that do not fit together are trained one part after the other, which changes none of their bits.
Not here: ending a process that takes more than anybody declared (`tuning.execution.process`).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from tuning.errors import NotEnoughMemory

SHARE = 0.8  # of what is free; the rest is for evaluations, other processes and mistakes

Lane = TypeVar("Lane")


def split_to_fit(
    lanes: Sequence[Lane], lane_bytes: int | None, free_bytes: int | None = None
) -> Iterator[Sequence[Lane]]:
    """Cut lanes into as few parts as fit into memory, one after the other.

    Args:
        lanes: in order.
        lane_bytes: what one of them needs; None if nobody knows, then all are one part.
        free_bytes: what is free; by default what the kernel and the control group leave.

    Raises `NotEnoughMemory` if not even one lane fits.

    >>> list(split_to_fit("abcde", 300, 1000))
    ['ab', 'cd', 'e']
    """
    if lane_bytes is None or not lane_bytes:
        yield lanes
        return
    free = available_bytes() if free_bytes is None else free_bytes
    if free is None:
        yield lanes
        return
    count = int(SHARE * free // lane_bytes)
    if count < 1:
        raise NotEnoughMemory(lane_bytes, free)
    for first in range(0, len(lanes), count):
        yield lanes[first : first + count]


def available_bytes() -> int | None:
    """Memory that may still be taken, in bytes; None where it cannot be told (no Linux)."""
    limits = [_free_of_machine(), _free_of_group()]
    return min((limit for limit in limits if limit is not None), default=None)


def _free_of_machine() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    kibibytes = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return 1024 * int(kibibytes[0]) if kibibytes else None


def _free_of_group() -> int | None:
    """What the control group (version 2) of a container leaves."""
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text(encoding="ascii").strip()
        used = int((group / "memory.current").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(0, int(limit) - used)
