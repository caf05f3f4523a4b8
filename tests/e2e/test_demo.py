"""`glideslope demo` as a user runs it: to its end, interrupted, and with a wrong number."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[2]


def start(folder: Path, *options: str) -> "subprocess.Popen[str]":
    """Start the demo as a process."""
    return subprocess.Popen(
        [sys.executable, "-m", "service.cli.main", "demo", "--folder", str(folder), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=folder.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"},
    )


def finish(process: "subprocess.Popen[str]") -> tuple[int, str]:
    """Wait for the end; returns the exit code and everything printed."""
    try:
        printed, _ = process.communicate(timeout=240)
    except subprocess.TimeoutExpired:
        process.kill()  # of one that hangs, nothing may be left for the tests after this one
        process.communicate()
        raise
    return process.returncode, printed


@pytest.mark.full
@pytest.mark.timeout(300)
def test_interrupted_the_demo_leaves_nothing_behind_and_is_taken_up_again(tmp_path: Path) -> None:
    """Ctrl-C in mid-study, then the same command: the same study, its verdict, three files."""
    folder = tmp_path / "demo"
    question = ("--objective", "regime_rugged", "--trials", "13")
    first = start(folder, *question)
    assert first.stdout is not None
    line = ""
    while "Study st_" not in line:
        line = first.stdout.readline()
        assert line, "the demo ended before it had a study"
    time.sleep(6)  # let it train: the interruption must hit a study that is under way
    family = psutil.Process(first.pid).children(recursive=True)
    assert len(family) >= 3  # server, planner or worker, training
    first.send_signal(signal.SIGINT)
    code, printed = finish(first)
    assert code == 130
    assert "Traceback" not in printed
    _, alive = psutil.wait_procs(family, timeout=5)
    # One that ended but waits for the system to take note of it holds nothing any more.
    assert not [p for p in alive if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    code, printed = finish(start(folder, *question))
    assert code == 0, printed
    assert "Taking up the study" in printed
    best = json.loads((folder / "best.json").read_text())
    assert best["study"] == line.split()[1]
    assert best["metric"]["stage"] == "confirmed"
    assert len(best["schedule"]["table"]["values"]) == best["schedule"]["horizon"]
    assert best["verdict"]["words"].split()[0] in printed
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert (folder / "schedule.png").read_bytes().startswith(b"\x89PNG")


def test_a_budget_too_small_is_a_mistake_in_words(tmp_path: Path) -> None:
    """Exit code 2, the field, the value and the allowed range; no traceback."""
    code, printed = finish(start(tmp_path / "demo", "--trials", "3"))
    assert code == 2
    assert "/budget/trials: 3" in printed
    assert "at least" in printed
    assert "Traceback" not in printed
