"""The asynchronous client does what the blocking one does, and never blocks its loop."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.client import AsyncClient, Client, GaveUp, Patience, Unreachable
from service.client.calls import Call, text
from service.client.flows import perform
from service.schemas.live import StudyEvent
from tests.service.client.answers import BASE_URL, Network, ok, pages, study

CUT = httpx2.ReadError("cut")
LAST = 5


@asynccontextmanager
async def client_on(network: Network) -> AsyncIterator[AsyncClient]:
    """An asynchronous client on a network whose pauses take no time."""

    async def pause(seconds: float) -> bool:
        await asyncio.sleep(0)
        return network.pause(seconds)

    transport = httpx2.MockTransport(network)
    async with AsyncClient(
        BASE_URL, transport=transport, patience=network.patience, pause=pause
    ) as client:
        yield client


def play(story: Coroutine[Any, Any, None]) -> None:
    """Run a story to its end."""
    asyncio.run(story)


def test_a_creation_is_repeated_byte_for_byte_under_one_key() -> None:
    """As the blocking client repeats it."""
    network = Network([CUT, httpx2.Response(503, json={}), ok(study())])

    async def story() -> None:
        async with client_on(network) as client:
            assert (await client.studies.create({"objective": "x"})).id == "st_a"

    play(story())
    assert len({request.headers["Idempotency-Key"] for request in network.asked}) == 1
    assert network.bodies == [b'{"objective": "x"}'] * 3


def test_lists_follow_the_cursor_and_stop_where_the_reader_stops() -> None:
    """A page is asked for when its first item is."""
    network = Network(list(pages([study(id=f"st_{name}") for name in "cba"])))

    async def story() -> None:
        async with client_on(network) as client:
            found = []
            async for one in client.studies.list():
                found.append(one.id)
                if len(found) == 2:
                    break
            assert found == ["st_c", "st_b"]

    play(story())
    assert len(network.asked) == 2


def test_waiting_ends_with_the_final_state_or_when_it_is_given_up() -> None:
    """Progress is told once per revision."""
    seen: list[int] = []

    async def story() -> None:
        answers = [ok(study()), httpx2.Response(304), ok(study(revision=3, state="completed"))]
        async with client_on(Network(answers)) as client:
            final = await client.studies.wait("st_a", lambda view: seen.append(view.revision))
            assert final.state == "completed"
        async with client_on(Network([ok(study())], is_patient=False)) as client:
            with pytest.raises(GaveUp, match="st_a"):
                await client.studies.wait("st_a")

    play(story())
    assert seen == [1, 3]


class Broken(httpx2.AsyncByteStream):
    """A body of one event that then breaks off, and notes that it was closed."""

    def __init__(self, revision: int, closed: list[int]) -> None:
        self._revision, self._closed = revision, closed

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """One event, half a one, and an error."""
        told = StudyEvent(study="st_1", kind="progress", revision=self._revision, data={})
        yield f": ping\n\nid: {self._revision}\ndata: {told.model_dump_json()}\n\ndata: {{".encode()
        raise CUT

    async def aclose(self) -> None:
        """Note it."""
        self._closed.append(self._revision)


def test_a_stream_is_taken_up_where_it_broke_and_closed_when_it_is_left() -> None:
    """No event is missed or told twice, and no connection stays open."""
    closed: list[int] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen = int(request.headers["Last-Event-ID"])
        if seen == LAST:
            return httpx2.Response(204)
        return httpx2.Response(200, stream=Broken(seen + 1, closed))

    async def never(_seconds: float) -> bool:
        await asyncio.sleep(0)
        return False

    async def story() -> None:
        transport = httpx2.MockTransport(answer)
        async with AsyncClient(BASE_URL, transport=transport, pause=never) as client:
            told = [one.revision async for one in client.studies.events("st_1")]
            assert told == list(range(1, LAST + 1))
            assert closed == told
            left = client.studies.events("st_1", after=2)
            assert (await anext(left)).revision == 3
        del left
        await asyncio.sleep(0)

    play(story())
    assert closed[LAST:] == [3]


def test_a_server_that_stays_away_is_unreachable() -> None:
    """For streams and for single calls."""

    async def story() -> None:
        async with client_on(Network([CUT])) as client:
            with pytest.raises(Unreachable, match=r"service\.test/v1/studies/st_a: ReadError"):
                await client.studies.get("st_a")
        async with client_on(Network([CUT])) as client:
            with pytest.raises(Unreachable, match="/events"):
                await anext(client.studies.events("st_a"))
        with pytest.raises(Unreachable):
            AsyncClient("http://[::1")

    play(story())


def test_calls_run_beside_each_other() -> None:
    """A hundred at once wait together, not one after another."""
    inside, most = 0, 0

    async def answer(_request: httpx2.Request) -> httpx2.Response:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.01)
        inside -= 1
        return ok(study())

    async def story() -> None:
        async with AsyncClient(BASE_URL, transport=httpx2.MockTransport(answer)) as client:
            await asyncio.gather(*(client.studies.get("st_a") for _ in range(100)))

    play(story())
    assert most == 100


def test_a_client_that_was_lent_is_not_closed() -> None:
    """An own one is."""

    async def story() -> None:
        network = Network([ok(study())])
        async with httpx2.AsyncClient(
            base_url=BASE_URL, transport=httpx2.MockTransport(network)
        ) as lent:
            async with AsyncClient(BASE_URL, http=lent) as client:
                assert await client.health.livez()
            assert not lent.is_closed
        async with client_on(network) as client:
            pass
        with pytest.raises(RuntimeError, match="closed"):
            await client.studies.get("st_a")

    play(story())


def test_a_file_is_streamed_and_sent_anew_with_every_try(tmp_path: Path) -> None:
    """By both clients; it is never held in memory as a whole."""
    file = tmp_path / "bars.csv"
    file.write_bytes(b"close\n" * 100_000)
    call = Call("POST", "/v1/x", text, content=file, headers={"Content-Type": "text/csv"})

    async def story(network: Network) -> None:
        async with client_on(network) as client:
            driver = client.studies.driver
            await driver.run(perform(call, driver.patience))

    first, second = Network([CUT, ok({})]), Network([CUT, ok({})])
    play(story(first))
    driver = second.client().studies.driver
    driver.run(perform(call, driver.patience))
    assert first.bodies == second.bodies == [file.read_bytes()] * 2


def test_a_patience_is_one_for_both() -> None:
    """What is said of one client holds of the other."""
    patience = Patience(seconds=0)
    network = Network([CUT])
    with pytest.raises(Unreachable):
        Client(BASE_URL, transport=httpx2.MockTransport(network), patience=patience).studies.get(
            "st_a"
        )
    assert len(network.asked) == 1
