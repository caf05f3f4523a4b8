"""The sweeper takes back what nobody extended, not what nobody could extend."""

from collections.abc import Callable

import pytest

from service.housekeeping import Sweeper
from service.settings import Settings
from service.store import work
from service.store.engine import Store

SETTINGS = Settings(lease_seconds=30.0, heartbeat_seconds=10.0, sweep_seconds=5.0)
HOUR = 3600.0


@pytest.fixture
def sweeper(store: Store) -> Sweeper:
    """The sweeper of a server that runs."""
    return Sweeper(store, SETTINGS, lambda: None)


@pytest.fixture
def held(
    new_study: Callable[..., str],
    queue: Callable[..., None],
    claim: Callable[..., work.Claim | None],
) -> work.ClaimedRun:
    """A run of which somebody has just been heard."""
    queue(new_study())
    found = claim("first")
    assert found is not None
    return found.runs[0]


def test_a_silent_worker_loses_its_run_in_time(
    sweeper: Sweeper, held: work.ClaimedRun, advance: Callable[[float], None]
) -> None:
    """At the first round after the lease, if there was one every few seconds."""
    taken = []
    for _ in range(8):
        taken.append(sweeper.round())
        advance(SETTINGS.sweep_seconds)
    assert taken == [0, 0, 0, 0, 0, 0, 1, 0]


@pytest.mark.parametrize("gap", [26.0, HOUR])
def test_after_a_gap_a_worker_that_lives_keeps_its_run(
    sweeper: Sweeper,
    held: work.ClaimedRun,
    advance: Callable[[float], None],
    beat: Callable[[work.ClaimedRun], work.Reply],
    gap: float,
) -> None:
    """The database was away, the machine slept, or its clock was set forward."""
    sweeper.round()
    advance(5.0 + gap)
    assert sweeper.round() == 0
    advance(5.0)
    assert sweeper.round() == 0
    assert beat(held).status == "ok"
    for _ in range(5):
        advance(5.0)
        assert sweeper.round() == 0


def test_after_a_gap_a_worker_that_does_not_loses_it_soon(
    sweeper: Sweeper, held: work.ClaimedRun, advance: Callable[[float], None]
) -> None:
    """Two heartbeats later."""
    sweeper.round()
    advance(HOUR)
    taken = []
    for _ in range(5):
        taken.append(sweeper.round())
        advance(SETTINGS.sweep_seconds)
    assert taken == [0, 0, 0, 0, 1]


def test_a_clock_that_is_set_back_prolongs_no_lease(
    sweeper: Sweeper, held: work.ClaimedRun, advance: Callable[[float], None]
) -> None:
    """Not for an hour: as long as one that is granted now."""
    sweeper.round()
    advance(-HOUR)
    taken = []
    for _ in range(8):
        taken.append(sweeper.round())
        advance(SETTINGS.sweep_seconds)
    assert taken == [0, 0, 0, 0, 0, 0, 1, 0]


def test_a_clock_that_is_set_forward_and_back_stops_no_sweep(
    sweeper: Sweeper, held: work.ClaimedRun, advance: Callable[[float], None]
) -> None:
    """The pause after the first jump does not last until an hour has passed again."""
    sweeper.round()
    for jump in (HOUR, -HOUR):
        advance(jump)
        assert sweeper.round() == 0
    taken = 0
    for _ in range(8):
        advance(SETTINGS.sweep_seconds)
        taken += sweeper.round()
    assert taken == 1
