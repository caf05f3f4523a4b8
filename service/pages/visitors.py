"""Errors for people: who asks for a page is answered with a page, or led to the sign-in.

The one idea: routes and the gate raise and answer problem documents as they always do; here, around
all of them, one for a person becomes a page. So no page needs an error handling of its own.
Not here: what went wrong (`service.api.problems`).
"""

import json
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.problems import MEDIA_TYPE
from service.pages.page import respond

SIGN_IN = "/sign-in"
NOT_PAGES = ("/v1/", "/static/", "/metrics", "/openapi.json", "/livez", "/readyz")
KEPT = ("x-request-id", "retry-after", "www-authenticate")


class Visitors:
    """ASGI middleware that answers people; `app` is what is behind it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if not _is_visit(scope):
            await self._app(scope, receive, send)
            return
        begun: Message | None = None
        body = b""

        async def keep_problem(message: Message) -> None:
            nonlocal begun, body
            if message["type"] == "http.response.start":
                if Headers(raw=message["headers"]).get("content-type") == MEDIA_TYPE:
                    begun = message
                    return
            elif begun is not None:
                body += message.get("body", b"")
                if not message.get("more_body"):
                    await _tell(scope, receive, send, begun, body)
                return
            await send(message)

        await self._app(scope, receive, keep_problem)


def _is_visit(scope: Scope) -> bool:
    """Whether a person asks for a page."""
    return (
        scope["type"] == "http"
        and scope["method"] == "GET"
        and not scope["path"].startswith(NOT_PAGES)
        and "text/html" in Headers(scope=scope).get("accept", "")
    )


async def _tell(scope: Scope, receive: Receive, send: Send, begun: Message, body: bytes) -> None:
    request = Request(scope)
    if begun["status"] == 401 and scope["path"] != SIGN_IN:
        asked = scope["path"] + (
            f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        )
        answer: RedirectResponse = RedirectResponse(f"{SIGN_IN}?next={quote(asked, safe='')}", 303)
        await answer(scope, receive, send)
        return
    page = respond(request, "problem.html", status_code=begun["status"], problem=json.loads(body))
    told = Headers(raw=begun["headers"])
    headers = MutableHeaders(raw=page.raw_headers)
    for name in KEPT:
        if name in told:
            headers[name] = told[name]
    await page(scope, receive, send)
