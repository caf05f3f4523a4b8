"""A real Ray cluster on this machine: a head and further nodes, each with processes of its own.

The one idea: a node that is lost is one whose every process is killed at once, as if its machine
had lost its power; all are children of the process that `ray start` is. No dashboard, no usage
statistics, and deaths are noticed within seconds.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "2",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
}
STORE_BYTES = 80 * 2**20  # the least that Ray takes is 75 MiB
STARTED = "Ray runtime started"
CHILD = "tuning.execution.child"


class Node:
    """One node: `ray start --block` and all that it started."""

    def __init__(self, arguments: list[str], variables: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [
                *(sys.executable, "-m", "ray.scripts.scripts", "start", *arguments, "--block"),
                *("--disable-usage-stats", f"--object-store-memory={STORE_BYTES}"),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, **SETTINGS, **variables},
            text=True,
        )
        assert self._process.stdout is not None
        said = []
        for line in self._process.stdout:
            said.append(line)
            if STARTED in line:
                return
        raise AssertionError("".join(said))

    def processes(self) -> list[psutil.Process]:
        """All of the node, the one that started it first."""
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self._process.pid)
            return [first, *first.children(recursive=True)]
        return []

    def is_training(self) -> bool:
        """Whether a training child lives there."""
        for one in self.processes():
            with suppress(psutil.NoSuchProcess):
                if CHILD in one.cmdline():
                    return True
        return False

    def kill(self) -> None:
        """Kill everything with SIGKILL, and wait for its end."""
        victims = self.processes()
        for one in victims:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self._process.wait()
        psutil.wait_procs(victims, timeout=20)
        if self._process.stdout is not None:
            self._process.stdout.close()


class RayCluster:
    """A head, and nodes that are added to it.

    Args:
        cores: of the head.
        variables: of the environment of every node.
    """

    def __init__(self, folder: str, cores: int, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._cores = cores
        self._variables = {"PYTHONPATH": str(ROOT), **variables}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.address = f"127.0.0.1:{self._port}"
        self.nodes: list[Node] = []
        self.start_head()

    def start_head(self) -> Node:
        """Start the head, at the same address every time."""
        return self._start(
            *("--head", f"--port={self._port}", "--node-ip-address=127.0.0.1"),
            *("--include-dashboard=false", f"--num-cpus={self._cores}"),
            f"--temp-dir={self._folder}",
        )

    def add(self) -> Node:
        """Start a node with one core."""
        return self._start(
            f"--address={self.address}", "--node-ip-address=127.0.0.1", "--num-cpus=1"
        )

    def _start(self, *arguments: str) -> Node:
        node = Node(list(arguments), self._variables)
        self.nodes.append(node)
        return node


@contextmanager
def ray_cluster(cores: int = 1, **variables: str) -> Iterator[RayCluster]:
    """A cluster; none of its processes outlives the block."""
    # Not under pytest's own folder: the names of its sockets would be too long.
    folder = tempfile.mkdtemp(prefix="gs-ray-", dir="/tmp")
    cluster = None
    try:
        cluster = RayCluster(folder, cores, variables)
        yield cluster
    finally:
        for node in cluster.nodes if cluster else ():
            node.kill()
        shutil.rmtree(folder, ignore_errors=True)
