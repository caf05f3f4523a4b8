"""Processes bound to cores."""

import os
import subprocess
import sys

import pytest

from tuning.execution.link import child_environment
from tuning.execution.pinning import cores, pin

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system knows no affinity"
)


def test_every_process_has_a_core_of_its_own() -> None:
    """As many processes as cores are given each a different core that may be used."""
    allowed = os.sched_getaffinity(0)
    given = cores(len(allowed))
    assert set(given) == allowed
    assert len(given) == len(allowed)


def test_more_processes_than_cores_are_bound_to_none() -> None:
    """The system's scheduler shares cores out better than we could."""
    processes = len(os.sched_getaffinity(0)) + 1
    assert list(cores(processes)) == [None] * processes


def test_a_bound_process_and_the_threads_of_xla_stay_on_their_core() -> None:
    """XLA's pool, made after the process was bound, runs on that core alone."""
    core = max(os.sched_getaffinity(0))
    program = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from tuning.execution.pinning import pin\n"
        "pin(int(sys.argv[1]))\n"
        "import jax.numpy as jnp\n"
        "(jnp.ones((600, 600)) @ jnp.ones((600, 600))).block_until_ready()\n"
        "threads = [int(path.name) for path in Path('/proc/self/task').iterdir()]\n"
        "bound = {core for thread in threads for core in os.sched_getaffinity(thread)}\n"
        "print(len(threads), bound)\n"
    )
    command = [sys.executable, "-c", program, str(core)]
    environment = child_environment()
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    threads, bound = done.stdout.split(maxsplit=1)
    assert int(threads) > 1
    assert bound.strip() == f"{{{core}}}"


def test_no_core_binds_nothing() -> None:
    """None leaves the affinity as it is."""
    before = os.sched_getaffinity(0)
    pin(None)
    assert os.sched_getaffinity(0) == before
