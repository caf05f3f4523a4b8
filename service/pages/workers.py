"""The page of workers: who is there, what they train, and when they would be given up."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from service.api.caller import OPEN, Reader
from service.api.changes import KIND
from service.api.context import Here
from service.api.workers import read_workers
from service.pages import page
from service.store.clock import now
from service.store.reach import EVERYTHING, reaching
from service.ui.workers import listed, summary

router = page.router()


@router.get("/workers")
def show_workers(request: Request, here: Here, caller: Reader) -> HTMLResponse:
    """Workers of the last day."""
    with reaching(caller.reach or EVERYTHING), here.store.read() as session:
        found = read_workers(session, caller)
        at = now(session)
    return page.respond(
        request,
        "workers.html",
        workers=listed(found, at),
        summary=summary(found),
        origin=str(request.base_url).rstrip("/"),
        has_keys=caller is not OPEN,
        sees_all=caller.all_projects,
        now=at,
        kinds=KIND,
    )
