"""Connections: what a client must have sent, and by when, before there is a request.

The one idea: a head (the address and the headers) that does not end, or not in time, is answered
and cut off here, for no application sees it before its end; so nobody holds a connection, or
memory, by sending one byte now and then.
Not here: bodies (`service.api.bodies`), whole heads that are too long (`service.api.gate`).
"""

import asyncio
import json

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.api.problems import MEDIA_TYPE

MOST_HEAD_BYTES = 2**16  # the gate refuses half of it, in whole heads

TOO_LATE = (408, "Request Timeout", "request-timeout", "no request came in time")
TOO_LONG = (
    *(431, "Request Header Fields Too Large", "headers-too-large"),
    f"no end of the headers after {MOST_HEAD_BYTES:,} bytes",
)


class Punctual(HttpToolsProtocol):
    """A connection whose client has to come to the point."""

    head_seconds = 20.0

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_in_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there, and may begin."""
        super().connection_made(transport)
        self._expect_head()

    def data_received(self, data: bytes) -> None:
        """Something came; if it is not the end of a head yet, it counts."""
        was_in_body = self._is_in_body
        super().data_received(data)
        is_answering = (
            self.cycle is not None  # type: ignore[redundant-expr] # before the first request
            and not self.cycle.response_complete
        )
        if self.transport.is_closing() or is_answering:
            return
        self._expect_head()  # or the rest of a body whose answer went before
        if not (was_in_body or self._is_in_body):
            self._head_bytes += len(data)
        if self._head_bytes > MOST_HEAD_BYTES:
            self._refuse(*TOO_LONG)

    def on_headers_complete(self) -> None:
        """A head has ended: from here on it is a request."""
        self._stop_expecting()
        self._is_in_body = True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """A body has ended, if it only was that of a request without one."""
        self._is_in_body = False
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._stop_expecting()
        super().connection_lost(exc)

    def _expect_head(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self.head_seconds, self._refuse, *TOO_LATE)

    def _stop_expecting(self) -> None:
        self._head_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: int, title: str, kind: str, detail: str) -> None:
        """Answer with a problem document and hang up."""
        self._stop_expecting()
        if self.transport.is_closing():
            return
        problem = {
            "type": f"urn:glideslope:problem:{kind}",
            "title": title,
            "status": status,
            "detail": detail,
        }
        body = json.dumps(problem).encode()
        head = (
            f"HTTP/1.1 {status} {title}\r\nContent-Type: {MEDIA_TYPE}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
