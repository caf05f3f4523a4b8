"""API keys in the store: shown once, kept as a hash, gone when revoked or expired."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from service.errors import Conflict, NotFound
from service.schemas.keys import Scope
from service.store import keys, projects, stalls
from service.store.engine import Store
from service.store.identity_models import ApiKey
from service.store.tokens import digest, make_token, read_id
from tests.conftest import FakeClock
from tuning.errors import InvalidValue


@pytest.fixture(autouse=True)
def two_projects(store: Store) -> None:
    """Two tenants."""
    with store.write() as session:
        projects.ensure(session, "a")
        projects.ensure(session, "b")


def make(store: Store, project: str = "a", **options: object) -> tuple[keys.Key, str]:
    """Make a key of one scope."""
    with store.write() as session:
        return keys.create(session, project, **{"label": "mine", "scopes": [Scope.READ], **options})


def usable(store: Store) -> dict[str, keys.Lock]:
    """What a server would check against, by id."""
    with store.read() as session:
        return {one.id: one for one in keys.usable(session)}


def test_a_token_proves_its_key_and_is_nowhere_in_the_store(store: Store) -> None:
    """The row holds its hash; nothing in it contains the secret."""
    key, token = make(store)
    lock = usable(store)[key.id]
    assert read_id(token) == key.id
    assert lock == keys.Lock(
        "a", key.id, digest(token), frozenset({Scope.READ}), all_projects=False, label="mine"
    )
    with store.read() as session:
        row = session.scalars(select(ApiKey)).one()
        assert token[16:] not in repr(vars(row))
    assert token not in repr(key) + repr(lock)


def test_tokens_are_never_alike() -> None:
    """256 random bits each, and a checksum that a slip of the finger breaks."""
    tokens = {make_token()[1] for _ in range(1_000)}
    assert len(tokens) == 1_000
    one = tokens.pop()
    for place in range(len(one)):
        wrong = one[:place] + ("b" if one[place] != "b" else "c") + one[place + 1 :]
        assert read_id(wrong) is None


def test_revoked_and_expired_keys_open_nothing(
    store: Store, advance: Callable[[float], None], clock: FakeClock
) -> None:
    """They stay in the list, with the moment."""
    lasting, _ = make(store)
    brief, _ = make(store, expires=clock.at + timedelta(seconds=10))
    assert set(usable(store)) == {lasting.id, brief.id}
    advance(10)
    assert set(usable(store)) == {lasting.id}
    with store.write() as session:
        once = keys.revoke(session, "a", lasting.id)
    advance(5)
    with store.write() as session:
        assert keys.revoke(session, "a", lasting.id) == once
        assert keys.exist(session)
    assert usable(store) == {}


def test_a_project_sees_and_revokes_its_own_keys_only(store: Store) -> None:
    """Those of another are not there; whoever serves all projects sees all."""
    mine, _ = make(store)
    theirs, _ = make(store, "b")
    with store.read() as session:
        assert [one.id for one in keys.page(session, "a").items] == [mine.id]
        assert {one.id for one in keys.page(session, None).items} == {mine.id, theirs.id}
    with pytest.raises(NotFound), store.write() as session:
        keys.revoke(session, "a", theirs.id)
    with store.write() as session:
        assert keys.revoke(session, None, theirs.id).revoked is not None


def test_pages_neither_skip_nor_repeat(store: Store, advance: Callable[[float], None]) -> None:
    """Newest first."""
    made = []
    for _ in range(5):
        advance(1)
        made.append(make(store)[0].id)
    found, cursor = [], None
    while True:
        with store.read() as session:
            page = keys.page(session, "a", cursor=cursor, limit=2)
        found += [one.id for one in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == made[::-1]


def test_what_cannot_be_a_key_is_refused(
    store: Store, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No scope, no future, no project, or one too many."""
    with pytest.raises(InvalidValue, match="scopes"):
        make(store, scopes=[])
    with pytest.raises(InvalidValue, match="expires"):
        make(store, expires=clock.at)
    with pytest.raises(NotFound):
        make(store, "nobody")
    monkeypatch.setattr(keys, "MOST_KEYS", 1)
    key, _ = make(store)
    with pytest.raises(Conflict):
        make(store)
    with store.write() as session:
        keys.revoke(session, "a", key.id)
    make(store)


def test_the_last_use_is_known_to_the_minute(
    store: Store, advance: Callable[[float], None], clock: FakeClock
) -> None:
    """It is not written more often."""
    key, _ = make(store)
    moments = []
    for _ in range(4):
        with store.write() as session:
            keys.note_used(session, {key.id})
        with store.read() as session:
            moments.append(keys.page(session, "a").items[0].last_used)
        advance(25)
    assert moments[0] == moments[1] == moments[2] == clock.at - timedelta(seconds=100)
    assert moments[3] == clock.at - timedelta(seconds=25)


def test_a_worker_of_one_project_is_none_for_another(store: Store) -> None:
    """Why a study stalls is told from the workers that would serve it."""
    with store.write() as session:
        stalls.attend(session, "a", "a/w", None, all_projects=False)
    with store.read() as session:
        assert stalls._present(session, stalls.now(session)) == [("a", None)]
