"""Sessions in the store: keys made from a key, that end by themselves, or with it."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from service.errors import NotFound
from service.schemas.keys import Scope
from service.store import keys, projects, sessions
from service.store.engine import Store
from service.store.identity_models import ApiKey
from service.store.tokens import digest, read_id
from tests.conftest import FakeClock


@pytest.fixture(autouse=True)
def two_projects(store: Store) -> None:
    """Two tenants."""
    with store.write() as session:
        projects.ensure(session, "a")
        projects.ensure(session, "b")


def make(store: Store, project: str = "a", **options: object) -> keys.Key:
    """Make a key."""
    wish = {"label": "laptop", "scopes": [Scope.READ, Scope.ADMIN], **options}
    with store.write() as session:
        return keys.create(session, project, **wish)[0]  # type: ignore[arg-type]


def begin(store: Store, key: str, project: str = "a") -> tuple[keys.Key, str]:
    """Sign in."""
    with store.write() as session:
        return sessions.begin(session, project, key)


def usable(store: Store) -> dict[str, keys.Lock]:
    """What a server would check against, by id."""
    with store.read() as session:
        return {one.id: one for one in keys.usable(session)}


def rows(store: Store) -> int:
    """How many rows there are, of keys and sessions."""
    with store.read() as session:
        return session.scalar(select(func.count()).select_from(ApiKey)) or 0


def told(store: Store, project: str | None = "a") -> dict[str, int]:
    """The keys of the list, with how many sessions each has."""
    with store.read() as session:
        return {one.id: one.sessions for one in keys.page(session, project).items}


def test_a_session_may_what_its_key_may(store: Store) -> None:
    """It has the same project, scopes and label, and a token of its own, kept as a hash."""
    key = make(store, all_projects=True)
    session, token = begin(store, key.id)
    assert read_id(token) == session.id != key.id
    assert (session.project, session.label, session.scopes, session.all_projects) == (
        "a",
        "laptop",
        key.scopes,
        True,
    )
    assert usable(store)[session.id] == keys.Lock(
        "a",
        session.id,
        digest(token),
        frozenset(key.scopes),
        all_projects=True,
        label="laptop",
        expires=session.expires,
        parent=key.id,
    )


def test_a_session_ends_after_hours_and_never_after_its_key(
    store: Store, advance: Callable[[float], None], clock: FakeClock
) -> None:
    """Whichever comes first; afterwards whoever signs in next clears it away."""
    lasting = make(store)
    brief = make(store, expires=clock.at + timedelta(seconds=10))
    long, _ = begin(store, lasting.id)
    short, _ = begin(store, brief.id)
    assert (long.expires, short.expires) == (clock.at + sessions.LONGEST, brief.expires)
    assert set(usable(store)) == {lasting.id, brief.id, long.id, short.id}
    assert told(store) == {lasting.id: 1, brief.id: 1}
    advance(10)
    assert set(usable(store)) == {lasting.id, long.id}
    assert told(store) == {lasting.id: 1, brief.id: 0}
    advance(sessions.LONGEST.total_seconds())
    assert set(usable(store)) == {lasting.id}
    assert rows(store) == 4
    begin(store, lasting.id)
    assert rows(store) == 3


def test_sessions_end_with_their_key(store: Store) -> None:
    """All of them, and those of no other key."""
    key, other = make(store), make(store)
    for _ in range(2):
        begin(store, key.id)
    kept, _ = begin(store, other.id)
    with store.write() as session:
        keys.revoke(session, "a", key.id)
    assert set(usable(store)) == {other.id, kept.id}
    assert rows(store) == 3


def test_a_session_opens_nothing_without_its_key(store: Store) -> None:
    """Even if its own row were still as it was made."""
    key = make(store)
    made, _ = begin(store, key.id)
    with store.write() as session:
        session.get_one(ApiKey, ("a", key.id)).revoked = made.created
    assert usable(store) == {}
    with store.write() as session:
        session.get_one(ApiKey, ("a", key.id)).revoked = None
        session.get_one(ApiKey, ("a", made.id)).parent = "nobody"
    assert set(usable(store)) == {key.id}


def test_nothing_but_a_living_key_begins_a_session(
    store: Store, advance: Callable[[float], None], clock: FakeClock
) -> None:
    """Neither a revoked or expired one, another project's, nor a session: it would never end."""
    key, revoked = make(store), make(store)
    expired = make(store, expires=clock.at + timedelta(seconds=1))
    made, _ = begin(store, key.id)
    advance(1)
    with store.write() as session:
        keys.revoke(session, "a", revoked.id)
    for project, name in (
        ("a", revoked.id),
        ("a", expired.id),
        ("a", made.id),
        ("a", "nobody"),
        ("b", key.id),
    ):
        with pytest.raises(NotFound):
            begin(store, name, project)


def test_the_next_session_of_many_ends_the_oldest(
    store: Store, advance: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each key has its own, so nobody ends another's."""
    monkeypatch.setattr(sessions, "MOST_SESSIONS", 2)
    key, other = make(store), make(store)
    kept, _ = begin(store, other.id)
    made = []
    for _ in range(4):
        advance(1)
        made.append(begin(store, key.id)[0].id)
    assert set(usable(store)) == {key.id, other.id, kept.id, *made[2:]}


def test_signing_out_ends_one_session_and_never_a_key(store: Store) -> None:
    """Twice is as good as once; another project's is not there."""
    key = make(store)
    first, _ = begin(store, key.id)
    second, _ = begin(store, key.id)
    for project, name in (("b", second.id), ("a", first.id), ("a", first.id), ("a", key.id)):
        with store.write() as session:
            sessions.end(session, project, name)
    assert set(usable(store)) == {key.id, second.id}


def test_a_session_is_no_key_of_the_list(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be revoked as one, and does not count as one of the project's many."""
    monkeypatch.setattr(keys, "MOST_KEYS", 2)
    key = make(store)
    session, _ = begin(store, key.id)
    assert told(store) == told(store, None) == {key.id: 1}
    with pytest.raises(NotFound), store.write() as transaction:
        keys.revoke(transaction, "a", session.id)
    make(store)


def test_expired_sessions_are_forgotten_without_another_sign_in(
    store: Store, clock: FakeClock
) -> None:
    """In every project; keys that expired stay, for whoever asks what became of them."""
    lived = make(store, expires=clock() + timedelta(hours=1))
    begin(store, lived.id)
    begin(store, make(store, "b").id, "b")
    clock.advance(2 * 3600)
    with store.write() as session:
        sessions.forget(session)
    assert rows(store) == 3
    clock.advance(12 * 3600)
    with store.write() as session:
        sessions.forget(session)
    assert rows(store) == 2
