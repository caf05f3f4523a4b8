"""The meter: how often a project asks, and how much of it waits.

The one idea: counted in memory, so counting costs nothing; each second the counts go to the store,
and the sum of all servers comes back. So several servers together let through at most what one
second brings more than the limit; one server alone, nothing. Open streams are each server's own.
Not here: quotas that a transaction keeps exactly (`service.store.quotas`).
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from service.api.caller import Caller
from service.errors import QuotaExceeded
from service.quotas import Quotas

MINUTE_SECONDS = 60
STREAM_SECONDS = 5  # after which a stream may have ended


class Meter:
    """Counts by project.

    Args:
        limits: the quotas of a project.
        clock: seconds since 1970.
    """

    def __init__(
        self, limits: Callable[[str], Quotas], clock: Callable[[], float] = time.time
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._minute = 0
        self._counted: Counter[str] = Counter()  # in this minute, not yet in the store
        self._stored: dict[str, int] = {}  # in this minute, by all servers
        self._streams: Counter[str] = Counter()

    def count(self, caller: Caller) -> None:
        """Count a request; raises QuotaExceeded for one too many.

        Callers of all projects, the server's own worker among them, are free.
        """
        limit = None if caller.all_projects else self._limits(caller.project).requests_per_minute
        if limit is None:
            return
        at = self._clock()
        with self._lock:
            self._turn(int(at) // MINUTE_SECONDS)
            used = self._stored.get(caller.project, 0) + self._counted[caller.project]
            if used < limit:
                self._counted[caller.project] += 1
                return
        left = MINUTE_SECONDS - int(at) % MINUTE_SECONDS
        raise QuotaExceeded(
            "requests_per_minute", used=used, limit=limit, asked=1, retry_after=left
        )

    def flush(self, add: Callable[[int, Mapping[str, int]], Mapping[str, int]]) -> None:
        """Let a function add to the store what was counted; it returns what all servers counted."""
        with self._lock:
            self._turn(int(self._clock()) // MINUTE_SECONDS)
            minute, counted = self._minute, self._counted
            self._counted = Counter()
            self._stored.update(
                {project: self._stored.get(project, 0) + more for project, more in counted.items()}
            )
        if not counted:
            return
        totals = add(minute, counted)
        with self._lock:
            if self._minute == minute:
                self._stored.update(totals)

    def open_stream(self, caller: Caller) -> None:
        """Begin to wait; raises QuotaExceeded for one stream too many. `close_stream` follows."""
        limit = None if caller.all_projects else self._limits(caller.project).streams
        used = self._streams[caller.project]
        if limit is not None and used >= limit:
            raise QuotaExceeded(
                "streams", used=used, limit=limit, asked=1, retry_after=STREAM_SECONDS
            )
        self._streams[caller.project] += 1

    def close_stream(self, caller: Caller) -> None:
        """Wait no more."""
        self._streams[caller.project] -= 1
        if not self._streams[caller.project]:
            del self._streams[caller.project]

    @contextmanager
    def stream(self, caller: Caller) -> Iterator[None]:
        """A stream as long as the block."""
        self.open_stream(caller)
        try:
            yield
        finally:
            self.close_stream(caller)

    def _turn(self, minute: int) -> None:
        """Begin a new minute; what the last one did not tell any more is forgotten."""
        if minute != self._minute:
            self._minute = minute
            self._counted = Counter()
            self._stored = {}
