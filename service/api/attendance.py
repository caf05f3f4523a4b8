"""Attendance: which workers ask for work, written down now and then.

The one idea: a worker claims many times a second, and that it is there changes seldom; so each
server remembers when it last wrote that down.
Not here: what it is good for (`service.store.stalls`).
"""

import time
from collections.abc import Callable, Hashable

EVERY_SECONDS = 15.0
MOST_WORKERS = 10_000


class Attendance:
    """When each worker was last written down, with what it offers; `clock` tells seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: dict[Hashable, float] = {}

    def is_news(self, worker: str, offer: frozenset[str] | None) -> bool:
        """Whether it is worth writing down that the worker is there; then it counts as done."""
        key, at = (worker, offer), self._clock()
        if at - self._seen.get(key, -EVERY_SECONDS) < EVERY_SECONDS:
            return False
        if len(self._seen) >= MOST_WORKERS:
            self._seen.clear()
        self._seen[key] = at
        return True
