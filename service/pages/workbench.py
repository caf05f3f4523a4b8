"""The page of the workbench, on which any schedule is drawn, compared, translated and sent on."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from service.api.caller import READ
from service.pages import page
from service.ui.workbench import bench, family_groups

router = page.router()


@router.get("/workbench", dependencies=[READ])
async def show_workbench(request: Request) -> HTMLResponse:
    """The same page for everyone: what it shows is in its address, which no server sees."""
    return page.respond(request, "workbench.html", bench=bench(), groups=family_groups())
