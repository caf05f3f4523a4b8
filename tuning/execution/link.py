"""A child process that speaks JSON lines and dies with its parent.

The one idea: two pipes of their own connect parent (`Link`) and child (`attach`), so what the
child prints disturbs nothing. The child's life hangs on its parent's: the kernel kills it when the
parent dies, and a guardian beside it then kills its whole process group. The parent in turn kills
whatever a dead child left in the group, so the end of the child is seen as the end of the pipe.
Only a process that leaves the group, by a session of its own, escapes both.
Not here: what is said over the link (`tuning.execution.process`, `tuning.execution.child`), how a
child is kept apart (`tuning.execution.isolation`).
"""

import ctypes
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from tuning.errors import TrainingCrashed
from tuning.execution.isolation import Isolation, clear_room

Message = dict[str, Any]

THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",  # XLA, which else takes as many as there are cores
)
KEPT_VARIABLES = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH"),
    # Which device, and how much of it: several children share a GPU.
    *("CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS"),
)
# How numerical libraries compute, down to the last bit: as in the process that starts the child.
KEPT_FAMILIES = ("PYTHON", "GLIDESLOPE_LOG_", "OPENBLAS_", "MKL_", "NPY_", "XLA_")
EXIT_SECONDS = 5.0  # between the end of a child's pipe and the end of the child

_ENDS = "GLIDESLOPE_LINK"  # tells the child its two pipe ends, its parent's pid and its room
_NOT_APART = Isolation(is_walled=False)
_PR_SET_PDEATHSIG = 1


_starters: dict[int, ThreadPoolExecutor] = {}  # by process: a forked parent needs its own


def _starter() -> ThreadPoolExecutor:
    """The one thread of this process that starts children; it lives as long as the interpreter.

    The kernel's death signal follows the thread that started a child, not its process: a child
    started by a passing thread would be killed when that thread ends.
    """
    fresh = ThreadPoolExecutor(max_workers=1, thread_name_prefix="child-starter")
    # Two threads may come first at once, and both must get the same one; the other has no thread.
    return _starters.setdefault(os.getpid(), fresh)


def child_environment(threads: int = 1) -> dict[str, str]:
    """The environment of a child: no secrets, so many threads per numerical library.

    >>> child_environment()["OMP_NUM_THREADS"]
    '1'
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT_VARIABLES or name.startswith(KEPT_FAMILIES)
    }
    if kept.get("PYTHONPATH"):  # the child may stand in another folder
        places = kept["PYTHONPATH"].split(os.pathsep)
        kept["PYTHONPATH"] = os.pathsep.join(str(Path(place).absolute()) for place in places)
    return {**kept, **dict.fromkeys(THREADS, str(threads))}


class Link:
    """The parent's end: one child, started by `Link.start`.

    `send` and `receive` belong to one thread at a time; `kill` may be called from any.
    """

    def __init__(
        self, process: "subprocess.Popen[bytes]", inward: int, outward: int, room: str
    ) -> None:
        self._process = process
        self._room = room
        self._inward = os.fdopen(inward, encoding="utf-8")
        self._outward = os.fdopen(outward, "w", encoding="utf-8")
        self._lock = threading.Lock()  # held while the child is signalled or reaped
        self._reaper = threading.Thread(target=self._reap, name="child-reaper", daemon=True)
        self._reaper.start()

    @staticmethod
    def start(
        module: str,
        arguments: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        output: int = 2,
        isolation: Isolation | None = None,
    ) -> "Link":
        """Start `python -m module arguments…` in a session of its own, and connect to it.

        Args:
            module: importable from anywhere; it must call `attach` first of all.
            arguments: of the command line.
            environment: all of it; `child_environment()` by default.
            output: where what it prints goes, as a file descriptor; standard error by default.
            isolation: how it is kept apart, in a fresh folder; None: as little as any child.

        Returns:
            At once; what is sent waits until the child reads it.
        """
        apart = _NOT_APART if isolation is None else isolation
        variables = child_environment() if environment is None else dict(environment)
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        room = ""
        try:
            if isolation is not None:
                room = apart.make_room()
                variables |= apart.variables(room)
            variables[_ENDS] = f"{theirs_in} {theirs_out} {os.getpid()} {room}"
            process = (
                _starter()
                .submit(
                    _spawn,
                    apart,
                    apart.command(module, arguments),
                    room,
                    variables,
                    (theirs_in, theirs_out),
                    output,
                )
                .result()
            )
        except BaseException:
            os.close(ours_in)
            os.close(ours_out)
            if room:
                clear_room(room)
            raise
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        return Link(process, ours_in, ours_out, room)

    @property
    def pid(self) -> int:
        """The child's process id, which is also that of its process group."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the child still runs."""
        return self._reaper.is_alive()

    def send(self, message: Message) -> None:
        """Send one message; raises `BrokenPipeError` if the child is dead."""
        self._outward.write(json.dumps(message) + "\n")
        self._outward.flush()

    def receive(self) -> Message | None:
        """Wait for one message; None when the child has ended, for then and ever."""
        line = self._inward.readline()
        if not line.endswith("\n"):  # a line cut short by the child's death says nothing
            return None
        message: Message = json.loads(line)
        return message

    def kill(self) -> None:
        """Kill the child and everything in its process group, at once."""
        with self._lock:
            if self._process.returncode is None:
                self._kill_group()

    def wait(self) -> None:
        """Wait for the end of a child that was killed, and of its room; not for ever."""
        self._reaper.join(EXIT_SECONDS)

    def close(self) -> None:
        """Kill the child, wait for its end and close the pipes."""
        self.kill()
        self._reaper.join()
        self._inward.close()
        with suppress(BrokenPipeError):  # unsent bytes for a dead child
            self._outward.close()

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended the child; False while it runs."""
        return (self._process.returncode or 0) < 0

    def ending(self) -> str:
        """How the child ended, in words; a child that does not end by itself is killed."""
        self._reaper.join(EXIT_SECONDS)
        if self._reaper.is_alive():
            self.kill()
            self._reaper.join()
        code = self._process.returncode
        if code < 0:
            return f"the child process was killed by {signal.Signals(-code).name}"
        return f"the child process exited with code {code}"

    def _reap(self) -> None:
        """Wait for the child's end, then end what it left behind."""
        # Not reaped yet, so its process id cannot have passed to a stranger when it is signalled.
        os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOWAIT)
        with self._lock:
            self._kill_group()
            self._process.wait()
        if self._room:
            clear_room(self._room)

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


