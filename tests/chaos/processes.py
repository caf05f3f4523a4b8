"""Real processes under test: a server, workers that write down what they were told, and faults.

The one idea: everything runs as a user would start it, on loopback, with short leases; processes
are stopped by their own id only. A recording worker is the real worker whose HTTP client writes
down what it asked and was answered (`tests.chaos.recording`).
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.recording import Recorder, Witness, read_told

__all__ = ["RecordingWorker", "Server", "Witness", "ended", "environment", "read_told"]

ROOT = Path(__file__).parents[2]
LEASES = {
    "GLIDESLOPE_LEASE_SECONDS": "2",
    "GLIDESLOPE_HEARTBEAT_SECONDS": "0.5",
    "GLIDESLOPE_SWEEP_SECONDS": "0.5",
    "GLIDESLOPE_DRAIN_SECONDS": "1",
    "GLIDESLOPE_LANES": "2",
    "GLIDESLOPE_PROCESSES": "1",
    "GLIDESLOPE_MAX_ATTEMPTS": "10",  # kills come far quicker here than in any life
}
PROGRAM = "service.cli.main"  # or one that does the same and something worse
LISTENING = re.compile(r"listening on (http://\S+)")
STOP_SECONDS = 60  # on a busy machine; who takes longer hangs
AS_MODULE = ("-m",)  # how a program is run; `tests.chaos.clocks` knows another way


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process under test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GLIDESLOPE")}
    return {**kept, **LEASES, "PYTHONPATH": str(ROOT), **(extra or {})}


class Server:
    """A server process that can be killed and started again on the same port and database."""

    def __init__(
        self,
        database: str,
        log: Path,
        *,
        has_worker: bool = False,
        lease_seconds: float = 2.0,
        variables: Mapping[str, str] | None = None,
        program: str = PROGRAM,
        launch: Sequence[str] = AS_MODULE,
    ) -> None:
        self._program = program
        self._database = database
        self._launch = launch
        self._log = log
        self._has_worker = has_worker
        self._variables = {"GLIDESLOPE_LEASE_SECONDS": str(lease_seconds), **(variables or {})}
        self._port = 0
        self.url = ""
        self.process = self._start()

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.kill()
        self._wait()

    def restart(self) -> None:
        """Start it again."""
        self.process = self._start()

    def stop(self) -> int:
        """End it in order; returns its exit code."""
        self.process.terminate()
        return self._wait()

    def _wait(self) -> int:
        code = self.process.wait(STOP_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return code

    def _start(self) -> "subprocess.Popen[str]":
        flag = "--worker" if self._has_worker else "--no-worker"
        with self._log.open("a") as log:
            process = subprocess.Popen(
                [
                    *(sys.executable, *self._launch, self._program, "serve", flag),
                    *("--port", str(self._port), "--database", self._database),
                    *("--parent", str(os.getpid())),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(self._variables),
                text=True,
            )
        assert process.stdout is not None
        for line in process.stdout:
            found = LISTENING.search(line)
            if found:
                self.url = found.group(1)
                self._port = int(self.url.rsplit(":", 1)[1])
                return process
        process.stdout.close()
        raise AssertionError(f"the server ended with {process.wait()}: {self._log.read_text()}")


class RecordingWorker:
    """A worker process that writes what it tells, and what it is answered, to a file."""

    def __init__(
        self,
        url: str,
        name: str,
        history: Path,
        log: Path,
        variables: Mapping[str, str] | None = None,
        *,
        launch: Sequence[str] = AS_MODULE,
    ) -> None:
        self.name = name
        program = ("tests.chaos.processes", url, name, str(history))
        self._command = [sys.executable, *launch, *program]
        self._log = log
        self._environment = environment(variables)
        self.process = self._start()

    def kill(self) -> None:
        """Kill it with SIGKILL; its training children die with it."""
        self.process.kill()
        self.process.wait()

    def restart(self) -> None:
        """Start it again, under the same name."""
        self.process = self._start()

    def freeze(self) -> None:
        """Stop it with SIGSTOP."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """End it in order; returns its exit code."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def _start(self) -> "subprocess.Popen[bytes]":
        with self._log.open("a") as log:
            return subprocess.Popen(self._command, stdout=log, stderr=log, env=self._environment)


@contextmanager
def ended(*processes: Server | RecordingWorker) -> Iterator[None]:
    """Whatever happens, none of these processes outlives the block."""
    try:
        yield
    finally:
        for one in processes:
            if one.process.poll() is None:
                one.kill()


def main() -> None:
    """Be a recording worker."""
    from service.client import Client
    from service.settings import Settings
    from service.worker import run
    from tuning.execution.link import die_with_parent

    url, name, history = sys.argv[1:]
    die_with_parent(os.getppid())
    modules = Settings().modules
    with Client(url, transport=Recorder(Path(history), name)) as client:
        sys.exit(run(client, name=name, processes=1, lanes=2, drain_seconds=1.0, modules=modules))


if __name__ == "__main__":
    main()
