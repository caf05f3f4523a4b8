"""Limits: what the kernel denies to training code, and to whatever it starts."""

import errno
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.tuning.execution.test_process import ODD, odd
from tuning.errors import TrainingCrashed
from tuning.execution import Allowance, Process

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