def _spawn(
    isolation: Isolation,
    command: Sequence[str],
    room: str,
    variables: Mapping[str, str],
    ends: tuple[int, int],
    output: int,
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 - a module of ours
        command,
        cwd=room or None,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=output,  # prints of training code go where errors go
        stderr=output,
        pass_fds=ends,
        start_new_session=True,
        **isolation.identity(),
    )


class Channel:
    """The child's end, made by `attach`."""

    def __init__(self, inward: int, outward: int, guardian: "subprocess.Popen[bytes]") -> None:
        self._guardian = guardian  # held: Python warns of one forgotten while it runs
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._outward = os.fdopen(outward, "w", encoding="utf-8")
        # A thread of its own, so that the end of the pipe is seen while the main thread trains.
        threading.Thread(target=self._listen, args=(inward,), name="listener", daemon=True).start()

    def receive(self) -> Message:
        """Wait for one message; never returns if there is none, for the process ends then."""
        return self._inbox.get()

    def send(self, message: Message) -> None:
        """Send one message to the parent."""
        self._outward.write(json.dumps(message) + "\n")
        self._outward.flush()

    def _listen(self, inward: int) -> NoReturn:
        with os.fdopen(inward, encoding="utf-8") as lines:
            for line in lines:
                self._inbox.put(json.loads(line))
        os._exit(1)  # the guardian ends the rest


def attach(*, nice: int = 0) -> Channel:
    """Connect to the parent that started this process by `Link.start`.

    Args:
        nice: how much to give way to other processes, 0 to 19.

    Raises `TrainingCrashed` if this process was not started so.
    """
    ends = os.environ.pop(_ENDS, None)  # not for the processes this one starts
    if ends is None:
        raise TrainingCrashed("this module is started by its parent, not by hand")
    *numbers, room = ends.split(" ", 3)
    inward, outward, parent = map(int, numbers)
    # The guardian first: it removes the room even if the parent is dead by now.
    guardian = _guard(inward, room)
    die_with_parent(parent)
    for end in (inward, outward):
        os.set_inheritable(end, False)  # noqa: FBT003 - it takes no keywords
    os.nice(nice)
    return Channel(inward, outward, guardian)


def _guard(inward: int, room: str) -> "subprocess.Popen[bytes]":
    """Start what ends this group, and removes the room, when the pipe that comes in does."""
    program = str(Path(__file__).with_name("guardian.py"))
    return subprocess.Popen(  # noqa: S603 - a file of ours
        [sys.executable, "-I", "-S", program, str(inward), room],
        stdin=subprocess.DEVNULL,
        pass_fds=(inward,),
    )


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux only).

    Args:
        parent: process id of the parent; if it is dead already, this process exits now.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
