"""The page of API keys, for admins: who may do what, a new one, and an end to one.

The one idea: keys that open something stand first; the others are kept below, for whoever asks
what became of them. Not here: how keys are made and revoked (`service.api.keys`).
"""

from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from service.api.caller import Admin
from service.api.context import Here
from service.pages import page
from service.schemas.keys import Scope
from service.store import keys, projects
from service.store.clock import now

router = page.router()

MOST_SHOWN = 200


@router.get("/keys")
def show_keys(
    request: Request,
    here: Here,
    caller: Admin,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> HTMLResponse:
    """Keys of the project, or of every one, newest first."""
    with here.store.read() as session:
        found = keys.page(session, caller.reach, cursor=cursor, limit=MOST_SHOWN)
        names = projects.names(session) if caller.all_projects else [caller.project]
        at = now(session)
    return page.respond(
        request,
        "keys.html",
        live=[key for key in found.items if key.is_live(at)],
        ended=[key for key in found.items if not key.is_live(at)],
        older=found.next,
        is_first=cursor is None,
        now=at,
        caller=caller,
        mine=caller.parent or caller.key,
        projects=names,
        scopes=list(Scope),
    )
