"""What all pages have in common: the answer with its policy, and who reads it.

The one idea: no page runs a script that is not a file of this server, asks another host, or can be
shown inside another site's page.
"""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from service.api.caller import CALLER, Caller
from service.ui.site import NOBODY, Reader, render_page

# Plotly sets styles of elements; nothing else needs 'unsafe-inline'.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; font-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
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


def reader_of(request: Request) -> Reader:
    """Who reads a page."""
    caller: Caller | None = request.scope.get(CALLER)
    if caller is None:
        return NOBODY
    scopes = frozenset(scope.value for scope in caller.scopes)
    key = None if caller.study is not None else caller.label or caller.key  # a link is no key
    return Reader(caller.project, key, scopes, is_session=caller.parent is not None)
