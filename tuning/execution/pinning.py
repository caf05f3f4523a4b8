"""Pinning: one training process per core.

The one idea: numerical libraries size their thread pools by the cores a process may run on, and
some heed nothing else (XLA ignores `OMP_NUM_THREADS`), so a training child is bound to one core
before any of them is loaded. Not here: how many processes there are (`service.worker`).
"""

import math
import os
import random
import sys
from pathlib import Path

QUOTA = Path("/sys/fs/cgroup/cpu.max")  # of the control group (version 2) of a container


def pin(core: int | None) -> None:
    """Bind this process, and what it starts, to one core; None leaves it free (Linux only)."""
    if core is not None and sys.platform == "linux":
        os.sched_setaffinity(0, {core})


def cores(count: int) -> list[int | None]:
    """The cores for `count` processes: one each, or None for all if there are more than cores.

    If there are fewer, any of the cores: workers beside each other do not all take the first ones.

    >>> cores(100_000) == [None] * 100_000
    True
    """
    if sys.platform != "linux":
        return [None] * count
    allowed = sorted(os.sched_getaffinity(0))
    if count > len(allowed):
        return [None] * count
    return [*sorted(random.sample(allowed, count))]  # it keeps no secret


def usable_cores(quota: Path = QUOTA) -> int:
    """How many cores this process may keep busy: of the machine, or of its container."""
    is_linux = sys.platform == "linux"
    count = len(os.sched_getaffinity(0)) if is_linux else os.cpu_count() or 1
    try:
        limit, period = quota.read_text(encoding="ascii").split()
        return min(count, math.ceil(int(limit) / int(period)))
    except (OSError, ValueError):  # no such group, or one without a limit: "max"
        return count
