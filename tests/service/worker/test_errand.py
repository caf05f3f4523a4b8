"""Errand: work beside, one piece at a time."""

import threading

import pytest

from service.worker.errand import Errand


def test_one_piece_at_a_time() -> None:
    """The next piece starts once the one before is done."""
    errand, done, may_end = Errand("test"), [], threading.Event()

    def first() -> None:
        may_end.wait(60)
        done.append("first")

    errand.send(first)
    assert done == []
    may_end.set()
    errand.send(lambda: done.append("second"))
    errand.wait()
    assert done == ["first", "second"]


def test_an_error_reaches_the_sender_once() -> None:
    """With the next piece, which is not started, or when the sender waits."""
    errand, done = Errand("test"), []

    def fail() -> None:
        raise LookupError

    errand.send(fail)
    with pytest.raises(LookupError):
        errand.send(lambda: done.append("never"))
    errand.wait()
    assert done == []
