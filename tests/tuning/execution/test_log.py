"""The log of a child: passed on as it comes, its end remembered, whoever holds the pipe."""

import os
import subprocess
import sys

import pytest

from tuning.execution.log import LONGEST_LOG, Log


def say(log: Log, words: bytes) -> None:
    """As a child does, whose copy of the inlet is its own."""
    os.write(log.inlet, words)


def test_what_was_said_is_remembered_until_it_is_cleared() -> None:
    """Asking does not change it."""
    log = Log()
    say(log, b"one\ntwo\n")
    assert log.tail() == log.tail() == "one\ntwo\n"
    say(log, b"three")
    assert log.tail() == "one\ntwo\nthree"
    log.clear()
    assert log.tail() == ""
    log.begin()


@pytest.mark.parametrize("line", ["x" * 79, "ü" * 79, "\U0001f600" * 79, "\x00" * 79])
def test_the_end_is_bounded(line: str) -> None:
    """From a whole line on, whatever the characters."""
    log = Log()
    for _ in range(1_000):
        say(log, f"{line}\n".encode())
        log.tail()
    told = log.tail()
    assert LONGEST_LOG - 81 < len(told) <= LONGEST_LOG
    assert set(told.splitlines()) == {line}
    log.begin()


def test_a_line_without_an_end_is_cut() -> None:
    """There is no whole one."""
    log = Log()
    say(log, b"x" * (LONGEST_LOG + 5))
    assert log.tail() == "x" * LONGEST_LOG
    log.begin()


def test_it_reaches_standard_error_and_outlives_its_child(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A child that is gone has said what it has said."""
    log = Log()
    program = "import os; os.write(1, b'out '); os.write(2, b'err')"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=log.inlet, stderr=log.inlet
    ) as child:
        log.begin()
        assert child.wait() == 0
    assert log.tail() == "out err"
    assert capfd.readouterr().err == "out err"
