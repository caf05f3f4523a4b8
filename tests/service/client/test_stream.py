"""Streams that break, and are taken up where they broke off."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import httpx2
import pytest

from service.client import BadAnswer, Client, Patience, ProblemError, Unreachable
from service.schemas.live import Changes, StudyChange, StudyEvent

LAST = 40


def frame(revision: int) -> bytes:
    """One event as the service writes it."""
    told = StudyEvent(study="st_1", kind="progress", revision=revision, data={})
    return f"id: {revision}\nevent: progress\ndata: {told.model_dump_json()}\n\n".encode()


class Cut(httpx2.SyncByteStream):
    """A body that breaks off in the middle of a frame after so many events, or ends."""

    def __init__(self, begin: int, count: int) -> None:
        self._begin, self._count = begin, count

    def __iter__(self) -> Iterator[bytes]:
        """Whole events, then half a one and an error, unless all were told."""
        yield b"retry: 1000\n\n: ping\n\n"
        for revision in range(self._begin, min(self._begin + self._count, LAST + 1)):
            yield frame(revision)
        if self._begin + self._count <= LAST:
            yield frame(self._begin + self._count)[:-3]
            raise httpx2.ReadError("cut")


def client_of(answer: Callable[[httpx2.Request], httpx2.Response], seconds: float = 60) -> Client:
    """A client whose requests go to a function, and that pauses without waiting."""
    patience = Patience(seconds=seconds, pause=lambda _: False)
    return Client("http://x", transport=httpx2.MockTransport(answer), patience=patience)


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_no_event_is_missed_or_told_twice_however_often_it_breaks(count: int) -> None:
    """Every connection breaks after a few events, or before the first of every other one."""
    asked: list[int] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen = int(request.headers["Last-Event-ID"])
        asked.append(seen)
        if seen >= LAST:
            return httpx2.Response(204)
        told = count or len(asked) % 2
        return httpx2.Response(200, stream=Cut(seen + 1, told))

    with client_of(answer) as client:
        revisions = [event.revision for event in client.studies.events("st_1")]
    assert revisions == list(range(1, LAST + 1))
    assert len(asked) > LAST // max(count, 1)


def test_a_stream_begins_after_the_revision_that_is_named() -> None:
    """What is known already is not told."""
    whole = lambda request: (  # noqa: E731 # one expression is all there is
        httpx2.Response(204)
        if int(request.headers["Last-Event-ID"]) == LAST
        else httpx2.Response(200, stream=Cut(int(request.headers["Last-Event-ID"]) + 1, LAST))
    )
    with client_of(whole) as client:
        assert [event.revision for event in client.studies.events("st_1", after=37)] == [38, 39, 40]


def test_measurements_do_not_move_the_place_in_the_stream() -> None:
    """They have no revision, so after a break the last numbered event is named."""
    asked: list[str] = []
    told = StudyEvent(study="st_1", kind="measurements", data={"runs": []}).model_dump_json()

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.headers["Last-Event-ID"])
        if len(asked) == 2:
            return httpx2.Response(204)
        return httpx2.Response(200, content=frame(1) + f"data: {told}\n\n".encode())

    with client_of(answer) as client:
        kinds = [one.kind for one in client.studies.events("st_1", measurements=True)]
    assert (kinds, asked) == (["progress", "measurements"], ["0", "1"])


def test_a_refusal_is_raised_and_not_tried_again() -> None:
    """A study that is not there will not come."""
    asked = itertools.count()

    def answer(_: httpx2.Request) -> httpx2.Response:
        next(asked)
        return httpx2.Response(404, text="no")

    with client_of(answer) as client, pytest.raises(ProblemError, match="404"):
        next(client.studies.events("st_1"))
    assert next(asked) == 1


@pytest.mark.parametrize("status", [503, None])
def test_patience_ends(status: int | None) -> None:
    """A server that stays away, or says "not now", is given up in the end."""

    def answer(_: httpx2.Request) -> httpx2.Response:
        if status is None:
            raise httpx2.ConnectError("refused")
        return httpx2.Response(status)

    with client_of(answer, seconds=0) as client, pytest.raises(Unreachable):
        next(client.studies.events("st_1"))


def test_nonsense_is_a_bad_answer() -> None:
    """Data that is no event."""
    nonsense = httpx2.Response(200, content=b"data: {}\n\n")
    with client_of(lambda _: nonsense) as client, pytest.raises(BadAnswer, match="no event"):
        next(client.studies.events("st_1"))


def test_changes_go_on_after_a_break() -> None:
    """From the id of the last message; each study of a message is one item."""
    asked: list[str | None] = []

    def message(number: int, *studies: str) -> bytes:
        told = [
            StudyChange(study=one, revision=number, state="running", at=datetime.now(UTC))
            for one in studies
        ]
        data = Changes(studies=told).model_dump_json()
        return f"id: {number}\nevent: changes\ndata: {data}\n\n".encode()

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.headers.get("Last-Event-ID"))
        first = 10 * len(asked)
        return httpx2.Response(200, content=message(first, "a", "b") + message(first + 1, "a"))

    with client_of(answer) as client:
        told = list(itertools.islice(client.studies.changes(), 7))
    assert [(one.study, one.revision) for one in told] == [
        ("a", 10),
        ("b", 10),
        ("a", 11),
        ("a", 20),
        ("b", 20),
        ("a", 21),
        ("a", 30),
    ]
    assert asked == [None, "11", "21"]
