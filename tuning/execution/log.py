r"""Log: the last words of a child process.

The one idea: what a child prints goes where it always went, and its end is remembered on the way,
so that a training that died, of whatever, can be told with what it said last.
Not here: what a child sends on purpose (`tuning.execution.link`).
"""

import os
import select
import threading
from contextlib import suppress

LONGEST_LOG = 8192  # characters that are remembered
_CHUNK = 65_536  # bytes, what a pipe holds


class Log:
    """A pipe that a child prints to: passed on to standard error as it comes, its end remembered.

    Make it, start the child with its `inlet` as standard output and error, call `begin`. All
    methods may be called from any thread.
    """

    def __init__(self) -> None:
        self._outlet, self.inlet = os.pipe()
        os.set_blocking(self._outlet, False)
        self._lock = threading.Lock()
        self._tail = bytearray()
        self._is_over = False

    def begin(self) -> None:
        """Close the inlet here, and listen until every process that holds it is gone."""
        os.close(self.inlet)
        threading.Thread(target=self._listen, name="child-log", daemon=True).start()

    def clear(self) -> None:
        """Forget what was printed until now."""
        with self._lock:
            self._drain()
            self._tail.clear()

    def tail(self) -> str:
        """The end of what was printed since the last `clear`, from the first whole line on.

        Whatever the child had printed before this call is in it.
        """
        with self._lock:
            self._drain()
            text = self._tail.decode("utf-8", "backslashreplace")
        if len(text) <= LONGEST_LOG:
            return text
        _, newline, whole = text[-LONGEST_LOG:].partition("\n")
        return whole if newline and whole else text[-LONGEST_LOG:]

    def _listen(self) -> None:
        while True:
            select.select([self._outlet], [], [])
            with self._lock:
                if self._drain():
                    os.close(self._outlet)
                    self._is_over = True
                    return

    def _drain(self) -> bool:
        """Take what is in the pipe; returns whether it has ended. The lock is held."""
        if self._is_over:
            return True
        while True:
            try:
                words = os.read(self._outlet, _CHUNK)
            except BlockingIOError:
                return False
            if not words:
                return True
            self._tail += words
            del self._tail[: -4 * LONGEST_LOG]  # a character has at most four bytes
            _pass_on(words)


def _pass_on(words: bytes) -> None:
    """Write to standard error, if there is one and as far as it takes it."""
    with suppress(OSError):
        while words:
            words = words[os.write(2, words) :]
