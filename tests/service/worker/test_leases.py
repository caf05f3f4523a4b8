"""Leases: what is held, what is lost, and by which slot."""

from service.worker.leases import Lease, Leases

OLD, NEW, OTHER = Lease("a", "old"), Lease("a", "new"), Lease("b", "t")


def test_a_run_may_be_held_again_under_another_token() -> None:
    """Losing the old lease leaves the new one alone."""
    leases = Leases()
    leases.hold(0, [OLD], 1.0)
    leases.hold(1, [NEW], 1.0)

    assert leases.lose(OLD)
    assert leases.held() == [NEW]
    assert leases.losers() == {0}


def test_a_delivered_run_cannot_be_lost() -> None:
    """A heartbeat that crossed the delivery of the end must not stop the slot."""
    leases = Leases()
    leases.hold(0, [OLD, OTHER], 1.0)
    leases.end(OLD)

    assert not leases.lose(OLD)
    assert leases.losers() == set()
    assert leases.is_held(OTHER)


def test_releasing_a_slot_forgets_all_it_held_and_lost() -> None:
    """The next block of the slot starts with a clean slate; other slots keep theirs."""
    leases = Leases()
    leases.hold(0, [OLD, OTHER], 1.0)
    leases.hold(1, [NEW], 1.0)
    leases.lose(OLD)
    leases.release(0)

    assert leases.held() == [NEW]
    assert leases.losers() == set()


def test_the_pace_is_what_the_service_said_last() -> None:
    """Before the first claim there is nothing to extend, so any short pace will do."""
    leases = Leases()
    assert leases.heartbeat_seconds <= 1.0
    leases.hold(0, [OLD], 7.0)

    assert leases.heartbeat_seconds == 7.0
