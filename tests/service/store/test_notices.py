"""Notices between servers on one PostgreSQL database, and what lost connections do to them."""

import queue
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from service.errors import StoreBusy
from service.planner.loops import Loop
from service.store.engine import Store, parse_url
from service.store.notices import LISTENER, TELLER, Notices
from tests.conftest import cut_connections

PATIENCE_SECONDS = 30.0
Heard = Callable[[], None]


@contextmanager
def listening(url: str) -> Iterator[tuple[Notices, "queue.SimpleQueue[None]"]]:
    """A server's notices, and what it hears, in a loop as the application has it."""
    notices, heard = Notices(parse_url(url)), queue.SimpleQueue[None]()
    loop = Loop("listener", partial(notices.listen, partial(heard.put, None)), seconds=0.01)
    loop.start()
    try:
        heard.get(timeout=PATIENCE_SECONDS)  # it looks once, as it begins to listen
        yield notices, heard
    finally:
        notices.end()
        loop.stop()
        notices.close()


@pytest.fixture
def listen(postgres_database: str) -> Iterator[Callable[[], tuple[Notices, Heard]]]:
    """One more server that listens: its notices, and what waits until it hears something."""
    with ExitStack() as all_of_them:

        def begin() -> tuple[Notices, Heard]:
            notices, heard = all_of_them.enter_context(listening(postgres_database))
            return notices, partial(heard.get, timeout=PATIENCE_SECONDS)

        yield begin


def test_what_one_tells_all_others_hear(postgres_database: str) -> None:
    """And it does not hear itself: between the others' two notices was its own."""
    with (
        listening(postgres_database) as (one, by_one),
        listening(postgres_database) as (other, by_other),
        listening(postgres_database) as (_, by_third),
    ):
        one.tell()
        by_other.get(timeout=PATIENCE_SECONDS)
        by_third.get(timeout=PATIENCE_SECONDS)
        other.tell()
        by_one.get(timeout=PATIENCE_SECONDS)
        by_third.get(timeout=PATIENCE_SECONDS)
        assert by_one.empty()
        assert by_other.empty()


def test_who_was_cut_off_listens_again_and_looks(
    postgres_database: str, listen: Callable[[], tuple[Notices, Heard]]
) -> None:
    """What was told meanwhile is lost, so listening anew counts as having heard something."""
    one, wait_too = listen()
    _, wait = listen()
    for _ in range(3):
        assert cut_connections(postgres_database, LISTENER) == 2
        wait_too()  # both listen again
        wait()
        one.tell()
        wait()


def test_who_was_cut_off_tells_again(
    postgres_database: str, listen: Callable[[], tuple[Notices, Heard]]
) -> None:
    """On a new connection, without an error."""
    one, _ = listen()
    _, wait = listen()
    for _ in range(3):
        one.tell()
        wait()
        assert cut_connections(postgres_database, TELLER) == 1


def test_a_database_that_is_away_is_busy(tmp_path: Path) -> None:
    """Whoever tells or listens is told so, and tries again; at the end nobody does."""
    notices = Notices(parse_url(f"postgresql://nobody@/nothing?host={tmp_path}"))
    with pytest.raises(StoreBusy, match="did not answer"):
        notices.tell()
    for _ in range(2):
        with pytest.raises(StoreBusy, match="did not answer"):
            notices.listen(lambda: None)
    notices.end()
    notices.listen(lambda: None)
    notices.close()


def test_one_server_alone_tells_nobody(tmp_path: Path) -> None:
    """SQLite has one server: nothing of this runs."""
    store = Store(f"sqlite:///{tmp_path / 'x.db'}")
    assert store.notices is None
    store.close()
