"""Leases: which runs this worker holds, as far as it knows.

The one idea: a lease is a run with its token, since the same run may come back under another one.
It is held until its end was delivered, or lost when the service says so; a lost lease is neither
extended nor told about any more.
Not here: the calls that extend, lose or end leases (`heartbeat`, `slot`).
"""

import threading
from collections.abc import Iterable
from dataclasses import dataclass

FIRST_HEARTBEAT_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Lease:
    """One run under one token."""

    run: str
    token: str


class Leases:
    """The leases of all slots of a worker; safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[Lease, str] = {}  # with the claim that brought them
        self._lost: dict[Lease, str] = {}
        self._heartbeat_seconds = FIRST_HEARTBEAT_SECONDS

    @property
    def heartbeat_seconds(self) -> float:
        """How often to extend leases, as the service last said."""
        with self._lock:
            return self._heartbeat_seconds

    def hold(self, claim: str, leases: Iterable[Lease], heartbeat_seconds: float) -> None:
        """Note leases that `claim` just brought."""
        with self._lock:
            self._held.update(dict.fromkeys(leases, claim))
            self._heartbeat_seconds = heartbeat_seconds

    def held(self) -> list[Lease]:
        """All leases to extend."""
        with self._lock:
            return list(self._held)

    def is_held(self, lease: Lease) -> bool:
        """Whether the run is still ours, as far as we know."""
        with self._lock:
            return lease in self._held

    def lose(self, lease: Lease) -> bool:
        """Note that the service took a run away; False if it was not held any more."""
        with self._lock:
            claim = self._held.pop(lease, None)
            if claim is None:
                return False
            self._lost[lease] = claim
            return True

    def end(self, lease: Lease) -> None:
        """Note that the end of a run was delivered."""
        with self._lock:
            self._held.pop(lease, None)

    def release(self, claim: str) -> None:
        """Forget everything that `claim` brought: its block is over."""
        with self._lock:
            for leases in (self._held, self._lost):
                for lease in [one for one, brought in leases.items() if brought == claim]:
                    del leases[lease]

    def losers(self) -> set[str]:
        """The claims that brought a run which is no longer ours."""
        with self._lock:
            return set(self._lost.values())
