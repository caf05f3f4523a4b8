"""Errand: work done in a thread of its own, one piece at a time, whose failure is its sender's.

The one idea: who sends the next piece first waits for the one before, and gets its error.
Not here: what is worth being done beside (`slot`).
"""

import contextvars
import threading
from collections.abc import Callable


class Errand:
    """Does what it is given while its owner, one thread, goes on."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    def send(self, work: Callable[[], None]) -> None:
        """Start `work` once the one before is done; raises what that one raised."""
        self.wait()
        # A daemon: a worker that was told to end leaves behind who still talks to a dead service.
        do = contextvars.copy_context().run  # what the sender was at belongs to the work, too
        args = (self._do, work)
        self._thread = threading.Thread(target=do, args=args, name=self._name, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until nothing is under way; raises what the last work raised, once."""
        if self._thread is not None:
            self._thread.join()
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - it is raised in the sender's thread
            self._error = error
