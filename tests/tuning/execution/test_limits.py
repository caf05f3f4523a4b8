"""Limits: what the kernel denies to training code, and to whatever it starts."""

import errno
import json
import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.tuning.execution.test_process import ODD, odd
from tuning.errors import TrainingCrashed
from tuning.execution import Allowance, Network, Process

TOLD = """
import json, os, resource, subprocess, sys
from tuning.execution.limits import confine
confine({files}, {file_bytes})
def limits():
    kinds = ("CORE", "NOFILE", "FSIZE")
    return [resource.getrlimit(getattr(resource, "RLIMIT_" + kind)) for kind in kinds]
"""
OWN = "print(json.dumps(limits()))"
PROBE = "import resource; print(resource.getrlimit(resource.RLIMIT_FSIZE)[1])"
ACTS = f"""
found = {{}}
try:
    with open(sys.argv[1], "wb") as file:
        file.write(bytes(100_000))
except OSError as error:
    found["write"] = error.errno
handles = []
try:
    while len(handles) < 1000:
        handles.append(os.dup(0))
except OSError as error:
    found["open"] = error.errno
for handle in handles:
    os.close(handle)
found["child"] = int(subprocess.check_output([sys.executable, "-c", {PROBE!r}]))
print(json.dumps(found))
"""

# As a user of no other process: a name of its own for each run of this test.
FORKS = """
import ctypes, json, os, signal, sys, time
from tuning.execution.limits import confine
from tuning.execution.wall import raise_wall
os.setpgid(0, 0)
user = 60_000 + os.getpid() % 4_000
os.setgid(user)
os.setuid(user)
ctypes.CDLL(None).prctl(4, 1)  # as after the start of a program
def wait_for_ever():
    if child := os.fork():
        return child
    signal.pause()
outside = [wait_for_ever() for _ in range(10)]
if inner := os.fork():
    os.waitpid(inner, 0)
else:
    if sys.argv[1] == "True":
        raise_wall(has_network=True)
    confine(processes=20)
    count = 0
    try:
        while count < 100:
            wait_for_ever()
            count += 1
    except BlockingIOError:
        print(json.dumps(count), flush=True)
os.killpg(0, signal.SIGKILL)
"""


def run(code: str, files: int | None, file_bytes: int | None, *arguments: str) -> object:
    """What a confined process says."""
    program = TOLD.format(files=files, file_bytes=file_bytes) + code
    answer = subprocess.run(
        [sys.executable, "-c", program, *arguments], stdout=subprocess.PIPE, check=True, text=True
    )
    return json.loads(answer.stdout)


def test_limits_are_only_ever_lowered() -> None:
    """None is what was before, but for cores, which nobody dumps; too much is as before, too."""
    before, few = run(OWN, None, None), run(OWN, 100, 5000)
    assert isinstance(before, list)
    assert before[0] == [0, 0]
    assert few == [[0, 0], [100, 100], [5000, 5000]]
    assert run(OWN, 2**60, None) == before


def test_the_kernel_keeps_them(tmp_path: Path) -> None:
    """A write beyond fails as on a full disk, and kills nobody; children have them as well."""
    found = run(ACTS, 64, 50_000, str(tmp_path / "x"))
    assert isinstance(found, dict)
    assert (found["write"], found["open"]) == (errno.EFBIG, errno.EMFILE)
    assert found["child"] == 50_000
    assert (tmp_path / "x").stat().st_size == 50_000


def test_training_is_confined_as_its_allowance_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any of its code is there."""
    monkeypatch.setenv("PYTHONPATH", ODD)
    allowance = Allowance(files=200, file_bytes=70_000)
    executor = Process(modules=("odd_objectives",), allowance=allowance)
    with closing(executor), pytest.raises(TrainingCrashed) as crash:
        list(executor.run(odd("tells")))
    assert "core=(0, 0) files=(200, 200) file_bytes=(70000, 70000)" in str(crash.value)


@pytest.mark.usefixtures("has_walls")
@pytest.mark.parametrize("network", [Network.AUTO, Network.SHARED])
def test_processes_are_limited_behind_a_wall(
    monkeypatch: pytest.MonkeyPatch, network: Network
) -> None:
    """Where nothing else of the user counts."""
    monkeypatch.setenv("PYTHONPATH", ODD)
    allowance = Allowance(processes=99, network=network)
    executor = Process(modules=("odd_objectives",), allowance=allowance)
    with closing(executor), pytest.raises(TrainingCrashed, match=r"processes=\(99, 99\)"):
        list(executor.run(odd("tells")))


@pytest.mark.usefixtures("has_walls")
@pytest.mark.skipif(os.geteuid() != 0, reason="root alone may become a user who has nothing else")
@pytest.mark.parametrize(("is_walled", "counted"), [(True, 19), (False, 8)])
def test_the_kernel_counts_those_behind_the_wall_alone(is_walled: bool, counted: int) -> None:
    """Ten more of the same user run outside: they count where there is no wall."""
    answer = subprocess.run(  # it kills itself, with all that it started
        [sys.executable, "-c", FORKS, str(is_walled)],
        stdout=subprocess.PIPE,
        check=False,
        text=True,
    )
    assert json.loads(answer.stdout) == counted
