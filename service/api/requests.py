"""Request ids: one per request, in its answer, its problem document and its log lines."""

import secrets

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEY = "glideslope.request_id"


def request_id(request: Request) -> str:
    """The id of a request, as a URN."""
    return f"urn:glideslope:request:{request.scope.get(_KEY, 'unknown')}"


class RequestIds:
    """ASGI middleware that numbers requests at random and tells the client."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        number = secrets.token_hex(8)
        scope[_KEY] = number

        async def send_numbered(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-Id"] = number
            await send(message)

        await self._app(scope, receive, send_numbered)
