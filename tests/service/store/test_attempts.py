"""Whole transactions that are tried again, where that is safe, and where it is not."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from service.errors import Conflict, Interrupted, StoreBusy
from service.store import engine, models, projects
from service.store.engine import Store
from tests.conftest import cut_connections

PATIENCE_SECONDS = 30.0


@pytest.fixture
def shared(emptied_postgres_url: str) -> Iterator[Store]:
    """A store on PostgreSQL with two projects."""
    store = Store(emptied_postgres_url)
    with store.write() as session:
        for name in "ab":
            projects.ensure(session, name)
    yield store
    store.close()


def raise_in_the_database(session: Any, code: str) -> None:  # noqa: ANN401 # the store's own
    """Let the database itself fail with a code."""
    session.execute(text(f"DO $$ BEGIN RAISE 'told to' USING ERRCODE = '{code}'; END $$"))


def test_a_block_is_one_transaction(store: Store) -> None:
    """Its answer comes back once it is stored; what raises leaves nothing, and is raised once."""
    calls = 0

    def refuse(session: Any) -> None:  # noqa: ANN401
        nonlocal calls
        calls += 1
        projects.ensure(session, "refused")
        raise Conflict("not this one")

    assert store.attempt(lambda session: projects.ensure(session, "kept")).id == "kept"
    with pytest.raises(Conflict):
        store.attempt(refuse)
    with store.read() as session:
        assert projects.names(session) == ["kept"]
    assert calls == 1


def test_of_two_in_each_others_way_both_pass(shared: Store) -> None:
    """A deadlock: the database ends one of them, which is tried again and comes second."""
    together, calls = threading.Barrier(2), Counter[str]()

    def cross(names: str) -> str:
        def block(session: Any) -> str:  # noqa: ANN401
            session.get(models.Project, names[0], with_for_update=True)
            calls[names] += 1
            if calls[names] == 1:
                together.wait(PATIENCE_SECONDS)
            session.get(models.Project, names[1], with_for_update=True)
            return names

        return shared.attempt(block)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(cross, ("ab", "ba"))) == ["ab", "ba"]
    assert calls.total() == 3


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param("40001", 2, id="others came first"),
        pytest.param("40P01", 2, id="deadlock"),
        pytest.param("57P03", 2, id="the database starts"),
        pytest.param("08006", 2, id="the connection failed"),
        pytest.param("57014", 1, id="it took too long"),
        pytest.param("55P03", 1, id="a lock was waited for too long"),
    ],
)
def test_what_passes_in_a_moment_is_tried_again(shared: Store, code: str, expected: int) -> None:
    """By the code of the database; what took its time already is not."""
    calls = 0

    def block(session: Any) -> str:  # noqa: ANN401
        nonlocal calls
        calls += 1
        if calls == 1:
            raise_in_the_database(session, code)
        return "done"

    if expected == 1:
        with pytest.raises(StoreBusy, match="told to"):
            shared.attempt(block)
    else:
        assert shared.attempt(block) == "done"
    assert calls == expected


def test_a_block_whose_connection_is_lost_is_tried_again(shared: Store) -> None:
    """What it had written was not committed, so it is written once."""
    calls = 0

    def block(session: Any) -> None:  # noqa: ANN401
        nonlocal calls
        calls += 1
        session.add(models.Project(id="new", created=models.EPOCH))
        session.flush()
        if calls == 1:
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    shared.attempt(block)
    assert calls == 2
    with shared.read() as session:
        assert projects.names(session) == ["a", "b", "new"]


def test_a_commit_whose_answer_is_lost_is_not_tried_again(
    shared: Store, emptied_postgres_url: str
) -> None:
    """It may be stored: whoever asked is told so and decides."""
    calls = 0

    def block(session: Any) -> None:  # noqa: ANN401
        nonlocal calls
        calls += 1
        projects.ensure(session, "new")
        assert cut_connections(emptied_postgres_url, "glideslope") == 1

    with pytest.raises(StoreBusy, match="did not answer"):
        shared.attempt(block)
    assert calls == 1


def test_what_never_passes_is_given_up(shared: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some seconds, as a store that is busy."""
    monkeypatch.setattr(engine, "ATTEMPT_SECONDS", 0.3)
    calls = 0

    def block(session: Any) -> None:  # noqa: ANN401
        nonlocal calls
        calls += 1
        raise_in_the_database(session, "40001")

    with pytest.raises(Interrupted, match="told to") as caught:
        shared.attempt(block)
    assert caught.value.is_undone
    assert calls > 1
