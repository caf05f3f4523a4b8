"""Routes of sessions: sign in with a key, tell who one is, sign out.

The one idea: a browser shows the key once and keeps a session of it, as a cookie that no script
can read. Signing in is the one call that asks for no key beforehand. It knows no lock-out: a key
has 256 random bits, so whoever guesses finds none, and a lock could only keep its owner out.
Not here: cookies (`service.api.browsers`), sessions in the store (`service.store.sessions`).
"""

import math
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from service import audit
from service.api.browsers import check_sign_in, drop, keep, session_token
from service.api.caller import SIGN_IN, Caller, KeyHolder
from service.api.context import Context, Here
from service.api.problems import responses
from service.errors import NotFound, Unidentified
from service.schemas.keys import Scope
from service.schemas.sessions import SessionRequest, SessionView
from service.store import sessions
from service.store.keys import Key
from service.store.reach import reaching

MAX_BODY_BYTES = 1_024  # there is a key in it, and nothing else


class Discreet(APIRoute):
    """A route whose refusals repeat nothing of what was sent: it may be a key with a slip in it."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own, but for what it tells of a body that does not fit."""
        handle = super().get_route_handler()

        async def handle_discreetly(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise RequestValidationError(list(map(_without_value, error.errors()))) from None

        return handle_discreetly


def _without_value(error: dict[str, Any]) -> dict[str, Any]:
    """An error of a body without its value, and without the name of a field that is not ours."""
    is_known = error["type"] == "json_invalid" or tuple(error["loc"]) == ("body", "key")
    return {**error, "input": None, "loc": error["loc"] if is_known else ("body",)}


router = APIRouter(prefix=SIGN_IN[1], tags=["sessions"], route_class=Discreet)


@router.post("", status_code=201, responses=responses(has_body=True))
async def sign_in(
    body: SessionRequest, here: Here, request: Request, response: Response
) -> SessionView:
    """Sign a browser in with an API key; the answer sets a cookie that counts as the key.

    The session may what the key may, for twelve hours at most, and ends with the key. One that the
    browser had before ends now.
    """
    check_sign_in(request.scope)
    holder = await here.keyring.find(body.key)
    if holder.key is None or holder.study is not None or holder.parent is not None:
        raise Unidentified(is_shown=True, key=holder.key)  # a link is no key, nor is a session
    here.meter.count(holder)
    before = await find_signed_in(request, here)
    made, token = await run_in_threadpool(_begin, here, holder.project, holder.key, before)
    assert made.expires is not None  # noqa: S101 # every session ends
    keep(response, request.scope, token, int((made.expires - made.created).total_seconds()))
    response.headers["Cache-Control"] = "no-store"
    caller = replace(holder, key=made.id, parent=holder.key, ends=made.expires.timestamp())
    return session_view(caller)


async def find_signed_in(request: Request, here: Context) -> Caller | None:
    """Whoever is signed in, or needs no key, where the gate asks nobody."""
    cookies = request.headers.get("cookie", "").encode("latin-1")
    try:
        return await here.keyring.find(session_token(cookies))
    except Unidentified:
        return None


def _begin(here: Context, project: str, key: str, before: Caller | None) -> tuple[Key, str]:
    try:
        with reaching(project), here.store.write() as session:  # nobody has asked who signs in
            made, token = sessions.begin(session, project, key)
    except NotFound as error:  # revoked a moment ago, or the local worker's, which no store knows
        raise Unidentified(is_shown=True, key=key) from error
    audit.signed_in(made, key=key)
    if before is not None:
        _end(here, before)
    here.keyring.forget()
    return made, token


def _end(here: Context, caller: Caller) -> None:
    """End the session of a caller; whoever shows a key itself has none."""
    if caller.key is None or caller.parent is None:
        return
    with reaching(caller.project), here.store.write() as session:
        sessions.end(session, caller.project, caller.key)
    here.keyring.forget()
    audit.signed_out(caller.key, caller.project, key=caller.parent)


@router.get("", responses=responses())
async def tell_session(caller: KeyHolder, response: Response) -> SessionView:
    """Who asks, by whichever key or session; where no key is needed, whoever is let in without."""
    response.headers["Cache-Control"] = "no-store"
    return session_view(caller)


@router.delete("", status_code=204, responses=responses())
def sign_out(here: Here, caller: KeyHolder, request: Request, response: Response) -> None:
    """End the session of whoever asks, and have its browser forget the cookie.

    A key that is shown itself stays as it is.
    """
    drop(response, request.scope)
    _end(here, caller)


def session_view(caller: Caller) -> SessionView:
    """Who asks, as it is told."""
    ends = None if math.isinf(caller.ends) else datetime.fromtimestamp(caller.ends, UTC)
    return SessionView(
        key=caller.parent or caller.key,
        label=caller.label,
        project=caller.project,
        scopes=[scope for scope in Scope if scope in caller.scopes],
        all_projects=caller.all_projects,
        expires_at=None if ends is None else ends.isoformat(),
        is_session=caller.parent is not None,
    )
