"""Watch: what a process group holds, and what may be allowed."""

import os
import subprocess
import sys

import pytest

from tuning.errors import InvalidValue
from tuning.execution.watch import Allowance, group_of, own_bytes, resident_bytes

MEBIBYTE = 2**20
FAMILY = """
import os, sys
held = b"x" * (96 * 2**20)
for _ in range(2):
    if os.fork() == 0:
        sum(held[::4096])
        sys.stdin.read()
        os._exit(0)
print("ready", flush=True)
sys.stdin.read()
os.wait(), os.wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="read from /proc")
def test_pages_that_a_group_shares_count_once() -> None:
    """Two forks hold what their parent holds, which is three times resident but one's own once."""
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        members = group_of(parent.pid)
        assert len(members) == 3
        assert parent.pid in members
        assert sum(map(resident_bytes, members)) > 3 * 90 * MEBIBYTE
        assert 90 * MEBIBYTE < sum(map(own_bytes, members)) < 180 * MEBIBYTE
        parent.communicate(timeout=30)
    assert group_of(parent.pid) == []
    assert resident_bytes(parent.pid) == own_bytes(parent.pid) == 0


@pytest.mark.parametrize("value", [0, -1.0, float("nan")])
@pytest.mark.parametrize(
    "name", ["run_seconds", "memory_bytes", "files", "file_bytes", "processes"]
)
def test_nothing_can_be_trained_in_nothing(name: str, value: float) -> None:
    """The field is named."""
    with pytest.raises(InvalidValue, match=name):
        Allowance(**{name: value})


def test_this_process_is_in_its_own_group() -> None:
    """Wherever processes can be listed at all."""
    if sys.platform == "linux":
        assert os.getpid() in group_of(os.getpgrp())
