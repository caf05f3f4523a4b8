"""Streams of events: what all of them have in common, whatever they tell.

The one idea: a stream is a loop of turns. In each it looks what there is to tell and sends all of
it as one piece; then it rests, and waits until the bell rings. It holds neither a thread nor a
connection to the database meanwhile. To a client that does not read nothing is sent once its
buffers are full, and then it has no turns: all that is kept for it is one piece. A client that
hangs up ends its stream; so does a key that was revoked, and a server that ends.
Not here: what is told (`service.api.live`, `service.api.changes`).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from service.api.caller import Caller
from service.api.context import Context
from service.errors import NotFound

POLL_SECONDS = 0.5  # between two looks when no bell rings: another server's notice may be lost
RETRY_MILLISECONDS = 1_000  # after which a client whose connection broke should come again
RESTART_MILLISECONDS = 3_000  # likewise, once this server ended
PING_SECONDS = 15.0  # so that whatever is on the way keeps the connection
PING = b": ping\n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a stream tells in one turn: whole frames, or none.

    `rest_seconds` is the least time until the next turn, which comes without any ring if there
    `is_more` to tell, and not at all if this `is_end`.
    """

    frames: bytes = b""
    rest_seconds: float = 0.0
    is_more: bool = False
    is_end: bool = False


# Looks, and tells what is new; the ticket was taken before. Raises NotFound to end the stream.
Turn = Callable[[asyncio.Event], Awaitable[Told]]


class Stream(StreamingResponse):
    """The answer that goes on, turn after turn; a caller who has too many is refused one."""

    def __init__(self, here: Context, caller: Caller, turn: Turn) -> None:
        super().__init__(
            _events(here, caller, turn), media_type="text/event-stream", headers=HEADERS
        )
        self._here = here
        self._caller = caller
        here.meter.open_stream(caller)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; however that ends, the stream is closed then."""
        try:
            with self._here.metrics.open_streams.track_inprogress(), self._here.turns.joined():
                await super().__call__(scope, receive, send)
        finally:
            self._here.meter.close_stream(self._caller)


async def _events(here: Context, caller: Caller, turn: Turn) -> AsyncIterator[bytes]:
    pinged = time.monotonic()
    yield _retry(RETRY_MILLISECONDS)
    while not here.bell.is_closed:
        await here.turns.take()
        if not here.keyring.admits(caller):  # its key was revoked meanwhile
            return
        ticket = here.bell.ticket()
        try:
            told = await turn(ticket)
        except NotFound:  # deleted meanwhile
            return
        at, frames = time.monotonic(), told.frames
        if at - pinged >= PING_SECONDS:
            pinged = at
            frames += PING
        if frames:
            yield frames
        if told.is_end:
            return
        await here.bell.rest(max(told.rest_seconds, here.turns.seconds_to_tick()))
        if not told.is_more:
            await here.bell.wait(ticket, POLL_SECONDS)
    yield _retry(RESTART_MILLISECONDS)  # the server ends, and another may follow it


def frame(kind: str, data: str, number: int | None = None) -> bytes:
    """One event on the wire: its kind, its JSON, and its id if it has one."""
    begin = "" if number is None else f"id: {number}\n"
    return f"{begin}event: {kind}\ndata: {data}\n\n".encode()


def _retry(milliseconds: int) -> bytes:
    return f"retry: {milliseconds}\n\n".encode()
