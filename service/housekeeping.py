"""Housekeeping: what a server does beside answering, a little at a time.

The one idea: what a loop calls with the open store; each is short transactions, and may be called
again whatever became of the last time.
Not here: how often (`service.app`), planning and delivery (`service.planner`).
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from service.api.archives import Purger
from service.api.keyring import Keyring
from service.api.meter import Meter
from service.settings import Settings
from service.store import idempotency, keys, quotas, sessions, stalls, work
from service.store.clock import now
from service.store.engine import Store


class Sweeper:
    """Takes back what ran out, and notes what stalls.

    A lease that could not be extended has not run out. So after a time in which nobody could, for
    the database was away, the machine slept or its clock jumped, workers get time to do so first;
    all of these show as a gap between two rounds by the store's clock. `on_progress` is called
    after a round that changed something.
    """

    def __init__(self, store: Store, settings: Settings, on_progress: Callable[[], None]) -> None:
        self._store = store
        self._settings = settings
        self._on_progress = on_progress
        self._last: datetime | None = None
        self._not_before: datetime | None = None

    def round(self) -> int:
        """Do it once; returns how many leases ran out."""
        expired, self._last, self._not_before = self._store.attempt(self._take_back)
        with self._store.read() as session:
            stalled = stalls.find(session, self._settings.stall_seconds)
        for project, study, stall in stalled:
            with self._store.write() as session:
                stalls.note(session, project, study, stall)
        if expired or stalled:
            self._on_progress()
        return expired

    def _take_back(self, session: Any) -> tuple[int, datetime, datetime]:  # noqa: ANN401 # the store's own
        """How many leases ran out, when that was, and since when they may."""
        settings, at = self._settings, now(session)
        since, not_before = at - (self._last or at), self._not_before or at
        # A worker that was heard of when it was due can do without us for so long.
        spare = timedelta(seconds=settings.lease_seconds - settings.heartbeat_seconds)
        is_back = since < timedelta()
        if is_back:  # leases of lost workers shall not last longer for that
            work.shorten(session, settings.lease_seconds)
        if is_back or since > spare + timedelta(seconds=settings.sweep_seconds):
            not_before = at + timedelta(seconds=2 * settings.heartbeat_seconds)
        if at < not_before:
            return 0, at, not_before
        return work.sweep(session, max_attempts=settings.max_attempts), at, not_before


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
