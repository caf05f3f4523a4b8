"""A limit on the size of request bodies, counted while they stream in.

The one idea: whoever reads a body reads it through a counter, which raises once there is too much;
a length that is announced counts before the first byte. A route that reads no body costs nothing.
Not here: how the refusal is put into words (`service.api.problems`).
"""

from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 2**20


class BodyLimit:
    """ASGI middleware that refuses larger bodies with a 413.

    Args:
        app: what is behind it.
        limits: bytes by path, where they are not `MAX_BODY_BYTES`.
    """

    def __init__(self, app: ASGIApp, limits: Mapping[str, int] = MappingProxyType({})) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = _announced(scope)
        limit = self._limits.get(scope["path"], MAX_BODY_BYTES)
        seen = 0

        async def receive_counted() -> Message:
            nonlocal seen
            _check(announced, limit)
            message = await receive()
            seen += len(message.get("body", b""))
            _check(seen, limit)
            return message

        await self._app(scope, receive_counted, send)


def _announced(scope: Scope) -> int:
    """The length the client announced; 0 if it announced none, or nonsense."""
    length = Headers(scope=scope).get("content-length", "")
    # Python does not read integers of thousands of digits.
    return int(length[:19]) if length.isdecimal() else 0


def _check(size: int, limit: int) -> None:
    if size > limit:
        # The rest is not read, so the connection cannot be used for another request.
        headers = {"Connection": "close"}
        raise HTTPException(413, f"a body has at most {limit:,} bytes", headers)
