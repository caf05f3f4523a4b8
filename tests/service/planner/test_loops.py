"""Loops: at once when rung, on through errors of the store, and over when stopped."""

import threading

import pytest

from service.errors import StoreBusy
from service.planner.loops import Loop

PATIENCE_SECONDS = 10.0


def test_a_rung_loop_works_at_once() -> None:
    """It does not wait for its beat, which here never comes."""
    worked = threading.Semaphore(0)
    loop = Loop("test", worked.release, seconds=3600)
    loop.start()
    for _ in range(3):
        assert worked.acquire(timeout=PATIENCE_SECONDS)
        loop.ring()
    loop.stop()
    assert not loop.is_alive


def test_a_loop_works_at_its_beat() -> None:
    """Nobody rings."""
    worked = threading.Semaphore(0)
    loop = Loop("test", worked.release, seconds=0.001)
    loop.start()
    for _ in range(3):
        assert worked.acquire(timeout=PATIENCE_SECONDS)
    loop.stop()


def test_a_loop_outlives_a_busy_store() -> None:
    """The next beat tries again."""
    calls = 0
    recovered = threading.Event()

    def work() -> None:
        nonlocal calls
        calls += 1
        if calls < 3:
            raise StoreBusy("not now")
        recovered.set()

    loop = Loop("test", work, seconds=0.001)
    loop.start()
    assert recovered.wait(PATIENCE_SECONDS)
    loop.stop()


def test_a_loop_that_waits_to_begin_can_be_stopped() -> None:
    """It ends without ever having worked."""
    worked = threading.Event()
    loop = Loop("test", worked.set, seconds=1.0, delay_seconds=3600)
    loop.start()
    loop.stop()
    assert not worked.is_set()


def test_stopping_cuts_the_call_under_way_short() -> None:
    """What `interrupt` is for: the planner's child may compute for long."""
    begun, cut = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        cut.wait(PATIENCE_SECONDS)

    loop = Loop("test", work, seconds=3600)
    loop.start()
    assert begun.wait(PATIENCE_SECONDS)
    loop.stop(interrupt=cut.set)
    assert cut.is_set()
    assert not loop.is_alive


def test_a_loop_outlives_what_nobody_foresaw(caplog: pytest.LogCaptureFixture) -> None:
    """It is not well until a call succeeds, the trace is logged, and it goes on."""
    fails = True
    worked = threading.Semaphore(0)

    def work() -> None:
        worked.release()
        if fails:
            raise KeyError("state")

    loop = Loop("test", work, seconds=0.001)
    loop.start()
    for _ in range(3):
        assert worked.acquire(timeout=PATIENCE_SECONDS)
    assert not loop.is_well
    assert "KeyError: 'state'" in caplog.text
    fails = False
    for _ in range(1000):
        assert worked.acquire(timeout=PATIENCE_SECONDS)
        if loop.is_well:
            break
    assert loop.is_well
    loop.stop()
    assert not loop.is_well
