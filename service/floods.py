"""Floods: what anybody can make the log say is said a few times a second, and then counted.

The one idea: a filter of a logger. Of each `kind` (in `extra`) so many records pass in a second;
the others are left out, and one more record tells how many those were, at most one a second. So a
flood fills no disk, and hides neither itself nor another kind. Records without a kind all pass.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable

MOST = 10  # records of a kind in a second
SECONDS = 1.0

Later = Callable[[float, Callable[[], None]], None]


class Sparing(logging.Filter):
    """The filter of one logger.

    Args:
        logger: which says what was left out.
        clock: monotonic seconds.
        later: calls a function after so many seconds.
    """

    def __init__(
        self,
        logger: logging.Logger,
        clock: Callable[[], float] = time.monotonic,
        later: Later | None = None,
    ) -> None:
        super().__init__()
        self._logger = logger
        self._clock = clock
        self._later = later or _after
        self._lock = threading.Lock()
        self._begun: dict[str, float] = {}
        self._passed: Counter[str] = Counter()  # since then
        self._left_out: Counter[str] = Counter()  # since it was told last

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record passes."""
        kind = getattr(record, "kind", None)
        if kind is None:
            return True
        at = self._clock()
        with self._lock:
            if at - self._begun.get(kind, float("-inf")) >= SECONDS:
                self._begun[kind], self._passed[kind] = at, 0
            self._passed[kind] += 1
            if self._passed[kind] <= MOST:
                return True
            self._left_out[kind] += 1
            is_first = self._left_out[kind] == 1
        if is_first:
            self._later(SECONDS, lambda: self._tell(kind))
        return False

    def _tell(self, kind: str) -> None:
        with self._lock:
            count = self._left_out.pop(kind)
        self._logger.info("%d more lines about %s were left out", count, kind)


def _after(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
