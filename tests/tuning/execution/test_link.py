"""Links: messages arrive exactly, and no child outlives its parent or its welcome."""

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tuning.errors import TrainingCrashed
from tuning.execution.link import Link, _starter, _starters, attach, child_environment

HERE = str(Path(__file__).parent)
SECONDS = 20  # patience on a busy machine

PARENT = """
import signal
from tuning.execution.link import Link
link = Link.start("echo_child")
link.send({"hello": 1})
link.receive()
print(link.pid, flush=True)
signal.pause()
"""


PARENT_OF_A_HELPER = """
import signal
from tuning.execution.link import Link
link = Link.start("echo_child")
link.send({"do": "start a helper"})
print(link.receive()["helper"], flush=True)
signal.pause()
"""


@pytest.fixture
def link(monkeypatch: pytest.MonkeyPatch) -> Iterator[Link]:
    """A link to an echoing child."""
    monkeypatch.setenv("PYTHONPATH", HERE)
    link = Link.start("echo_child")
    yield link
    link.close()


def wait_for_end(pid: int) -> None:
    """Return when that process has ended, reaped or not; fail if it does not."""
    try:
        end = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        assert select.select([end], [], [], SECONDS)[0], "still running"
    finally:
        os.close(end)


def test_messages_come_back_exactly(link: Link) -> None:
    """Text and numbers, infinities and the last bit included, survive both ways."""
    message = {"text": "Zürich\n\u2028", "numbers": [0.1, -1e-320, float("inf")], "none": None}
    link.send(message)
    link.send({"more": True})

    assert link.receive() == message
    assert link.receive() == {"more": True}


def test_the_child_has_its_own_session_and_gives_way(link: Link) -> None:
    """A Ctrl-C in the parent's terminal does not reach it, and it runs at the nice level asked."""
    link.send({})
    link.receive()

    assert os.getsid(link.pid) == os.getpgid(link.pid) == link.pid
    assert os.getpriority(os.PRIO_PROCESS, link.pid) == 5


def send_on(link: Link) -> None:
    """Send until it fails: a guardian that was killed as well may hold the pipe a moment longer."""
    while True:
        link.send({})


def test_a_killed_child_is_seen_as_the_end(link: Link) -> None:
    """After `kill` nothing is received, for good, and sending fails."""
    link.send({})
    link.receive()
    link.kill()

    assert link.receive() is None
    assert link.receive() is None
    assert link.ending() == "the child process was killed by SIGKILL"
    assert not link.is_alive
    with pytest.raises(BrokenPipeError):
        send_on(link)


def test_killing_twice_and_closing_twice_is_harmless(link: Link) -> None:
    """Ends may come from several sides."""
    link.kill()
    link.kill()
    link.close()
    link.kill()
    link.close()

    assert not link.is_alive


def test_an_exit_is_told_with_its_code(link: Link) -> None:
    """A child that ends by itself says how."""
    link.send({"do": "exit", "code": 3})

    assert link.receive() is None
    assert link.ending() == "the child process exited with code 3"


def test_half_a_message_is_no_message(link: Link) -> None:
    """A line cut short by the child's death is dropped."""
    link.send({"do": "die in the middle of a line"})

    assert link.receive() == {"first": "line"}
    assert link.receive() is None
    assert link.ending() == "the child process was killed by SIGSEGV"


def test_what_a_dead_child_left_running_is_ended(link: Link) -> None:
    """A helper that holds the pipe open neither survives nor hides the child's end."""
    link.send({"do": "leave a helper and exit"})
    message = link.receive()

    assert message is not None
    assert link.receive() is None
    wait_for_end(message["helper"])


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_the_child_dies_with_its_parent(end: signal.Signals) -> None:
    """However the parent ends, the child ends too."""
    environment = {**os.environ, "PYTHONPATH": HERE}
    command = [sys.executable, "-c", PARENT]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.send_signal(end)
        wait_for_end(child)


def test_what_the_child_started_dies_with_the_parent() -> None:
    """A `kill -9` of the parent leaves nothing behind, not even what its child had started."""
    environment = {**os.environ, "PYTHONPATH": HERE}
    command = [sys.executable, "-c", PARENT_OF_A_HELPER]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        helper = int(parent.stdout.readline())
        parent.kill()
        wait_for_end(helper)


def test_threads_that_start_the_first_children_at_once_share_a_starter() -> None:
    """A starter that only one of them kept would end, and the kernel would end its child."""
    _starters.clear()
    together = threading.Barrier(8)

    def ask() -> int:
        together.wait()
        return id(_starter())

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as threads:
            found = {asked.result() for asked in [threads.submit(ask) for _ in range(8)]}
    finally:
        sys.setswitchinterval(interval)
    assert len(found) == 1


def test_a_child_needs_a_parent() -> None:
    """A child's module started by hand refuses to run."""
    with pytest.raises(TrainingCrashed, match="by its parent"):
        attach()


def test_the_environment_decides_the_last_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries compute in a child as here: with other kernels a sum is another number."""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Haswell")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "8")
    environment = child_environment()

    assert environment["OPENBLAS_CORETYPE"] == "Haswell"
    assert environment["OPENBLAS_NUM_THREADS"] == "1"


def test_the_environment_holds_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what a program needs to run is passed on, and numerical libraries get one thread."""
    monkeypatch.setenv("GLIDESLOPE_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    environment = child_environment()

    assert "postgresql://secret" not in environment.values()
    assert environment["OMP_NUM_THREADS"] == environment["OPENBLAS_NUM_THREADS"] == "1"
    assert environment["PATH"] == os.environ["PATH"]
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
