"""The live stream of a study: its events over SSE, gap-free, and what its runs measure now.

The one idea: an event's id is the study's revision, so a reader that was cut off names the last one
it has seen and misses nothing and sees nothing twice. A stream holds neither a thread nor a
connection to the database while nothing happens: it looks again when the bell rings, and now and
then. Once the study has ended and all was told, the stream ends, and asking again is answered 204,
upon which a browser's `EventSource` stops asking.
Not here: what an event says (`service.store.events`).
"""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from service.api.caller import Caller, Viewer
from service.api.context import Context, Here, StudyId
from service.api.event_streams import event_content
from service.api.problems import responses
from service.errors import NotFound
from service.schemas.live import LastMeasurement, StudyEvent
from service.store import curves, events
from service.store.studies import get_standing

router = APIRouter(prefix="/v1/studies", tags=["studies"])

POLL_SECONDS = 0.5  # between two looks when no bell rings: another server's notice may be lost
RETRY_MILLISECONDS = 1_000  # after which a client whose connection broke should come again
RESTART_MILLISECONDS = 3_000  # likewise, once this server ended
PING_SECONDS = 15.0  # so that whatever is on the way keeps the connection
MEASURED_SECONDS = 1.0  # least time between two events of measurements
LARGEST_REVISION = 2**63 - 1

Revision = Annotated[int | None, Query(ge=0, le=LARGEST_REVISION)]
LastEventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=LARGEST_REVISION)]


@dataclass(frozen=True, slots=True)
class News:
    """What a look found after a revision, up to `seen`, and whether that is the end of it."""

    frames: Sequence[str]
    seen: int
    is_over: bool


@router.get(
    "/{study}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": event_content(StudyEvent)},
        204: {"description": "The study has ended, and the client knows all of it"},
        **responses(NotFound),
    },
)
async def stream_events(
    study: StudyId,
    here: Here,
    request: Request,
    caller: Viewer,
    after: Revision = None,
    last_event_id: LastEventId = None,
    measurements: bool = False,
) -> Response:
    """Everything that happens to a study, as server-sent events, from its beginning or a revision.

    The `Last-Event-ID` of a client that reconnects counts before `after`. `measurements=true` adds
    what the runs in training measured last: at most once a second, without an id.
    """
    told = last_event_id if last_event_id is not None else after or 0
    seen = await run_in_threadpool(_place, here, caller, study, told)
    news = await run_in_threadpool(_look, here, caller.project, study, seen)
    if news.is_over and not news.frames:
        return Response(status_code=204)
    stream = counted(here, _stream(here, caller, study, request, seen, measurements=measurements))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    here.meter.open_stream(caller)
    return Stream(stream, headers, partial(here.meter.close_stream, caller))


class Stream(StreamingResponse):
    """A stream of events; `on_end` is called however it ends, once it was begun or refused."""

    def __init__(
        self, events: AsyncIterator[str], headers: Mapping[str, str], on_end: Callable[[], None]
    ) -> None:
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._on_end = on_end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._on_end()


async def counted(here: Context, stream: AsyncIterator[str]) -> AsyncIterator[str]:
    """A stream that the metrics know of while it is open."""
    with here.metrics.open_streams.track_inprogress():
        async for frame in stream:
            yield frame


async def _stream(
    here: Context, caller: Caller, study: str, request: Request, seen: int, *, measurements: bool
) -> AsyncIterator[str]:
    pinged = measured = time.monotonic()
    known: Mapping[str, int] = {}
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    while not here.bell.is_closed and not await request.is_disconnected():
        if not here.keyring.admits(caller):  # its key was revoked meanwhile
            return
        ticket = here.bell.ticket()
        try:
            look = partial(_look, here, caller.project, study, seen)
            news = await here.looks.share(ticket, (caller.project, study, seen), look)
        except NotFound:  # deleted meanwhile
            return
        for frame in news.frames:
            yield frame
        seen = news.seen
        if news.is_over:
            return
        at = time.monotonic()
        if measurements and at - measured >= MEASURED_SECONDS:
            measured = at
            latest = await run_in_threadpool(_measure, here, caller, study)
            fresh = [one for one in latest if known.get(one.run) != one.step]
            known = {one.run: one.step for one in latest}
            if fresh:
                yield _unnumbered(study, fresh)
        if at - pinged >= PING_SECONDS:
            pinged = at
            yield ": ping\n\n"
        if not news.frames:
            await here.bell.wait(ticket, POLL_SECONDS)
    yield f"retry: {RESTART_MILLISECONDS}\n\n"  # the server ends, and another may follow it


def _place(here: Context, caller: Caller, study: str, told: int) -> int:
    """Where a reader goes on: at the end if it knows more than there is, of a store restored since.

    Else it would miss what happens until the study comes to that revision again.
    """
    with here.store.look() as connection:
        return min(told, get_standing(connection, caller.project, study)[0])


def _look(here: Context, project: str, study: str, seen: int) -> News:
    with here.store.read() as session:
        found = events.after(session, project, study, seen)
        last = found[-1].revision if found else seen
        is_over = events.is_over(session, project, study, last)
    return News([_frame(study, event) for event in found], last, is_over)


def _measure(here: Context, caller: Caller, study: str) -> list[LastMeasurement]:
    with here.store.read() as session:
        rows = curves.latest(session, caller.project, study)
    return [
        LastMeasurement(
            run=row.run,
            trial=row.trial,
            step=row.steps[-1],
            values={name: column[-1] for name, column in row.values.items()},
        )
        for row in rows
    ]


def _frame(study: str, event: events.Event) -> str:
    told = StudyEvent(
        study=study, revision=event.revision, kind=event.kind, at=event.at, data=dict(event.data)
    )
    return f"id: {event.revision}\nevent: {event.kind}\ndata: {told.model_dump_json()}\n\n"


def _unnumbered(study: str, fresh: Sequence[LastMeasurement]) -> str:
    data = {"runs": [one.model_dump() for one in fresh]}
    told = StudyEvent(study=study, kind="measurements", data=data)
    return f"event: measurements\ndata: {told.model_dump_json()}\n\n"
