"""Who is there to train, and what for whom, on SQLite and PostgreSQL."""

from collections.abc import Callable, Sequence

import pytest

from service.store import projects, stalls, work, workers
from service.store.engine import Store
from tests.conftest import FakeClock

Make = Callable[..., str]


@pytest.fixture
def ask(store: Store) -> Callable[..., None]:
    """A worker asks for work: `ask("a", "a/box", ["x"])`, or of all projects `ask("a", "box")`."""

    def attend(project: str, name: str, objectives: Sequence[str] | None = None) -> None:
        with store.write() as session:
            projects.ensure(session, project)
            is_own = name.startswith(f"{project}/")
            stalls.attend(session, project, name, objectives, all_projects=not is_own)

    return attend


@pytest.fixture
def seen(store: Store) -> Callable[..., list[tuple[str, bool, int]]]:
    """The workers that a project sees: name, whether it is there, how many runs it trains."""

    def look(project: str | None) -> list[tuple[str, bool, int]]:
        with store.read() as session:
            at, found = workers.everyone(session, project)
        return [(one.name, one.is_present(at), len(one.leases)) for one in found]

    return look


def test_a_project_sees_its_own_and_those_of_all(
    ask: Callable[..., None], seen: Callable[..., list[tuple[str, bool, int]]]
) -> None:
    """By the names they call themselves; whoever sees all projects sees everyone."""
    ask("a", "a/one")
    ask("b", "b/two")
    ask("b", "shared")
    assert sorted(seen("a")) == [("one", True, 0), ("shared", True, 0)]
    assert sorted(seen("b")) == [("shared", True, 0), ("two", True, 0)]
    assert sorted(seen(None)) == [("one", True, 0), ("shared", True, 0), ("two", True, 0)]
    assert seen("c") == [("shared", True, 0)]


def test_who_asked_long_ago_is_away(
    ask: Callable[..., None],
    seen: Callable[..., list[tuple[str, bool, int]]],
    clock: FakeClock,
) -> None:
    """After a minute; who asked last comes first."""
    ask("a", "a/old")
    clock.advance(61)
    ask("a", "a/new", ["x"])
    assert seen("a") == [("new", True, 0), ("old", False, 0)]


def test_a_worker_is_there_as_long_as_it_trains(
    store: Store,
    new_study: Make,
    queue: Callable[..., None],
    claim: Callable[..., work.Claim],
    ask: Callable[..., None],
    seen: Callable[..., list[tuple[str, bool, int]]],
    clock: FakeClock,
) -> None:
    """Whatever it asked for, and even once that was forgotten; with its runs and their leases."""
    study = new_study()
    queue(study, trials=2, seeds=2)
    ask("a", "w")
    claim("c1", lanes=3)
    clock.advance(100)
    ask("a", "other")
    assert seen("a") == [("w", True, 3), ("other", True, 0)]
    assert seen("b") == [("other", True, 0), ("w", False, 0)]  # what it trains is not b's to see
    with store.read() as session:
        _, (first, _) = workers.everyone(session, "a")
        assert workers.count_queued(session, "a") == 1
        assert workers.count_queued(session, None) == 1
        assert workers.count_queued(session, "b") == 0
    lease = first.leases[0]
    assert (lease.study, lease.label, lease.phase, lease.updates) == (study, "first", "search", 100)
    assert lease.until is not None
    assert lease.started is not None
    clock.advance(stalls.FORGET_SECONDS + 1)
    ask("a", "other")
    assert seen("a") == [("w", True, 3), ("other", True, 0)]
    assert seen(None) == [("w", True, 3), ("other", True, 0)]
