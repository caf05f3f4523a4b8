"""Leases: what is held, what is lost, and which claim brought it."""

from service.worker.leases import Lease, Leases

OLD, NEW, OTHER = Lease("a", "old"), Lease("a", "new"), Lease("b", "t")


def test_a_run_may_be_held_again_under_another_token() -> None:
    """Losing the old lease leaves the new one alone."""
    leases = Leases()
    leases.hold("first", [OLD], 1.0)
    leases.hold("second", [NEW], 1.0)

    assert leases.lose(OLD)
    assert leases.held() == [NEW]
    assert leases.losers() == {"first"}


def test_a_delivered_run_cannot_be_lost() -> None:
    """A heartbeat that crossed the delivery of the end must not stop the slot."""
    leases = Leases()
    leases.hold("first", [OLD, OTHER], 1.0)
    leases.end(OLD)

    assert not leases.lose(OLD)
    assert leases.losers() == set()
    assert leases.is_held(OTHER)


def test_releasing_a_claim_forgets_all_it_held_and_lost() -> None:
    """What other claims brought stays."""
    leases = Leases()
    leases.hold("first", [OLD, OTHER], 1.0)
    leases.hold("second", [NEW], 1.0)
    leases.lose(OLD)
    leases.release("first")

    assert leases.held() == [NEW]
    assert leases.losers() == set()


def test_the_pace_is_what_the_service_said_last() -> None:
    """Before the first claim there is nothing to extend, so any short pace will do."""
    leases = Leases()
    assert leases.heartbeat_seconds <= 1.0
    leases.hold("first", [OLD], 7.0)

    assert leases.heartbeat_seconds == 7.0
