"""What streams cost: pieces of bounded size, nothing while nobody reads, one question for all.

The application is asked as a server asks it, by ASGI, so a test can be a client that does not read.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from service.api import streams
from service.api.caller import DEFAULT_PROJECT
from service.api.live import MOST_BYTES
from service.store import events
from service.store.engine import Store
from tests.service.api.test_live import Claim, Submit, read

ENOUGH_SECONDS = 30  # for anything here, on a busy machine


class Reader:
    """A client of one stream: what came, and whether it takes more."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.news = asyncio.Event()
        self.is_held_up = asyncio.Event()
        self.leaves = asyncio.Event()
        self._has_asked = False

    @property
    def told(self) -> list[tuple[int | None, str, dict[str, Any]]]:
        """The events that came."""
        return read(b"".join(self.pieces).decode())

    async def ask(self, app: Any, path: str) -> None:  # noqa: ANN401 # an ASGI application
        """Have a stream until it ends."""
        address, _, query = path.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": address,
            "raw_path": address.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(b"host", b"localhost")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        await app(scope, self._receive, self._send)

    async def has(self, is_enough: Callable[["Reader"], bool]) -> None:
        """Wait until enough came."""
        async with asyncio.timeout(ENOUGH_SECONDS):
            while not is_enough(self):
                await self.news.wait()
                self.news.clear()

    async def _receive(self) -> dict[str, Any]:
        if not self._has_asked:
            self._has_asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.leaves.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if not self.reads.is_set():
            self.is_held_up.set()
        await self.reads.wait()
        if message.get("body"):
            self.pieces.append(message["body"])
            self.news.set()


def append(store: Store, study: str, count: int, size: int = 10) -> None:
    """Let so much happen to a study."""
    for _ in range(count):
        with store.write() as session:
            events.append(session, DEFAULT_PROJECT, study, "described", {"label": "x" * size})


@contextmanager
def counted(store: Store, table: str) -> Iterator[list[str]]:
    """The questions about a table that are asked meanwhile."""
    asked: list[str] = []

    def note(*arguments: Any) -> None:  # noqa: ANN401 # of SQLAlchemy
        if f"FROM {table}" in arguments[2]:
            asked.append(arguments[2])

    with store.read() as session:
        engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(engine, "before_cursor_execute", note)


def test_what_is_told_at_once_is_bounded(
    api: TestClient, submit: Submit, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pieces of at most 64 KiB, of whole events; together each event once, in order, unasked."""
    monkeypatch.setattr(streams, "POLL_SECONDS", 3600.0)
    study = submit()["id"]
    append(store, study, 60, size=9_000)
    append(store, study, 1, size=2 * MOST_BYTES)  # larger than a piece: alone in it
    append(store, study, 130)
    api.post(f"/v1/studies/{study}:cancel")

    async def play() -> Reader:
        reader = Reader()
        async with asyncio.timeout(ENOUGH_SECONDS):
            await reader.ask(api.app, f"/v1/studies/{study}/events")
        return reader

    reader = asyncio.run(play())
    last = api.get(f"/v1/studies/{study}").json()["revision"]
    assert [number for number, _, _ in reader.told] == list(range(1, last + 1))
    large = [piece for piece in reader.pieces if len(piece) > MOST_BYTES + len(streams.PING)]
    assert [piece.count(b"\nevent: ") for piece in large] == [1]
    assert all(piece.endswith(b"\n\n") for piece in reader.pieces)
    assert len(reader.pieces) < 30  # not one by one


def test_nothing_is_done_for_a_client_that_does_not_read(
    api: TestClient, submit: Submit, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not looked for events any more; once it reads again it misses none."""
    monkeypatch.setattr(streams, "POLL_SECONDS", 0.01)
    study = submit()["id"]

    async def play() -> tuple[int, Reader]:
        reader = Reader()
        asking = asyncio.ensure_future(reader.ask(api.app, f"/v1/studies/{study}/events"))
        await reader.has(lambda one: len(one.told) == 1)
        reader.reads.clear()
        append(store, study, 1)
        await reader.is_held_up.wait()
        with counted(store, "events") as asked:
            append(store, study, 20)
            await asyncio.sleep(0.2)
        reader.reads.set()
        await reader.has(lambda one: len(one.told) == 22)
        reader.leaves.set()
        await asking
        return len(asked), reader

    asked, reader = asyncio.run(play())
    assert asked == 0
    assert [number for number, _, _ in reader.told] == list(range(1, 23))


def test_readers_of_one_study_share_what_they_ask_of_its_measurements(
    api: TestClient, submit: Submit, store: Store, plan: Callable[[], int], claim: Claim
) -> None:
    """Less than half as many questions as readers, and each reader is told."""
    study, many = submit()["id"], 30
    plan()
    block = claim(lanes=1)
    assert block is not None
    run = block["runs"][0]
    report = {"run": run["run"], "token": run["token"], "seq": 0, "steps": [5]}
    body = {"worker": "w", "reports": [{**report, "values": {"val_mse": [0.5]}}]}
    assert api.post("/v1/runs:report", json=body).status_code == 200

    async def play() -> int:
        readers = [Reader() for _ in range(many)]
        path = f"/v1/studies/{study}/events?measurements=true"
        asking = [asyncio.ensure_future(one.ask(api.app, path)) for one in readers]
        with counted(store, "measurements") as asked:
            for reader in readers:
                await reader.has(lambda one: any(kind == "measurements" for _, kind, _ in one.told))
        await _leave(readers, asking)
        return len(asked)

    assert 1 <= asyncio.run(play()) < many / 2


@pytest.mark.parametrize("path", ["/v1/studies/{study}/events", "/v1/events"])
def test_a_stream_that_has_nothing_to_tell_is_heard_all_the_same(
    api: TestClient, submit: Submit, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Now and then by a comment, so that whatever is on the way keeps the connection."""
    monkeypatch.setattr(streams, "PING_SECONDS", 0.3)
    study = submit()["id"]

    async def play() -> Reader:
        reader = Reader()
        asking = asyncio.ensure_future(reader.ask(api.app, path.format(study=study)))
        await reader.has(lambda one: one.pieces.count(streams.PING) == 2)
        await _leave([reader], [asking])
        return reader

    assert len(asyncio.run(play()).told) == 1


@pytest.mark.parametrize("path", ["/v1/studies/{study}/events", "/v1/events"])
def test_a_stream_whose_client_hangs_up_ends(api: TestClient, submit: Submit, path: str) -> None:
    """Soon, though nothing happens that could not be sent; it is counted as open until then."""
    study = submit()["id"]
    registry = api.app.state.context.metrics.registry  # type: ignore[attr-defined]

    def count() -> float:
        return float(registry.get_sample_value("glideslope_open_streams"))

    async def play() -> None:
        reader = Reader()
        asking = asyncio.ensure_future(reader.ask(api.app, path.format(study=study)))
        await reader.has(lambda one: one.told != [])
        assert count() == 1
        await _leave([reader], [asking])
        assert count() == 0

    asyncio.run(play())


async def _leave(readers: list[Reader], asking: list["asyncio.Future[None]"]) -> None:
    for reader in readers:
        reader.leaves.set()
    async with asyncio.timeout(ENOUGH_SECONDS):
        await asyncio.gather(*asking)
