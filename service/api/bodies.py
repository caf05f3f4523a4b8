"""A limit on the size of request bodies, and on the time they take, counted while they stream in.

The one idea: whoever reads a body reads it through a counter, which raises once there is too much
or it takes too long; a length that is announced counts before the first byte. A route that reads no
body costs nothing. Larger bodies than usual have their own pace (`service.api.uploads`).
Not here: how the refusal is put into words (`service.api.problems`).
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_BODY_BYTES = 2**20
BODY_SECONDS = 30.0


class BodyLimit:
    """ASGI middleware that refuses larger bodies with a 413, and slower ones with a 408.

    Args:
        app: what is behind it.
        limits: bytes by path, where they are not `MAX_BODY_BYTES`.
        seconds: from the first look at a body of usual size to its end.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: Mapping[str, int] = MappingProxyType({}),
        seconds: float = BODY_SECONDS,
    ) -> None:
        self._app = app
        self._limits = limits
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = _announced(scope)
        limit = self._limits.get(scope["path"], MAX_BODY_BYTES)
        seen, is_whole = 0, limit > MAX_BODY_BYTES
        deadline: float | None = None

        async def receive_counted() -> Message:
            nonlocal seen, is_whole, deadline
            _check(announced, limit)
            if is_whole:  # or has a pace of its own
                message = await receive()
            else:
                now = asyncio.get_running_loop().time()
                deadline = deadline or now + self._seconds
                message = await self._receive(receive, deadline)
                is_whole = not message.get("more_body")
            seen += len(message.get("body", b""))
            _check(seen, limit)
            return message

        async def send_noted(message: Message) -> None:
            nonlocal is_whole
            is_whole = True  # who is answered already may take its time, or never end
            await send(message)

        await self._app(scope, receive_counted, send_noted)

    async def _receive(self, receive: Receive, deadline: float) -> Message:
        try:
            async with asyncio.timeout_at(deadline):
                return await receive()
        except TimeoutError as error:
            words = f"the body did not end within {self._seconds:g} s"
            raise HTTPException(408, words, {"Connection": "close"}) from error


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
