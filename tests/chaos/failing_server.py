"""A nursery of servers: each is the real one, and dies at the failpoint that it was given.

The one idea: what takes seconds is to load the libraries, not to start a server; so they are loaded
once, and every server is a fork, which is started as `glideslope serve` is, serves on the same port
and is killed by SIGKILL as any other process would be.
`Nursery` is the test's side. Not here: where failpoints are (`failpoints`).
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from tests.chaos.failpoints import Doorway, Point, Trap
from tests.chaos.processes import LISTENING, environment
from tuning.execution.link import die_with_parent

BORN = re.compile(r"^born (\d+)$")
DIED = re.compile(r"^died (-?\d+)$")


class Nursery:
    """Starts one server after the other on a database; ends with the block."""

    def __init__(self, database: str, log: Path, diary: Path) -> None:
        self.url = ""
        self._pid = 0
        self._log = log
        self._diary = diary
        self._database = database
        with log.open("a") as complaints:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.failing_server"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                env=environment({"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}),
                text=True,
            )

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Whatever happened, none of the processes outlives the block: servers die with it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def start(self, point: Point | None = None, *, plans: bool, **settings: str) -> None:
        """Start a server that dies at a point, if one is given; does its planner work?"""
        port = self.url.rsplit(":", 1)[-1] or "0"
        order = {
            "arguments": ["serve", "--no-worker", "--port", port, "--database", self._database],
            "point": None if point is None else asdict(point),
            "plans": plans,
            "diary": str(self._diary),
            "settings": settings,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self._pid = int(self._read(BORN))
        self.url = self._read(LISTENING)

    def wait_for_death(self) -> Point:
        """Wait until the server has killed itself; where."""
        code = int(self._read(DIED))
        assert code == -signal.SIGKILL, f"ended with {code}: {self._log.read_text()[-2000:]}"
        last = json.loads(self._diary.read_text().splitlines()[-1])
        assert last["pid"] == self._pid, "it died elsewhere"
        return Point(last["boundary"], last["moment"])

    def kill(self) -> None:
        """Kill the server as anybody may."""
        os.kill(self._pid, signal.SIGKILL)
        assert int(self._read(DIED)) == -signal.SIGKILL

    def stop(self) -> int:
        """End the server in order; returns its exit code."""
        os.kill(self._pid, signal.SIGTERM)
        return int(self._read(DIED))

    def _read(self, wanted: "re.Pattern[str]") -> str:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if found := wanted.search(line):
                return found.group(1)
            assert not DIED.search(line), f"{line.strip()}: {self._log.read_text()[-2000:]}"
        raise AssertionError(f"the nursery ended: {self._log.read_text()[-2000:]}")


def main() -> None:
    """Fork a server for every order, and tell when it is over."""
    die_with_parent(os.getppid())
    # Loaded once, for all of them.
    from service.cli import main as commands
    from service.cli import serving

    assert threading.active_count() == 1, "a fork would lose the other threads"
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _serve(order, commands.app, serving)
        _, status = os.waitpid(pid, 0)
        _say(f"died {os.waitstatus_to_exitcode(status)}")


def _say(words: str) -> None:
    sys.stdout.write(words + "\n")
    sys.stdout.flush()


def _serve(order: Mapping[str, Any], command: Callable[..., object], serving: Any) -> None:  # noqa: ANN401
    """Be a server, in a process of its own, until the end of it."""
    die_with_parent(os.getppid())
    _say(f"born {os.getpid()}")
    os.environ.update(order["settings"])
    if order["point"] is not None:
        _set_trap(Trap(Point(**order["point"]), Path(order["diary"])), serving)
    if not order["plans"]:
        _rest()
    try:
        command(order["arguments"], standalone_mode=False)
    except BaseException:  # noqa: BLE001 # a child must not go on as its parent
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    os._exit(0)


def _set_trap(trap: Trap, serving: Any) -> None:  # noqa: ANN401
    make = serving.create_app

    def make_trapped(*parts: Any, **more: Any) -> Any:  # noqa: ANN401
        app = make(*parts, **more)
        app.add_middleware(Doorway, trap=trap)
        return app

    trap.watch_transactions()
    serving.create_app = make_trapped


def _rest() -> None:
    """Let the planner do nothing: its child takes longer to start than anything else here."""
    from service.planner.planner import Planner

    Planner.round = lambda self: None  # type: ignore[method-assign] # noqa: ARG005


if __name__ == "__main__":
    main()
