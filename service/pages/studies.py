"""The page of all studies: found, sorted, followed, moved many at once."""

from typing import Annotated, Literal

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from service.api.caller import OPEN, Reader
from service.api.changes import KIND
from service.api.context import Here
from service.api.studies import LONGEST_CURSOR, Filter, Pairs, parse_labels
from service.api.views import study_view
from service.pages import page
from service.schemas.studies import SortName
from service.store import glances, listing
from service.store.clock import now
from service.store.listing import Wanted
from service.ui import studies
from service.ui.form.lines import curl_line
from service.ui.studies import Asked
from tuning.records import StudyState

router = page.router()

SHOWN = 50
FIRST = {"objective": "realized_volatility", "budget": {"trials": 60}, "label": "my first study"}


@router.get("/")
def show_studies(
    request: Request,
    here: Here,
    caller: Reader,
    q: Filter = None,
    state: StudyState | Literal[""] = "",
    objective: Filter = None,
    label: Filter = None,
    labels: Pairs = (),
    sort: SortName = "newest",
    cursor: Annotated[str | None, Query(max_length=LONGEST_CURSOR)] = None,
) -> HTMLResponse:
    """Studies as a form asks for them, which sends what is empty, too."""
    chosen = [one for one in labels if one]
    asked = Asked(q or "", state, objective or "", label or "", tuple(chosen), sort)
    wanted = Wanted(
        state=state or None,
        objective=objective or None,
        label=label or None,
        labels=parse_labels(chosen),
        text=q or "",
        sort=sort,
    )
    with here.store.read() as session:
        found = glances.page(session, caller.project, wanted, cursor=cursor, limit=SHOWN)
        counted = listing.count(session, caller.project, wanted)
        objectives = listing.objectives(session, caller.project)
        at = now(session)
    rows = [
        studies.row(
            study_view(one.study, one.best, one.document), one.study.leads, one.study.verdict, at
        )
        for one in found.items
    ]
    return page.respond(
        request,
        "studies.html",
        asked=asked,
        rows=rows,
        counted=counted,
        objectives=sorted({*objectives, *here.objectives}),
        sorts=studies.SORTS,
        next=found.next,
        is_first=cursor is None,
        now=at,
        kinds=KIND,
        first_study=curl_line(FIRST, str(request.base_url).rstrip("/"), has_key=caller is not OPEN),
    )
