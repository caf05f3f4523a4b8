"""The live stream of a project: which of its studies changed, over SSE.

The one idea: whoever looks at many studies need not hear everything that happens to each, but that
it is worth looking again; so a study that changed is told as it stands, at most once a second. A
message's id is a moment: who comes back with it is told what changed since then and a little before
it, so nothing is missed and some may come twice.
Not here: what changed (`service.store.changes`), what happens to one study (`service.api.live`).
"""

import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from service.api.caller import Caller, Reader
from service.api.context import Context, Here
from service.api.event_streams import event_content
from service.api.live import (
    PING_SECONDS,
    POLL_SECONDS,
    RESTART_MILLISECONDS,
    RETRY_MILLISECONDS,
    Stream,
    counted,
)
from service.api.problems import responses
from service.schemas.live import Changes, StudyChange
from service.store import changes
from service.store.clock import now

router = APIRouter(prefix="/v1/events", tags=["studies"])

KIND = "changes"  # of all its messages
TOLD_SECONDS = 1.0  # least time between two messages
LOOK_SECONDS = 0.1  # least time between two looks, however often the bell rings
MICROSECONDS = 1_000_000
LATEST = 2**52  # microseconds after 1970: the year 2112

Moment = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=LATEST)]


@router.get(
    "",
    response_class=StreamingResponse,
    responses={
        200: {"content": event_content(Changes)},
        **responses(),
    },
)
async def stream_changes(
    here: Here, request: Request, caller: Reader, last_event_id: Moment = None
) -> StreamingResponse:
    """The studies of the project that change, as server-sent events `changes`, for ever.

    It begins with those that changed some seconds ago, or since the `Last-Event-ID` of a client
    that reconnects. A study that changes often is told once a second, as it then stands.
    """
    begin = None if last_event_id is None else _moment(last_event_id)
    stream = counted(here, _stream(here, caller, request, begin))
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    here.meter.open_stream(caller)
    return Stream(stream, headers, partial(here.meter.close_stream, caller))


async def _stream(
    here: Context, caller: Caller, request: Request, begin: datetime | None
) -> AsyncIterator[str]:
    pinged = time.monotonic()
    seen = await run_in_threadpool(_present, here) if begin is None else begin
    told: set[changes.Change] = set()
    yield f"retry: {RETRY_MILLISECONDS}\n\n"
    while not here.bell.is_closed and not await request.is_disconnected():
        if not here.keyring.admits(caller):  # its key was revoked meanwhile
            return
        ticket = here.bell.ticket()
        seen, found = await run_in_threadpool(_look, here, caller, seen)
        fresh = [one for one in found if one not in told]
        told = set(found)
        looked = time.monotonic()
        if fresh:
            yield _frame(seen, fresh)
        elif looked - pinged >= PING_SECONDS:
            pinged = looked
            yield ": ping\n\n"
        await _rest(here, looked + (TOLD_SECONDS if fresh else LOOK_SECONDS))
        await here.bell.wait(ticket, POLL_SECONDS)
    yield f"retry: {RESTART_MILLISECONDS}\n\n"  # the server ends, and another may follow it


def _present(here: Context) -> datetime:
    with here.store.read() as session:
        return now(session)


def _look(here: Context, caller: Caller, seen: datetime) -> tuple[datetime, list[changes.Change]]:
    """What changed lately, and until when that is all of it."""
    with here.store.read() as session:
        found = changes.since(session, caller.project, changes.overlap(seen))
        if found:
            return max(seen, *(one.at for one in found)), found
        # The clock was set back: what comes is earlier than what was told.
        return min(seen, now(session)), found


async def _rest(here: Context, until: float) -> None:
    """Wait until a moment, whatever rings, unless the server ends."""
    while not here.bell.is_closed and (left := until - time.monotonic()) > 0:
        await here.bell.wait(here.bell.ticket(), left)


def _frame(seen: datetime, fresh: Sequence[changes.Change]) -> str:
    told = Changes(
        studies=[
            StudyChange(study=one.study, revision=one.revision, state=one.state, at=one.at)
            for one in fresh
        ]
    )
    number = round(seen.timestamp() * MICROSECONDS)
    return f"id: {number}\nevent: {KIND}\ndata: {told.model_dump_json()}\n\n"


def _moment(number: int) -> datetime:
    return datetime.fromtimestamp(number / MICROSECONDS, UTC)
