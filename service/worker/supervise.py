"""Keeping the server's own worker alive.

The one idea: a dead worker is noticed at once, its runs are put back at once, and a new one is
started after a pause that grows while workers keep dying young and idle; one that held runs died of
what it trained, which is counted there. If that fails, of a database that is away or a machine
without room for a process, it is tried again after the next pause.
Not here: what a worker does, and how runs are put back (a function that is handed in).
"""

import logging
import subprocess
import threading
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 30.0
YOUNG_SECONDS = 10.0  # a worker that lived longer starts the pauses anew


class Supervisor:
    """Starts a worker process, and another whenever it ends, until `stop()`.

    Args:
        start: starts the process.
        on_death: called after an unexpected end, before the next start; again if it fails. It
            puts back what the dead worker held, and returns how many runs that were.
        grace_seconds: how long a worker that was asked to end may take.
    """

    def __init__(
        self,
        start: Callable[[], subprocess.Popen[bytes]],
        on_death: Callable[[], int],
        grace_seconds: float,
    ) -> None:
        self._start = start
        self._on_death = on_death
        self._grace_seconds = grace_seconds
        self._stopping = threading.Event()
        self._worker: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def start(self) -> None:
        """Start the first worker."""
        self._worker = self._start()
        self._thread.start()

    def stop(self) -> None:
        """Ask the worker to end, and kill it if it takes too long."""
        self._stopping.set()
        worker = self._worker
        if worker is None:
            return
        worker.terminate()
        try:
            worker.wait(self._grace_seconds)
        except subprocess.TimeoutExpired:
            logger.warning("the worker did not end in time and is killed")
            worker.kill()
        self._thread.join()

    def _run(self) -> None:
        pause = FIRST_PAUSE_SECONDS
        while self._worker is not None:
            born = time.monotonic()
            code = self._worker.wait()
            if self._stopping.is_set():
                return
            held = self._put_back()
            if held or time.monotonic() - born > YOUNG_SECONDS:
                pause = FIRST_PAUSE_SECONDS
            logger.warning("the worker ended with %s; another starts in %.1f s", code, pause)
            if not self._stopping.wait(pause) and held is not None:
                self._replace()
            if self._stopping.is_set():  # stop() may have looked before the new one was there
                self._worker.terminate()
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _put_back(self) -> int | None:
        """Put back what the dead worker held, and say how much it was; None if that fails."""
        try:
            return self._on_death()
        except Exception:
            logger.exception("what the dead worker held could not be put back yet")
            return None

    def _replace(self) -> None:
        """Start another; the dead one stays if we fail."""
        try:
            self._worker = self._start()
        except Exception:
            logger.exception("the next worker could not be started yet")
