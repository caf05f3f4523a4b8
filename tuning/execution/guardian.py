"""Ends a process group when the process that holds the other end of a pipe is gone.

The one idea: nobody else is left to do it when a worker is killed outright: the kernel then kills
the worker's child, but not what training code had started. This runs in the child's process group,
so it signals its own group and no id can have passed to a stranger; whoever ends the group ends it
too. Run as a file by `tuning.execution.link.attach`; it imports nothing of ours, to stay small.
"""

import os
import select
import signal
import sys


def main() -> None:
    """Wait for the hang-up of the pipe whose reading end is the first argument, then kill."""
    pipe = select.poll()
    pipe.register(int(sys.argv[1]), 0)  # no event but the hang-up: messages are for the child
    pipe.poll()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
