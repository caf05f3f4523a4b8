"""The program `glideslope`, of which the store fails now and then: `python -m` this, as that.

The one idea (after Temporal): a wrapper around every transaction of the real store, with a rate and
a seed. A transaction fails before it begins, before its commit, or after it, when everything is
stored and only the answer is lost. What the main thread does, which is to start and to end, passes.
Every fault is a line of a file. Not here: what must hold all the same (`test_storage_faults`).
"""

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.orm import Session

import service.app
from service.cli.main import run
from service.errors import Interrupted, StoreBusy
from service.store.engine import Store

RATE, SEED, NOTES = "CHAOS_RATE", "CHAOS_SEED", "CHAOS_NOTES"  # variables of the environment
BEGIN, UNDONE, FULL, LOST = "begin", "undone", "full", "lost"
ERRORS: dict[str, Callable[[], StoreBusy]] = {
    BEGIN: lambda: Interrupted("the connection was lost", is_undone=False),
    UNDONE: lambda: Interrupted("others came first", is_undone=True),
    FULL: lambda: StoreBusy("the disk is full"),
    LOST: lambda: Interrupted("the answer to the commit was lost", is_undone=False),
}


class FaultyStore(Store):
    """A store whose transactions fail."""

    _chance = random.Random(os.environ.get(SEED))  # the same for the same seed
    _rate = float(os.environ.get(RATE, "0"))

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that may fail in any of four ways."""
        fault = self._draw(*ERRORS)
        _fail_if(fault == BEGIN, fault)
        with super().write() as session:
            yield session
            _fail_if(fault in {UNDONE, FULL}, fault)
        _fail_if(fault == LOST, fault)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that may not begin."""
        fault = self._draw(BEGIN)
        _fail_if(fault == BEGIN, fault)
        with super().read() as session:
            yield session

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """The same."""
        fault = self._draw(BEGIN)
        _fail_if(fault == BEGIN, fault)
        with super().look() as connection:
            yield connection

    def _draw(self, *faults: str) -> str | None:
        """What happens to this transaction; mostly nothing."""
        if threading.current_thread() is threading.main_thread():
            return None
        return self._chance.choice(faults) if self._chance.random() < self._rate else None


def _fail_if(is_due: bool, fault: str | None) -> None:  # reads as a sentence
    """Note and raise a fault; a transaction that failed by itself before never comes here."""
    if is_due and fault is not None:
        with Path(os.environ[NOTES]).open("a") as notes:
            notes.write(f"{fault}\n")
        error = ERRORS[fault]()
        raise error


if __name__ == "__main__":
    service.app.Store = FaultyStore  # type: ignore[misc] # the one name by which it is opened
    run()
