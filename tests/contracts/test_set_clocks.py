"""A clock that is set, and set again before the sweeper looks, costs no worker its lease."""

from collections.abc import Callable
from datetime import datetime

import pytest

from service.housekeeping import Sweeper
from service.settings import Settings
from service.store import work
from service.store.clock import ProcessClock
from service.store.engine import Store

SETTINGS = Settings(lease_seconds=30.0, heartbeat_seconds=10.0, sweep_seconds=5.0)
HOUR = 3600.0
START = 1_800_000_000.0


class SettableClock:
    """The clock of a process, whose time passes, and which is set."""

    def __init__(self) -> None:
        self._passed = 0.0
        self._ahead = START
        self.process = ProcessClock(lambda: self._passed + self._ahead, lambda: self._passed)

    def __call__(self) -> datetime:
        """What it shows."""
        return self.process()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._passed += seconds

    def set(self, seconds: float) -> None:
        """Set it forward, or back."""
        self._ahead += seconds


@pytest.fixture
def clock() -> SettableClock:
    """The clock of `store`."""
    return SettableClock()


@pytest.fixture
def sweeper(store: Store, clock: SettableClock) -> Sweeper:
    """The sweeper of a server that has just looked."""
    sweeper = Sweeper(store, SETTINGS, lambda: None, clock.process)
    assert sweeper.round() == 0
    return sweeper


@pytest.fixture
def take(
    new_study: Callable[..., str],
    queue: Callable[..., None],
    claim: Callable[..., work.Claim | None],
) -> Callable[[], work.ClaimedRun]:
    """Claim a run."""
    queue(new_study())

    def first() -> work.ClaimedRun:
        found = claim("first")
        assert found is not None
        return found.runs[0]

    return first


def test_a_lease_granted_while_the_clock_was_behind_is_extended_first(
    sweeper: Sweeper,
    clock: SettableClock,
    take: Callable[[], work.ClaimedRun],
    beat: Callable[[work.ClaimedRun], work.Reply],
) -> None:
    """Back and forward between two rounds: there is no gap, and the lease looks an hour late."""
    clock.set(-HOUR)
    held = take()
    clock.set(HOUR)
    clock.advance(5.0)
    assert sweeper.round() == 0
    clock.advance(5.0)
    assert beat(held).status == "ok"
    for _ in range(6):
        assert sweeper.round() == 0
        clock.advance(5.0)


def test_a_lease_granted_while_the_clock_was_ahead_lasts_no_hour(
    sweeper: Sweeper, clock: SettableClock, take: Callable[[], work.ClaimedRun]
) -> None:
    """Forward and back: its worker is lost, and after the usual time so is the lease."""
    clock.set(HOUR)
    take()
    clock.set(-HOUR)
    taken = []
    for _ in range(8):
        clock.advance(5.0)
        taken.append(sweeper.round())
    assert taken == [0, 0, 0, 0, 0, 0, 1, 0]


def test_a_clock_set_before_the_first_round_is_noticed(
    store: Store, clock: SettableClock, take: Callable[[], work.ClaimedRun]
) -> None:
    """The server has just begun, and claims were answered before its sweeper looked."""
    sweeper = Sweeper(store, SETTINGS, lambda: None, clock.process)
    take()
    clock.set(HOUR)
    assert sweeper.round() == 0


def test_a_clock_that_nobody_sets_holds_up_no_sweep(
    sweeper: Sweeper, clock: SettableClock, take: Callable[[], work.ClaimedRun]
) -> None:
    """Though it is slewed by a few milliseconds between two looks."""
    take()
    taken = []
    for _ in range(8):
        clock.advance(5.0)
        clock.set(0.005)
        taken.append(sweeper.round())
    assert taken == [0, 0, 0, 0, 0, 1, 0, 0]
