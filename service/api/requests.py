"""Requests: each has an id, is timed, and leaves a line in the log.

The one idea: one layer around everything else sees a request first and its answer last, and gives
every answer the headers that all have; what it tells of a request is the template of its route and
the ids in it, never the address as it was typed, so neither logs nor metrics hold a secret, and
metrics stay few however many studies.
Not here: what becomes of the figures (`service.api.metrics`), how lines look (`service.logs`).
"""

import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.logs import request_at_hand
from service.tracing import OFF, TRACEPARENT, Tracing

logger = logging.getLogger(__name__)

HEADER = "X-Request-Id"
SANE = re.compile(rb"[A-Za-z0-9._\-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"  # nothing is at the address, or another application is
TOLD_IDS = ("study", "dataset", "number")  # of a path, that a line of the log tells
_KEY = "glideslope.request_id"
_RAW_HEADER = HEADER.lower().encode()
# Of every answer whose route says nothing else: it is what its type says, whatever it looks like,
# and its reader's alone.
USUAL = {"x-content-type-options": "nosniff", "cache-control": "private, no-cache"}
_RAW_USUAL = tuple((name.encode(), value.encode()) for name, value in USUAL.items())

# Method, template of the route, status, seconds until the answer began.
Observe = Callable[[str, str, int, float], None]


def request_id(request: Request) -> str:
    """The id of a request, as a URN."""
    return f"urn:glideslope:request:{bare_id(request)}"


def bare_id(request: Request) -> str:
    """The id of a request."""
    return str(request.scope.get(_KEY, "unknown"))


class Requests:
    """ASGI middleware that numbers, times and logs requests, and tells clients the number.

    Args:
        app: what is behind it.
        observe: is told of every request.
        tracing: makes a span of every request.
    """

    def __init__(
        self, app: ASGIApp, observe: Observe = lambda *_: None, tracing: Tracing = OFF
    ) -> None:
        self._app = app
        self._observe = observe
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = scope[_KEY] = _number(scope)
        header = (_RAW_HEADER, number.encode())
        token = request_at_hand.set(number)
        begun, status, answered = time.perf_counter(), 500, None

        async def send_numbered(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status, answered = message["status"], time.perf_counter() - begun
                message["headers"] = [*_with_usual(message.get("headers", ())), header]
            await send(message)

        try:
            if self._tracing.is_on:
                await self._trace(scope, receive, send_numbered)
            else:
                await self._app(scope, receive, send_numbered)
        finally:
            seconds = time.perf_counter() - begun
            self._observe(method_of(scope), route_of(scope), status, answered or seconds)
            if logger.isEnabledFor(logging.INFO):
                _log(scope, status, seconds)
            request_at_hand.reset(token)

    async def _trace(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve within a span, which is called after the route once that is known."""
        method = method_of(scope)

        async def send_noted(message: Message) -> None:
            if span is not None and message["type"] == "http.response.start":
                route, status = route_of(scope), message["status"]
                span.update_name(f"{method} {route}")
                span.set_attributes({"http.route": route, "http.response.status_code": status})
            await send(message)

        with self._tracing.span(
            method,
            {"http.request.method": method, "request": scope[_KEY]},
            parent=Headers(scope=scope).get(TRACEPARENT),
            kind="server",
        ) as span:
            await self._app(scope, receive, send_noted)


def _with_usual(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, and the usual ones that it lacks."""
    told = list(headers)
    names = {name for name, _ in told}
    return told + [usual for usual in _RAW_USUAL if usual[0] not in names]


def _number(scope: Scope) -> str:
    """The id that a client or proxy gave, if it is one; else a new one."""
    for name, value in scope["headers"]:  # not as an object: this is on the way of every request
        if name == _RAW_HEADER and SANE.fullmatch(value):
            given: bytes = value
            return given.decode("ascii")
    return secrets.token_hex(8)


def route_of(scope: Scope) -> str:
    """The template of the route that a request came to."""
    return getattr(scope.get("route"), "path", NO_ROUTE)


def method_of(scope: Scope) -> str:
    """The method of a request, if it is one that there is."""
    method: str = scope["method"]
    return method if method in METHODS else "OTHER"


def _log(scope: Scope, status: int, seconds: float) -> None:
    method, route = method_of(scope), route_of(scope)
    ids: dict[str, Any] = {
        name: value for name, value in scope.get("path_params", {}).items() if name in TOLD_IDS
    }
    client = scope.get("client")
    logger.info(
        "%s %s %d %.1f ms",
        *(method, route, status, 1000 * seconds),
        extra={
            "method": method,
            "route": route,
            "status": status,
            "seconds": round(seconds, 6),
            "client": None if client is None else client[0],
            **ids,
        },
    )
