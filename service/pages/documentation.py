"""The page that describes the API."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from service.api.caller import CALLER
from service.api.context import Here
from service.api.sessions import find_signed_in
from service.pages import page
from service.ui.documentation import chapters, shapes

router = page.router()


@router.get("/docs")
async def show_documentation(request: Request, here: Here) -> HTMLResponse:
    """Every call and every object, as `/openapi.json` describes them to programs; for everybody."""
    caller = await find_signed_in(request, here)
    if caller is not None:
        request.scope[CALLER] = caller
    description = request.app.openapi()
    return page.respond(
        request,
        "documentation.html",
        intro=description["info"]["description"],
        chapters=chapters(description),
        shapes=shapes(description),
    )
