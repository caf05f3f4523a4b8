"""The page where a browser signs in.

The one idea: it is shown to everybody, and leads back to where they wanted to go, which is always a
page of this site. Whoever is signed in already and was led here goes on at once: another server of
the same service may have heard of their session a moment late.
Not here: what signing in does (`service.api.sessions`).
"""

from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Query, Request, Response
from fastapi.responses import RedirectResponse

from service.api.caller import CALLER, OPEN
from service.api.context import Here
from service.api.sessions import find_signed_in
from service.pages import page
from service.pages.visitors import SIGN_IN

router = page.router()

Next = Annotated[str | None, Query(alias="next", max_length=4_096)]


@router.get(SIGN_IN)
async def show_sign_in(request: Request, here: Here, wanted: Next = None) -> Response:
    """The form; whoever is signed in and wanted to go somewhere else is led on."""
    then = own_path(wanted)
    caller = await find_signed_in(request, here)
    if caller is not None:
        request.scope[CALLER] = caller
        if wanted is not None:
            return RedirectResponse(then, 303, headers=page.HEADERS)
    return page.respond(request, "sign_in.html", then=then, is_needed=caller is not OPEN)


def own_path(wanted: str | None) -> str:
    """Where to go after signing in: a path of this site, whatever was asked for.

    >>> own_path("/studies/st_x?tab=runs"), own_path("//evil.example"), own_path(None)
    ('/studies/st_x?tab=runs', '/', '/')
    """
    if wanted is None or not wanted.startswith("/") or wanted.startswith("//"):
        return "/"
    # Browsers take a backslash for a slash, and leave out tabs and line ends.
    if "\\" in wanted or not wanted.isascii() or not wanted.isprintable():
        return "/"
    return "/" if urlsplit(wanted).path == SIGN_IN else wanted
