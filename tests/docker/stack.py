"""Programs of the stack, started from this checkout or from an image, on addresses of loopback.

The one idea: what is started is the command that a container would be given, with the variables of
one; where it comes from is the only difference. Two servers share a port on two addresses, as two
containers do, and a name of both is in a file of hosts that the proxy alone sees.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx2

from tests.docker.image import run_command

DOCKER = Path(__file__).parents[2] / "docker"
USER = (10001, 10001)  # of the image
SERVERS = ("127.0.0.2", "127.0.0.3")
QUICK = {
    "GLIDESLOPE_LEASE_SECONDS": "5",
    "GLIDESLOPE_HEARTBEAT_SECONDS": "1",
    "GLIDESLOPE_SWEEP_SECONDS": "1",
    "GLIDESLOPE_DRAIN_SECONDS": "1",
}
START_SECONDS = 60.0
STOP_SECONDS = 30.0

Process = subprocess.Popen[bytes]
# How a command of `glideslope` becomes one of this machine: words, variables.
Launch = Callable[[tuple[str, ...], Mapping[str, str]], tuple[list[str], dict[str, str]]]


def from_checkout(
    words: tuple[str, ...], variables: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """The command of this checkout; its variables are those of the caller but for our own."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("GLIDESLOPE")}
    root = str(DOCKER.parent)
    command = [sys.executable, "-m", "service.cli.main", *words]
    return command, {**kept, "PYTHONPATH": root, **variables}


def from_image(
    built: Path, folder: Path, sockets: str, words: tuple[str, ...], variables: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """The command of a container; all of them share what they may write, in a folder of theirs.

    What knows the database sees the folder with its socket, too.
    """
    var = folder / "var"
    for place in (var, var / "cache", var / "datasets"):
        place.mkdir(exist_ok=True)
        os.chown(place, *USER)
    command = run_command(built, words, variables, var)
    if "GLIDESLOPE_DATABASE_URL" in variables:
        command.insert(command.index("run") + 1, f"--volume={sockets}:{sockets}")
    return command, dict(os.environ)


def free_port(*hosts: str) -> int:
    """A port that is free on all of these addresses."""
    with ExitStack() as stack:
        port = 0
        for host in hosts:
            listener = stack.enter_context(socket.socket())
            listener.bind((host, port))
            port = listener.getsockname()[1]
        return port


class Stack:
    """A database, its servers and workers and the proxy before them."""

    def __init__(self, launch: Launch, database: str, folder: Path) -> None:
        self._launch = launch
        self._variables = {"GLIDESLOPE_DATABASE_URL": database, "GLIDESLOPE_REQUIRE_KEYS": "true"}
        self._folder = folder
        self._processes: list[Process] = []
        self.servers: list[Process] = []
        self.port = free_port(*SERVERS)
        proxied = free_port("127.0.0.1", *SERVERS)
        self.url = f"http://127.0.0.1:{proxied}"
        self._site = f":{proxied}"

    def end(self) -> None:
        """End everything that was started, the last first."""
        for process in reversed(self._processes):
            self.stop(process)

    def run(self, *words: str) -> str:
        """Run one command on the database to its end; returns what it printed."""
        command, variables = self._launch(words, self._variables)
        done = subprocess.run(
            command, env=variables, cwd=self._folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def serve(self) -> None:
        """Start a server on each of the addresses, and wait until they are ready."""
        for host in SERVERS:
            own = {"GLIDESLOPE_HOST": host, "GLIDESLOPE_PORT": str(self.port), **QUICK}
            opened = {"GLIDESLOPE_METRICS_OPEN": "true"}
            words = ("serve", "--no-worker")
            self.servers.append(self._start(words, {**self._variables, **own, **opened}))
        for host, process in zip(SERVERS, self.servers, strict=True):
            self._await(f"http://{host}:{self.port}/readyz", process)

    def work(self, key: str) -> Process:
        """Start a worker, which knows the proxy and its key."""
        own = {"GLIDESLOPE_URL": self.url, "GLIDESLOPE_API_KEY": key, "GLIDESLOPE_PROCESSES": "1"}
        return self._start(("worker",), {**own, **QUICK})

    def proxy(self, caddy: str) -> None:
        """Start the proxy with its real file; only its name of the servers is told by us."""
        hosts = self._folder / "hosts"
        hosts.write_text("127.0.0.1 localhost\n" + "".join(f"{one} api\n" for one in SERVERS))
        script = 'mount --bind "$0" /etc/hosts && exec "$@"'
        program = [caddy, "run", "--adapter", "caddyfile", "--config", str(DOCKER / "Caddyfile")]
        process = self._popen(
            ["unshare", "--mount", "sh", "-c", script, str(hosts), *program],
            {
                "PATH": os.environ["PATH"],
                "HOME": str(self._folder),
                "GLIDESLOPE_SITE": self._site,
                "GLIDESLOPE_API_PORT": str(self.port),
            },
        )
        self._await(f"{self.url}/livez", process)

    def stop(self, process: Process) -> int:
        """End a process in order, and by force if that takes too long; returns its exit code."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                return process.wait(STOP_SECONDS)
            process.kill()
        return process.wait()

    def _start(self, words: tuple[str, ...], variables: Mapping[str, str]) -> Process:
        return self._popen(*self._launch(words, variables))

    def _popen(self, command: list[str], variables: Mapping[str, str]) -> Process:
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                command, env=variables, cwd=self._folder, stdout=log, stderr=log
            )
        self._processes.append(process)
        return process

    def _await(self, url: str, process: Process) -> None:
        """Wait until an address answers with 200."""
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and process.poll() is None:
            with suppress(httpx2.TransportError):
                if httpx2.get(url, trust_env=False).status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"{url} does not answer: {(self._folder / 'log').read_text()}")


def why_not(*tools: str) -> str | None:
    """Why a proxy cannot be started as in a container of its own; None if it can."""
    if os.geteuid() != 0:
        return "a file of hosts of its own needs root"
    missing = [tool for tool in ("unshare", *tools) if shutil.which(tool) is None]
    return f"not installed: {', '.join(missing)}" if missing else None
