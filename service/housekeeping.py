"""Housekeeping: what a server does beside answering, a little at a time.

The one idea: what a loop calls with the open store; each is short transactions, and may be called
again whatever became of the last time.
Not here: how often (`service.app`), planning and delivery (`service.planner`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from service.api.archives import Purger
from service.api.keyring import Keyring
from service.api.meter import Meter
from service.settings import Settings
from service.store import idempotency, keys, quotas, sessions, stalls, work
from service.store.clock import PROCESS, ProcessClock, now
from service.store.engine import Store


class Sweeper:
    """Takes back what ran out, and notes what stalls.

    A lease that could not be extended has not run out. So after a time in which nobody could, for
    the database was away, the machine slept or its clock was set, workers get time to do so first;
    all of these show as a gap between two rounds by the store's clock. One that was set forward and
    back between two rounds shows no gap, but leases granted meanwhile are off: that of this process
    tells. `on_progress` is called after a round that changed something.
    """

    def __init__(
        self,
        store: Store,
        settings: Settings,
        on_progress: Callable[[], None],
        clock: ProcessClock = PROCESS,
    ) -> None:
        self._store = store
        self._settings = settings
        self._on_progress = on_progress
        self._clock = clock
        self._last = _Look(None, None, clock.times_set)

    def round(self) -> int:
        """Do it once; returns how many leases ran out."""
        expired, self._last = self._store.attempt(self._take_back)
        with self._store.read() as session:
            stalled = stalls.find(session, self._settings.stall_seconds)
        for project, study, stall in stalled:
            with self._store.write() as session:
                stalls.note(session, project, study, stall)
        if expired or stalled:
            self._on_progress()
        return expired

    def _take_back(self, session: Any) -> tuple[int, "_Look"]:  # noqa: ANN401 # the store's own
        """How many leases ran out, and what the next round has to know."""
        settings, last, at = self._settings, self._last, now(session)
        times_set, not_before = self._clock.times_set, last.not_before or at
        since = at - (last.at or at)
        # A worker that was heard of when it was due can do without us for so long.
        spare = timedelta(seconds=settings.lease_seconds - settings.heartbeat_seconds)
        is_set = since < timedelta() or times_set != last.times_set
        if is_set:  # leases of lost workers shall not last longer for that
            work.shorten(session, settings.lease_seconds)
        if is_set or since > spare + timedelta(seconds=settings.sweep_seconds):
            not_before = at + timedelta(seconds=2 * settings.heartbeat_seconds)
        look = _Look(at, not_before, times_set)
        if at < not_before:
            return 0, look
        return work.sweep(session, max_attempts=settings.max_attempts, at=at), look


@dataclass(frozen=True, slots=True)
class _Look:
    """When the sweeper looked, since when leases may run out, how often the clock was set."""

    at: datetime | None
    not_before: datetime | None
    times_set: int


def forget(store: Store, purger: Purger) -> None:
    """Let go of what was remembered long enough."""
    store.attempt(idempotency.forget)
    store.attempt(sessions.forget)
    purger.round()


def count(store: Store, keyring: Keyring, meter: Meter) -> None:
    """Write down which keys were used, and how often projects asked."""

    def add(minute: int, counted: Mapping[str, int]) -> Mapping[str, int]:
        return store.attempt(lambda session: quotas.count_requests(session, minute, counted))

    meter.flush(add)
    if used := keyring.take_used():
        with store.write() as session:
            keys.note_used(session, used)
