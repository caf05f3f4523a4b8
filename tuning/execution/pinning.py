"""Pinning: one core per training process.

The one idea: numerical libraries size their thread pools by the cores a process may use, XLA's
among them, which heeds no environment variable; bound to one core, each has one thread, and two
training processes do not slow each other down. It must be done before the first of them starts.
Not here: how many processes there are (`service.worker`).
"""

import os
from collections.abc import Sequence


def cores(processes: int) -> Sequence[int | None]:
    """A core for each of `processes`, or None for all where they cannot have one each.

    They cannot where the system knows no affinity (only Linux does), or if there are more
    processes than cores that this one may use: bound in pairs, they would wait for each other.
    """
    if not hasattr(os, "sched_getaffinity"):
        return [None] * processes
    allowed = sorted(os.sched_getaffinity(0))
    return allowed[:processes] if processes <= len(allowed) else [None] * processes


def pin(core: int | None) -> None:
    """Bind this process, with all threads it starts from now on, to `core`; None binds nothing."""
    if core is not None:
        os.sched_setaffinity(0, {core})
