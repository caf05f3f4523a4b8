"""The keyring: who shows which key, from memory, never older than it says."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from service.api.caller import OPEN
from service.api.keyring import LATEST_SECONDS, SOON_SECONDS, Keyring, Keys
from service.errors import StoreBusy, Unidentified
from service.schemas.keys import Scope
from service.store.keys import Lock
from service.store.tokens import digest, make_token


class Drawer:
    """Keys as a store would tell them, how often it was asked, and a clock."""

    def __init__(self) -> None:
        """Empty, at moment 0."""
        self.locks: dict[str, Lock] = {}
        self.looks = 0
        self.at = 0.0
        self.is_away = False

    def add(self, parent: str | None = None) -> str:
        """Put a key in, or a session of one; returns its token."""
        name, token = make_token()
        self.locks[name] = Lock(
            "a", name, digest(token), frozenset({Scope.READ}), all_projects=False, parent=parent
        )
        return token

    def look(self) -> Keys:
        """What is in it."""
        self.looks += 1
        if self.is_away:
            raise StoreBusy("away")
        return Keys(tuple(self.locks.values()), bool(self.locks))


@pytest.fixture
def drawer() -> Drawer:
    """An empty drawer."""
    return Drawer()


@pytest.fixture
def keyring(drawer: Drawer) -> Iterator[Keyring]:
    """The keyring that looks into it."""
    made = Keyring(drawer.look, is_needed=False, clock=lambda: drawer.at)
    yield made
    made.close()


def find(keyring: Keyring, token: str | None) -> object:
    """What a request would find."""
    return keyring.recall(token) or asyncio.run(keyring.find(token))


def refuses(keyring: Keyring, token: str | None) -> bool:
    """Whether a request would be refused."""
    try:
        find(keyring, token)
    except Unidentified:
        return True
    return False


def test_until_the_first_key_nobody_needs_one(drawer: Drawer, keyring: Keyring) -> None:
    """A key of elsewhere does no harm; from the first on, both are refused within the bound."""
    assert find(keyring, None) is OPEN
    assert find(keyring, make_token()[1]) is OPEN
    drawer.add()
    drawer.at += LATEST_SECONDS + 0.1
    assert refuses(keyring, None)
    assert refuses(keyring, make_token()[1])
    assert refuses(keyring, "gs_nonsense")


def test_a_key_can_be_needed_from_the_start(drawer: Drawer) -> None:
    """As the setting says, and on any address but this machine's."""
    keyring = Keyring(drawer.look, is_needed=True, clock=lambda: drawer.at)
    assert refuses(keyring, None)
    keyring.close()


def test_a_known_token_is_neither_hashed_nor_looked_up(
    drawer: Drawer, keyring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hot path is one look into a dictionary."""
    token = drawer.add()
    caller = find(keyring, token)

    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("service.api.keyring.digest", fail)
    drawer.at += SOON_SECONDS / 2
    assert [keyring.recall(token) for _ in range(100)] == [caller] * 100
    assert drawer.looks == 1


def test_a_key_just_made_opens_at_once(drawer: Drawer, keyring: Keyring) -> None:
    """What is not known is looked for, though not for every nonsense anew."""
    assert not refuses(keyring, drawer.add())
    drawer.at += 0.3
    assert not refuses(keyring, drawer.add())
    looks = drawer.looks
    assert all(refuses(keyring, make_token()[1]) for _ in range(50))
    assert all(refuses(keyring, "gs_" + "x" * 72) for _ in range(50))
    assert drawer.looks == looks


def test_a_key_that_another_replica_just_made_opens_at_once(
    drawer: Drawer, keyring: Keyring
) -> None:
    """Also right after a look that came too early for it: whoever shows it waits for the next."""
    assert not refuses(keyring, drawer.add())
    drawer.at += 0.05
    assert not refuses(keyring, drawer.add())
    assert drawer.looks == 2


def test_nonsense_that_comes_again_is_not_looked_for_again(
    drawer: Drawer, keyring: Keyring
) -> None:
    """What opened nothing when it was first shown never will."""
    assert not refuses(keyring, drawer.add())
    nonsense = make_token()[1]
    for _ in range(3):
        drawer.at += 0.3
        assert refuses(keyring, nonsense)
    assert drawer.looks == 2


def test_a_revoked_key_opens_nothing_after_the_bound(drawer: Drawer, keyring: Keyring) -> None:
    """On a replica that was not told; whoever asks meanwhile has it looked up soon."""
    token = drawer.add()
    drawer.add()
    assert not refuses(keyring, token)
    drawer.locks.popitem()
    del drawer.locks[next(iter(drawer.locks))]
    drawer.locks["other"] = Lock("a", "other", digest("x"), frozenset(), all_projects=False)
    drawer.at += LATEST_SECONDS + 0.1
    assert refuses(keyring, token)


def test_a_replica_that_revokes_knows_at_once(drawer: Drawer, keyring: Keyring) -> None:
    """Also while it was just looking."""
    token = drawer.add()
    drawer.add()
    assert not refuses(keyring, token)
    look = drawer.look

    def look_and_be_overtaken() -> Keys:
        found = look()
        if drawer.looks == 2:
            drawer.locks.pop(next(iter(drawer.locks)))
            keyring.forget()
        return found

    keyring._look = look_and_be_overtaken
    keyring.forget()
    drawer.at += 0.1
    find_and_ignore(keyring, token)
    assert refuses(keyring, token)


def find_and_ignore(keyring: Keyring, token: str) -> None:
    """Ask once, whatever comes of it."""
    refuses(keyring, token)


def test_while_the_store_is_away_keys_open_for_as_long_as_the_bound(
    drawer: Drawer, keyring: Keyring
) -> None:
    """Then nobody is let in, for nobody knows who was revoked."""
    token = drawer.add()
    assert not refuses(keyring, token)
    drawer.is_away = True
    drawer.at += LATEST_SECONDS - 0.1
    assert not refuses(keyring, token)
    drawer.at += 0.2
    with pytest.raises(StoreBusy):
        find(keyring, token)


def test_uses_are_told_once_a_minute(drawer: Drawer, keyring: Keyring) -> None:
    """Those of the server's own worker never."""
    token = drawer.add()
    find(keyring, token)
    find(keyring, keyring.own_token)
    told: Callable[[], set[str]] = keyring.take_used
    assert told() == set(drawer.locks)
    find(keyring, token)
    assert told() == set()
    drawer.at += 61
    find(keyring, token)
    assert told() == set(drawer.locks)


def test_whoever_uses_a_session_uses_its_key(drawer: Drawer, keyring: Keyring) -> None:
    """So nobody takes a key for unused with which somebody is signed in; also one signed out."""
    drawer.add()
    (key,) = drawer.locks
    session = drawer.add(parent=key)
    find(keyring, session)
    drawer.locks.popitem()
    keyring.forget()
    drawer.at += 0.1
    find_and_ignore(keyring, session)
    assert keyring.take_used() == {key}


def test_the_servers_own_worker_may_only_work(drawer: Drawer, keyring: Keyring) -> None:
    """For every project, without any key in the store."""
    drawer.add()
    caller = find(keyring, keyring.own_token)
    assert caller.scopes == {Scope.WORK}  # type: ignore[attr-defined] # a caller
    assert caller.reach is None  # type: ignore[attr-defined] # likewise
    assert keyring.own_token not in repr(caller) + repr(vars(keyring)["_own"])
