"""Readiness: answered in time, whatever hangs, and at the cost of a few threads at most."""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api.readiness import MOST_LOOKS, Finding, Readiness, examine
from service.app import create_app
from service.errors import StoreBusy
from service.settings import Settings
from service.store import migrations
from service.store.engine import Store
from service.store.timeouts import Limits

SHORT = 0.05  # seconds
POLLS = 12
SECRET = "connection to db.internal refused"


class Database:
    """A look that hangs while it is told to."""

    def __init__(self) -> None:
        self.looks = 0
        self.answers = threading.Event()

    def look(self) -> Finding:
        """Look, once the database answers."""
        self.looks += 1
        self.answers.wait(60)
        return Finding("ok")


def readers() -> int:
    """Threads that look just now."""
    return sum(thread.name == "readiness" for thread in threading.enumerate())


def wait_for_readers() -> None:
    """Wait until nobody looks any more."""
    while readers():
        time.sleep(SHORT)


def test_what_hangs_is_asked_a_few_times_and_never_more() -> None:
    """However often is polled; once the database answers, so do they, and no thread is left."""
    database = Database()

    async def poll() -> tuple[list[str], str]:
        readiness = Readiness(database.look, SHORT)
        before = [await readiness.ask() for _ in range(POLLS)]
        assert (database.looks, readers()) == (MOST_LOOKS, MOST_LOOKS)
        database.answers.set()
        await asyncio.to_thread(wait_for_readers)
        return before, await readiness.ask()

    before, after = asyncio.run(poll())
    assert set(before) == {"no database"}
    assert after == "ok"


def test_polls_at_the_same_time_share_a_look() -> None:
    """A flood of strangers costs the database one question at a time."""
    database = Database()

    async def flood() -> list[str]:
        readiness = Readiness(database.look, seconds=60.0)
        asked = [asyncio.create_task(readiness.ask()) for _ in range(POLLS)]
        await asyncio.sleep(SHORT)
        database.answers.set()
        return await asyncio.gather(*asked)

    assert (asyncio.run(flood()), database.looks) == (["ok"] * POLLS, 1)


def test_nothing_is_kept_of_a_poll_whose_look_hangs() -> None:
    """Else a database that hangs for a day would cost memory with every poll."""
    database = Database()

    async def poll() -> int:
        readiness = Readiness(database.look, 0.001)
        for _ in range(POLLS):
            await readiness.ask()
        waiting = [one.answer._callbacks or [] for one in readiness._looks]  # type: ignore[attr-defined] # of a future
        database.answers.set()
        return sum(map(len, waiting))

    assert asyncio.run(poll()) == 0


def test_the_log_says_why_once(caplog: pytest.LogCaptureFixture) -> None:
    """A probe comes every few seconds; the reason, and that it has passed, are said once."""
    findings = [Finding("ok"), *[Finding("no room", "/srv: 3 %")] * 3, *[Finding("ok")] * 3]
    told = iter(findings)

    async def poll() -> None:
        readiness = Readiness(lambda: next(told))
        for _ in findings:
            await readiness.ask()

    with caplog.at_level(logging.WARNING, "service.api.readiness"):
        asyncio.run(poll())
    assert [record.getMessage() for record in caplog.records] == [
        "not ready: no room: /srv: 3 %",
        "ready again",
    ]


def test_strangers_are_not_told_why(
    api: TestClient,
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What a driver says of its database goes to the log alone."""

    @contextmanager
    def away() -> Iterator[Any]:
        raise StoreBusy(SECRET)
        yield

    monkeypatch.setattr(store, "read", away)
    refused = api.get("/readyz")
    assert (refused.status_code, refused.json()) == (503, {"status": "no database"})
    assert refused.headers["Retry-After"] == "1"
    assert SECRET in caplog.text


def test_a_pool_without_a_free_connection_is_no_database(
    emptied_postgres_url: str, tmp_path: Path
) -> None:
    """It is said after a second, long before the pool gives up; and then all is as before."""
    store = Store(emptied_postgres_url, limits=Limits(connections=2, lock_seconds=60))
    app = create_app(store, Settings(dataset_folder=tmp_path, cache_folder=tmp_path))
    api = TestClient(app, base_url="http://localhost")
    with store.read() as one, store.read() as other:
        for session in (one, other):
            session.connection()
        assert api.get("/readyz").json() == {"status": "no database"}
    wait_for_readers()
    assert api.get("/readyz").json() == {"status": "no planner"}
    assert store.connections_in_use() == {"write": 0, "read": 0}
    app.state.context.keyring.close()
    store.close()


def test_a_disk_without_room_is_said(store: Store, tmp_path: Path) -> None:
    """Of the folders that files are written to, and of the store's own; 0 is no limit."""
    store.upgrade()
    folders = [tmp_path / "sets"]
    assert examine(store, folders, 0.0, lambda: True) == Finding("ok")
    full = examine(store, folders, 1.0, lambda: True)
    assert full.status == "no room"
    assert str(store.folder or tmp_path / "sets") in full.reason


def test_loops_and_tables_come_before_disks(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is said by its own words."""
    store.upgrade()
    assert examine(store, (), 1.0, lambda: False).status == "no planner"
    monkeypatch.setattr(migrations, "is_current", lambda _: False)
    assert examine(store, (), 1.0, lambda: False).status == "migrating"


def test_the_503_is_described_as_it_is(api: TestClient) -> None:
    """JSON of its own, no problem document, with when to ask again."""
    document = api.get("/openapi.json").json()
    described = document["paths"]["/readyz"]["get"]["responses"]["503"]
    assert list(described["content"]) == ["application/json"]
    assert described["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/Health"
    }
    assert described["headers"].keys() == {"Retry-After"}
    states = document["components"]["schemas"]["Health"]["properties"]["status"]["enum"]
    assert api.get("/readyz").json()["status"] in states
