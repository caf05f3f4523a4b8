"""Housekeeping: what a server does beside answering, a little at a time.

The one idea: functions that a loop calls with the open store; each is short transactions, and may
be called again whatever became of the last time.
Not here: how often (`service.app`), planning and delivery (`service.planner`).
"""

from collections.abc import Callable, Mapping

from service.api.archives import Purger
from service.api.keyring import Keyring
from service.api.meter import Meter
from service.settings import Settings
from service.store import idempotency, keys, quotas, sessions, stalls, work
from service.store.engine import Store


def sweep(store: Store, settings: Settings, on_progress: Callable[[], None]) -> int:
    """Take back what ran out, note what stalls; returns how many leases ran out."""
    expired = store.attempt(lambda session: work.sweep(session, max_attempts=settings.max_attempts))
    with store.read() as session:
        stalled = stalls.find(session, settings.stall_seconds)
    for project, study, stall in stalled:
        with store.write() as session:
            stalls.note(session, project, study, stall)
    if expired or stalled:
        on_progress()
    return expired


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
