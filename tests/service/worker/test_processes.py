"""Workers as processes with training children: signals, kills and stops leave nothing behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from tests.service.worker.board import Board, served
from tests.service.worker.conftest import Hire

ODD = str(Path(__file__).parents[2] / "contracts")
PROGRAM = """
import sys
from service.client import Client
from service.worker import run

url, drain_seconds = sys.argv[1:]
with Client(url) as client:
    code = run(client, drain_seconds=float(drain_seconds), modules=("odd_objectives",))
sys.exit(code)
"""
SECONDS = 30  # patience on a busy machine

Start = Callable[[float], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(board: Board) -> Iterator[Start]:
    """Start a worker process with one slot, told how long it may drain; it is gone at the end."""
    with ExitStack() as stack:
        url = stack.enter_context(served(board))

        def begin(drain_seconds: float) -> "subprocess.Popen[bytes]":
            worker = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", PROGRAM, url, str(drain_seconds)],
                    env={**os.environ, "PYTHONPATH": ODD},
                )
            )
            stack.callback(worker.kill)
            return worker

        yield begin


def training_child(board: Board, worker: "subprocess.Popen[bytes]") -> psutil.Process:
    """The training child of a worker, once it has one; heartbeats keep this wait awake."""
    board.until(lambda _: psutil.Process(worker.pid).children())
    (child,) = psutil.Process(worker.pid).children()
    return child


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_puts_running_blocks_back(board: Board, start: Start, number: int) -> None:
    """Drained as long as allowed, stopped, returned; exit code 0 and no process left."""
    board.offer("a", "b", behaviour="hangs")
    worker = start(0.2)
    child = training_child(board, worker)
    worker.send_signal(number)

    assert worker.wait(SECONDS) == 0
    assert board.outcomes("a") == board.outcomes("b") == ["returned"]
    child.wait(SECONDS)


def test_a_signal_lets_a_short_block_finish(board: Board, start: Start) -> None:
    """What ends within the drain counts; numbers cross process and wire."""
    board.offer("a")
    worker = start(SECONDS)
    training_child(board, worker)
    worker.terminate()

    assert worker.wait(SECONDS) == 0
    assert board.outcomes("a") == ["completed"]
    loss = board.cards["a"].tells[0].metrics["validation"]["loss"]
    measured = [one.values["loss"] for one in board.cards["a"].reports.values()]
    assert measured[-1][-1] == loss


def test_a_second_signal_exits_at_once(board: Board, start: Start) -> None:
    """Nobody has to wait for a drain; the lease runs out, the training child is gone."""
    board.offer("a", behaviour="hangs")
    worker = start(600.0)
    child = training_child(board, worker)
    worker.send_signal(signal.SIGTERM)
    worker.send_signal(signal.SIGINT)

    assert worker.wait(SECONDS) in {128 + signal.SIGTERM, 128 + signal.SIGINT}
    child.wait(SECONDS)
    assert board.outcomes("a") == []


def test_a_second_signal_leaves_no_folder(
    board: Board, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However soon after the start of a training child, whose guardian may not be there yet."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    board.offer("a", behaviour="hangs")
    worker = start(600.0)
    child = training_child(board, worker)
    worker.send_signal(signal.SIGTERM)
    worker.send_signal(signal.SIGINT)

    worker.wait(SECONDS)
    child.wait(SECONDS)
    assert list(tmp_path.iterdir()) == []


def test_a_killed_worker_leaves_no_process_and_loses_no_run(
    board: Board, start: Start, hire: Hire
) -> None:
    """`kill -9`: the child dies too, and another worker takes the run when its lease is over."""
    board.lease_seconds = 2.0
    board.offer("a", behaviour="hangs")
    worker = start(600.0)
    child = training_child(board, worker)
    worker.kill()
    child.wait(SECONDS)
    hire()
    board.until_ended()

    assert board.outcomes("a") == ["completed"]


def test_a_killed_child_crashes_its_block_and_nothing_else(board: Board, start: Start) -> None:
    """The service hears how the child died and how many runs were in it; the worker goes on."""
    board.offer("a", "b", behaviour="hangs")
    worker = start(0.2)
    training_child(board, worker).kill()
    board.until(lambda board: board.outcomes("a") and board.outcomes("b"))

    for run in "ab":
        (crash,) = board.cards[run].tells[:1]
        assert (crash.outcome, crash.lanes) == ("crashed", 2)
        assert crash.reason == "the child process was killed by SIGKILL"
    board.cancel("a")
    board.cancel("b")
    board.offer("c")
    board.until_ended()
    assert board.outcomes("c") == ["completed"]


def test_code_that_raises_crashes_with_its_reason(board: Board, start: Start) -> None:
    """The reason says what, the traceback where, and the log what was printed before."""
    board.offer("a", behaviour="mutters and raises")
    start(0.2)
    board.until(lambda board: board.outcomes("a"))

    tell = board.cards["a"].tells[0]
    assert board.outcomes("a")[0] == "crashed"
    assert tell.reason == "ValueError: the data are odd"
    assert "odd_objectives.py" in tell.traceback
    assert tell.log_tail.startswith("step 5: loss 0.5\n\x1b[31mwarning\\x00")
    board.cancel("a")


def test_a_worker_stopped_beyond_its_lease_is_fenced(
    board: Board, start: Start, hire: Hire
) -> None:
    """When it wakes, its runs count elsewhere: it stops, drops what it has and goes on."""
    board.lease_seconds = 2.0
    board.offer("a", "b", behaviour="hangs")
    worker = start(0.2)
    child = training_child(board, worker)
    worker.send_signal(signal.SIGSTOP)
    other = hire()
    board.until_ended()
    assert other.dismiss() == 0
    worker.send_signal(signal.SIGCONT)
    child.wait(SECONDS)
    board.offer("c")
    board.until_ended()

    assert [board.outcomes(run) for run in "abc"] == [["completed"]] * 3
    assert sorted(other.runs) == ["a", "b"]
    worker.terminate()
    assert worker.wait(SECONDS) == 0
