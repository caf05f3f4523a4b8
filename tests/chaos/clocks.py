"""A launcher that gives a process a wall clock of its own, which a test moves while it runs.

`python -m tests.chaos.clocks FILE MODULE ARGUMENTS` runs a module as `python -m` would, with
`time.time` ahead by the seconds that FILE says. The one idea: the file is looked at each time, so
the clock jumps, forward or back, at the moment the test writes it. What counts seconds (the
monotonic clock) goes on as it does when a machine's clock is set.
"""

import os
import runpy
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path

NUMBER = struct.Struct("d")


@dataclass(frozen=True, slots=True)
class Clock:
    """A wall clock that can be set, of the processes launched with it."""

    file: Path

    def set(self, ahead_seconds: float) -> None:
        """Let it be so far ahead of the machine's."""
        handle = os.open(self.file, os.O_WRONLY | os.O_CREAT)
        os.pwrite(handle, NUMBER.pack(ahead_seconds), 0)
        os.close(handle)

    @property
    def launch(self) -> tuple[str, ...]:
        """What to run a module with."""
        return "-m", "tests.chaos.clocks", str(self.file)


def main() -> None:
    """Be another program, whose clock is ours."""
    file, module = sys.argv[1:3]
    handle, right = os.open(file, os.O_RDONLY), time.time

    def shifted() -> float:
        ahead: float = NUMBER.unpack(os.pread(handle, NUMBER.size, 0))[0]
        return right() + ahead

    time.time = shifted
    time.time_ns = lambda: int(shifted() * 1e9)
    sys.argv = [module, *sys.argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
