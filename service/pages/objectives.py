"""The page of objectives: what can be trained, by which settings, and what is scored."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from service.api.caller import READ
from service.api.context import Here
from service.api.settings_schema import settings_schema
from service.api.views import objective_view
from service.pages import page
from service.ui.objectives import Entry

router = page.router()


@router.get("/objectives", dependencies=[READ])
def show_objectives(request: Request, here: Here) -> HTMLResponse:
    """Every registered objective."""
    entries = [
        Entry.of(objective_view(one, settings_schema(one.config_type)), one.dataset)
        for one in here.objectives.values()
    ]
    return page.respond(request, "objectives.html", entries=entries)
