"""What the server lets its planner do to the store, on SQLite and PostgreSQL."""

from collections.abc import Callable

from service.app import ledger
from service.store import studies
from service.store.engine import Store


def test_the_end_of_a_study_is_told_at_once(store: Store, new_study: Callable[..., str]) -> None:
    """The bell rings after the end is stored: whoever waits must not have to look again."""
    study, heard = new_study(), []

    def listen() -> None:
        with store.read() as session:
            heard.append(studies.get(session, "a", study).state.value)

    book = ledger(store, listen)
    (place,) = book.places()
    book.give_up(place, "nothing to propose")
    assert heard == ["failed"]
