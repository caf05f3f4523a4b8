"""Processes bound to cores."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tuning.execution.link import child_environment
from tuning.execution.pinning import cores, pin, usable_cores

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


def test_workers_beside_each_other_do_not_all_take_the_first_core() -> None:
    """One process gets any of the cores, so several workers of a machine share it out."""
    allowed = os.sched_getaffinity(0)
    drawn = {core for _ in range(50 * len(allowed)) for core in cores(1)}
    assert drawn == allowed


@pytest.mark.parametrize(
    ("quota", "share"),
    [("50000 100000", 1), ("100000 100000", 1), ("100001 100000", 2), ("max 100000", None)],
)
def test_a_container_keeps_as_many_cores_busy_as_it_was_given(
    tmp_path: Path, quota: str, share: int | None
) -> None:
    """Its quota, rounded up, and never more than there are; without one, all of them."""
    file = tmp_path / "cpu.max"
    file.write_text(f"{quota}\n")
    there = len(os.sched_getaffinity(0))
    assert usable_cores(file) == (there if share is None else min(share, there))


def test_all_cores_are_usable_outside_of_a_container(tmp_path: Path) -> None:
    """Where no control group says otherwise."""
    assert usable_cores(tmp_path / "none") == len(os.sched_getaffinity(0))


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
