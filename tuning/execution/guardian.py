"""Ends a process group when the process that holds the other end of a pipe is gone.

The one idea: nobody else is left to do it when a worker is killed outright: the kernel then kills
the worker's child, but not what training code had started, nor is its folder removed. This runs in
the child's process group, so it signals its own group and no id can have passed to a stranger;
whoever ends the group ends it too. A copy of it, outside the group, outlives that and removes the
folder. Run as a file by `tuning.execution.link.attach`; it imports nothing of ours, to stay small.
"""

import os
import select
import signal
import sys
from contextlib import suppress

CLEARING_PAUSES_SECONDS = (0.0, 0.02, 0.1, 0.5, 1.0)  # for those who are just being killed


def main() -> None:
    """Wait for the hang-up of the pipe whose reading end is the first argument, then kill.

    The second argument is the folder to be removed, empty if there is none.
    """
    end, room = int(sys.argv[1]), sys.argv[2]
    copy = os.fork() if room else None
    if copy:
        os.setpgid(copy, copy)  # here, for it must be out of the group before that is killed
    pipe = select.poll()
    pipe.register(end, 0)  # no event but the hang-up: messages are for the child
    pipe.poll()
    if copy == 0:
        clear(room)
    else:
        os.killpg(0, signal.SIGKILL)


def clear(room: str) -> None:
    """Remove a folder with all that is in it, unless somebody did."""
    for pause in CLEARING_PAUSES_SECONDS:
        select.select([], [], [], pause)
        # By hand: importing `shutil` costs more than all of this file.
        for folder, folders, files in os.walk(room, topdown=False):
            for name in (*files, *folders):
                remove(f"{folder}/{name}")
        remove(room)
        if not os.path.lexists(room):
            return


def remove(path: str) -> None:
    """Remove a file, a link or an empty folder, if it can be."""
    for how in (os.unlink, os.rmdir):
        with suppress(OSError):
            how(path)


if __name__ == "__main__":
    main()
