"""What all pages have in common: the answer with its policy, and who reads it.

The one idea: no page runs a script that is not a file of this server, asks another host, or can be
shown inside another site's page.
"""

import gzip
import json
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from service.api.caller import CALLER, Caller
from service.ui.charts.chart import Chart, empty
from service.ui.site import NOBODY, Reader, render_page

# Plotly sets styles of elements; nothing else needs 'unsafe-inline'.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
QUICK = 1  # of gzip's levels: a chart is made for one reader, once
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
}


def router() -> APIRouter:
    """A router of pages, which are no part of the API's description."""
    return APIRouter(include_in_schema=False)


def respond(
    request: Request, template: str, *, status_code: int = 200, **values: object
) -> HTMLResponse:
    """A page of the site, for whoever asks."""
    text = render_page(template, reader_of(request), request.url.path, **values)
    return HTMLResponse(text, status_code, headers=HEADERS)


def respond_chart(
    request: Request, drawn: Chart | str, headers: Mapping[str, str] | None = None
) -> Response:
    """A chart as its figure fetches it, or words in its place; compressed for who takes that."""
    document = empty(drawn) if isinstance(drawn, str) else drawn.document()
    body = json.dumps(document, allow_nan=False, separators=(",", ":")).encode()
    told = {"Cache-Control": "no-cache", "Vary": "Accept-Encoding", **(headers or {})}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        body, told["Content-Encoding"] = gzip.compress(body, QUICK), "gzip"
    return Response(body, media_type="application/json", headers=told)


def reader_of(request: Request) -> Reader:
    """Who reads a page."""
    caller: Caller | None = request.scope.get(CALLER)
    if caller is None:
        return NOBODY
    scopes = frozenset(scope.value for scope in caller.scopes)
    key = None if caller.study is not None else caller.label or caller.key  # a link is no key
    return Reader(caller.project, key, scopes, is_session=caller.parent is not None)
