"""The live stream of a study: its events over SSE, gap-free, and what its runs measure now.

The one idea: an event's id is the study's revision, so a reader that was cut off names the last one
it has seen and misses nothing and sees nothing twice. Readers who have seen the same are told the
same, which is looked up and written out once for all of them. Once the study has ended and all was
told, the stream ends, and asking again is answered 204, upon which a browser's `EventSource` stops
asking.
Not here: what an event says (`service.store.events`), when a stream looks (`service.api.streams`).
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from service.api.caller import Viewer
from service.api.context import Context, Here, StudyId
from service.api.event_streams import event_content
from service.api.problems import responses
from service.api.streams import Stream, Told, frame
from service.errors import NotFound
from service.schemas.live import LastMeasurement, StudyEvent
from service.store import curves, events
from service.store.studies import get_standing

router = APIRouter(prefix="/v1/studies", tags=["studies"])

MEASURED_SECONDS = 1.0  # least time between two events of measurements
MOST_BYTES = 2**16  # told at once, but for a single event that is larger
LARGEST_REVISION = 2**63 - 1

Revision = Annotated[int | None, Query(ge=0, le=LARGEST_REVISION)]
LastEventId = Annotated[int | None, Header(alias="Last-Event-ID", ge=0, le=LARGEST_REVISION)]


@dataclass(frozen=True, slots=True)
class News:
    """What a look found after a revision, up to `seen`; if there is more, if that is the end."""

    frames: bytes
    seen: int
    is_more: bool
    is_end: bool


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
    seen, is_over = await run_in_threadpool(_place, here, caller.project, study, told)
    if is_over:
        return Response(status_code=204)
    reader = _Reader(here, caller.project, study, seen, with_measurements=measurements)
    return Stream(here, caller, reader.turn)


class _Reader:
    """What one reader of a study has seen, and what is told to it next."""

    def __init__(
        self, here: Context, project: str, study: str, seen: int, *, with_measurements: bool
    ) -> None:
        self._here = here
        self._project = project
        self._study = study
        self._seen = seen
        self._with_measurements = with_measurements
        self._measured_at = time.monotonic()
        self._steps: Mapping[str, int] = {}

    async def turn(self, ticket: asyncio.Event) -> Told:
        """The events since the last one, and now and then what is measured."""
        look = partial(_look, self._here, self._project, self._study, self._seen)
        about = (self._project, self._study, self._seen)
        news = await self._here.looks.share(ticket, about, look)
        self._seen = news.seen
        frames = news.frames
        if self._with_measurements and not news.is_end:
            frames += await self._measurements()
        return Told(frames, is_more=news.is_more, is_end=news.is_end)

    async def _measurements(self) -> bytes:
        """What was measured since it was told last, if that is long enough ago."""
        at = time.monotonic()
        if at - self._measured_at < MEASURED_SECONDS:
            return b""
        self._measured_at = at
        measure = partial(_measure, self._here, self._project, self._study)
        latest = await self._here.looks.share(None, (self._project, self._study), measure)
        fresh = [one for one in latest if self._steps.get(one.run) != one.step]
        self._steps = {one.run: one.step for one in latest}
        return _unnumbered(self._study, fresh) if fresh else b""


def _place(here: Context, project: str, study: str, told: int) -> tuple[int, bool]:
    """Where a reader goes on, and whether nothing will come: all is over, and told.

    One that knows more than there is, of a store restored since, goes on at the end, else it would
    miss what happens until the study comes to that revision again.
    """
    with here.store.look() as connection:
        latest, state = get_standing(connection, project, study)
    return min(told, latest), told >= latest and state.is_final


def _look(here: Context, project: str, study: str, seen: int) -> News:
    with here.store.read() as session:
        found = events.after(session, project, study, seen)
        latest, state = get_standing(session.connection(), project, study)
    frames = b""
    for event in found:
        one = _frame(study, event)
        if frames and len(frames) + len(one) > MOST_BYTES:
            break
        frames += one
        seen = event.revision
    return News(frames, seen, is_more=seen < latest, is_end=seen >= latest and state.is_final)


def _measure(here: Context, project: str, study: str) -> list[LastMeasurement]:
    with here.store.read() as session:
        rows = curves.latest(session, project, study)
    return [
        LastMeasurement(
            run=row.run,
            trial=row.trial,
            step=row.steps[-1],
            values={name: column[-1] for name, column in row.values.items()},
        )
        for row in rows
    ]


def _frame(study: str, event: events.Event) -> bytes:
    told = StudyEvent(
        study=study, revision=event.revision, kind=event.kind, at=event.at, data=dict(event.data)
    )
    return frame(event.kind, told.model_dump_json(), event.revision)


def _unnumbered(study: str, fresh: Sequence[LastMeasurement]) -> bytes:
    data = {"runs": [one.model_dump() for one in fresh]}
    told = StudyEvent(study=study, kind="measurements", data=data)
    return frame(told.kind, told.model_dump_json())
