"""The page of all studies."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from service.api.caller import Reader
from service.api.context import Here
from service.pages import page
from service.store import glances

router = page.router()


@router.get("/")
def show_studies(request: Request, here: Here, caller: Reader) -> HTMLResponse:
    """Studies, newest first."""
    with here.store.read() as session:
        found = glances.page(session, caller.project)
    return page.respond(request, "studies.html", studies=[one.study for one in found.items])
