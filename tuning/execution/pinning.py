"""Pinning: one training process per core.

The one idea: numerical libraries size their thread pools by the cores a process may run on, and
some heed nothing else (XLA ignores `OMP_NUM_THREADS`), so a training child is bound to one core
before any of them is loaded. Not here: how many processes there are (`service.worker`).
"""

import os
import sys


def pin(core: int | None) -> None:
    """Bind this process, and what it starts, to one core; None leaves it free (Linux only)."""
    if core is not None and sys.platform == "linux":
        os.sched_setaffinity(0, {core})


def cores(count: int) -> list[int | None]:
    """The cores for `count` processes: one each, or None for all if there are more than cores.

    >>> cores(100_000) == [None] * 100_000
    True
    """
    if sys.platform != "linux":
        return [None] * count
    allowed = sorted(os.sched_getaffinity(0))
    return [*allowed[:count]] if count <= len(allowed) else [None] * count
