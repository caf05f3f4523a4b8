"""Limits: what the kernel itself denies to training code, in the process that trains.

The one idea: an allowance that can be kept without watching is told to the kernel before any
training code is there, for good: neither it nor what it starts can raise it again. No core is ever
dumped, for it would hold data and may fill the disk.
Not here: memory and time, which are watched from outside (`tuning.execution.watch`): an address
space says nothing of memory, and a processor's seconds nothing of a hang.
"""

import resource

_INFINITE = resource.RLIM_INFINITY


def confine(
    files: int | None = None, file_bytes: int | None = None, processes: int | None = None
) -> None:
    """Limit this process, and what it starts.

    Args:
        files: that may be open at once; None: as many as before.
        file_bytes: that a file may grow to by its writing, which fails beyond; None: any.
        processes: of its user, threads counted, that there may be when one more is started, unless
            that is root. They are counted for each namespace of users, so this is for a process
            behind a wall: without one, all else that the user runs would count. None: any.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, most in (
        (resource.RLIMIT_NOFILE, files),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NPROC, processes),
    ):
        if most is not None:
            soft, hard = resource.getrlimit(kind)
            resource.setrlimit(kind, (_lower(soft, most), _lower(hard, most)))


def _lower(before: int, most: int) -> int:
    return most if before == _INFINITE else min(before, most)
