"""The live stream of a project: which of its studies changed, over SSE.

The one idea: whoever looks at many studies need not hear everything that happens to each, but that
it is worth looking again; so a study that changed is told as it stands, at most once a second. A
message's id is a moment: who comes back with it is told what changed since then and a little before
it, so nothing is missed and some may come twice.
Not here: what changed (`service.store.changes`), what happens to one study (`service.api.live`),
when a stream looks (`service.api.streams`).
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from service.api.caller import Reader
from service.api.context import Context, Here
from service.api.event_streams import event_content
from service.api.problems import responses
from service.api.streams import Stream, Told, frame
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
    here: Here, caller: Reader, last_event_id: Moment = None
) -> StreamingResponse:
    """The studies of the project that change, as server-sent events `changes`, for ever.

    It begins with those that changed some seconds ago, or since the `Last-Event-ID` of a client
    that reconnects. A study that changes often is told once a second, as it then stands.
    """
    if last_event_id is None:
        seen = await run_in_threadpool(_present, here)
    else:
        seen = _moment(last_event_id)
    return Stream(here, caller, _Watcher(here, caller.project, seen).turn)


class _Watcher:
    """What one reader of a project was told, and what is told to it next."""

    def __init__(self, here: Context, project: str, seen: datetime) -> None:
        self._here = here
        self._project = project
        self._seen = seen
        self._told: set[changes.Change] = set()

    async def turn(self, ticket: asyncio.Event) -> Told:
        """What changed lately and was not told last time."""
        look = partial(_look, self._here, self._project, self._seen)
        about = (self._project, self._seen)
        self._seen, found = await self._here.looks.share(ticket, about, look)
        fresh = [one for one in found if one not in self._told]
        self._told = set(found)
        if not fresh:
            return Told(rest_seconds=LOOK_SECONDS)
        return Told(_frame(self._seen, fresh), rest_seconds=TOLD_SECONDS)


def _present(here: Context) -> datetime:
    with here.store.read() as session:
        return now(session)


def _look(here: Context, project: str, seen: datetime) -> tuple[datetime, list[changes.Change]]:
    """What changed lately, and until when that is all of it."""
    with here.store.read() as session:
        found = changes.since(session, project, changes.overlap(seen))
        if found:
            return max(seen, *(one.at for one in found)), found
        # The clock was set back: what comes is earlier than what was told.
        return min(seen, now(session)), found


def _frame(seen: datetime, fresh: Sequence[changes.Change]) -> bytes:
    told = Changes(
        studies=[
            StudyChange(study=one.study, revision=one.revision, state=one.state, at=one.at)
            for one in fresh
        ]
    )
    number = round(seen.timestamp() * MICROSECONDS)
    return frame(KIND, told.model_dump_json(), number)


def _moment(number: int) -> datetime:
    return datetime.fromtimestamp(number / MICROSECONDS, UTC)
