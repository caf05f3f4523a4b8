"""Duplicates: what does the same is known, what differs is not."""

import pytest

from tuning.schedules import Cosine, Linear, Polynomial, Schedule, Table
from tuning.search.duplicates import Known

HORIZON = 1_000


def test_one_mathematics_is_known_under_every_name() -> None:
    """A polynomial of power 1 is a line."""
    known = Known([Schedule(Linear(0.1), HORIZON)])
    assert known.holds(Schedule(Polynomial(0.1, power=1.0), HORIZON))


@pytest.mark.parametrize(("nudge", "is_known"), [(1e-13, True), (1e-11, True), (1e-6, False)])
def test_curves_that_agree_closely_are_known(nudge: float, is_known: bool) -> None:
    """Closer than 1e-9 of the peak, whatever the identities say."""
    one, other = Schedule(Cosine(0.1), HORIZON), Schedule(Cosine(0.1 * (1 + nudge)), HORIZON)
    assert one.identity != other.identity
    assert Known([one]).holds(other) is is_known


def test_a_table_of_a_family_is_known() -> None:
    """Its numbers are the family's, to the last bit or nearly."""
    one = Schedule(Cosine(0.1), HORIZON)
    known = Known([Schedule(Linear(0.2), HORIZON), one])
    assert known.holds(Schedule(Table.of(one.table().tolist()), HORIZON))


def test_curves_that_only_meet_are_not_one() -> None:
    """They agree where they cross and nowhere else."""
    known = Known([Schedule(Linear(0.1), HORIZON)])
    assert not known.holds(Schedule(Cosine(0.1), HORIZON))
    assert not Known([]).holds(Schedule(Linear(0.1), HORIZON))
