"""Turns: of several servers on one database, one alone does what would be the same work again."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from service.app import ledger
from service.errors import StoreBusy
from service.store.engine import Store
from tests.conftest import cut_connections


@pytest.fixture
def one(emptied_postgres_url: str) -> Iterator[Store]:
    """A store on PostgreSQL."""
    with closing(Store(emptied_postgres_url)) as store:
        yield store


@pytest.fixture
def other(emptied_postgres_url: str) -> Iterator[Store]:
    """A second server's store on the same PostgreSQL."""
    with closing(Store(emptied_postgres_url)) as store:
        yield store


def test_what_one_has_in_hand_no_other_takes_up(one: Store, other: Store) -> None:
    """But something of another name, and the same once it is let go of."""
    with one.turn("plan", "p", "a") as mine:
        with other.turn("plan", "p", "a") as theirs, other.turn("plan", "p", "b") as another:
            assert (mine, theirs, another) == (True, False, True)
        with other.turn("plan", "p", "b") as another:
            assert another
    with other.turn("plan", "p", "a") as theirs:
        assert theirs


def test_a_server_that_is_gone_holds_nothing(
    emptied_postgres_url: str, one: Store, other: Store
) -> None:
    """Its connection takes the turn along; if it is there after all, it is told to begin anew."""
    with pytest.raises(StoreBusy), one.turn("plan", "p", "a"):  # noqa: PT012 # all of it belongs
        assert cut_connections(emptied_postgres_url, "glideslope")
        with other.turn("plan", "p", "a") as theirs:
            assert theirs
    with one.turn("plan", "p", "a") as mine:
        assert mine


def test_a_mistake_within_a_turn_ends_it(one: Store, other: Store) -> None:
    """A connection that goes back to its pool holds nothing."""
    with pytest.raises(LookupError), one.turn("plan", "p", "a"):
        raise LookupError
    with other.turn("plan", "p", "a") as theirs:
        assert theirs


def test_a_file_has_one_server_whose_turn_it_always_is(tmp_path: Path) -> None:
    """Nobody is asked."""
    url = f"sqlite:///{tmp_path / 'one.db'}"
    with closing(Store(url)) as store, store.turn("plan") as mine, store.turn("plan") as again:
        assert mine
        assert again


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_study_is_planned_by_one_server_and_seen_as_it_stands(
    store: Store, database_url: str, submit: Callable[..., dict[str, Any]], plan: Callable[[], int]
) -> None:
    """Another one finds it held; and later, with an old look at it, where it has got to."""
    submit()
    (place,) = ledger(store).places()
    with closing(Store(database_url)) as another:
        beside = ledger(another)
        with ledger(store).hold(place) as mine:
            assert mine == place
            with beside.hold(place) as theirs:
                assert theirs is None
            assert plan() == 1
        with beside.hold(place) as theirs:
            assert theirs.next_generation == place.next_generation + 1
