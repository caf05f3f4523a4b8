"""The page of a study, and the charts that it fetches one by one.

The one idea: the page itself reads few rows, however many trials there are, and is there at once;
its charts come after it. Who knows a chart of this revision is told so (304).
Not here: what is read (`service.pages.reading`), what charts there are (`service.pages.drawing`).
"""

from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Annotated, get_args

from fastapi import Header, Query, Request, Response
from fastapi.responses import HTMLResponse

from service.api.caller import Reader
from service.api.context import Here, StudyId
from service.api.views import study_view
from service.errors import NotFound
from service.pages import page
from service.pages.drawing import DRAWINGS, MOVING, draw
from service.pages.reading import Reading
from service.schemas.webhooks import EventKind
from service.store import clock, trials
from service.store.history import TrialRow
from service.store.studies import PRIORITIES
from service.store.trials import LONGEST, Wanted
from service.ui.actions import WRITE, actions
from service.ui.arms import ArmView
from service.ui.digest import words_and_tables
from service.ui.links import workbench_link
from service.ui.standing import stand
from service.ui.trial_table import Asked, Row, Table, lay_out_trials
from tuning.records import Phase, TrialState
from tuning.schedules.interop import FRAMEWORKS
from tuning.schedules.limits import Among

router = page.router()

ROWS = 25  # of the table of trials on a page
LONGEST_LINK = 32_000  # characters
KINDS = (*get_args(EventKind), "claimed")

Word = Annotated[str, Query(max_length=LONGEST)]
Cursor = Annotated[str, Query(max_length=1024)]
Known = Annotated[str | None, Header(alias="If-None-Match", max_length=256)]


@router.get("/studies/{study}")
def show_study(
    request: Request,
    study: StudyId,
    here: Here,
    caller: Reader,
    sort: Word = "",
    family: Word = "",
    phase: Word = "",
    state: Word = "",
    cursor: Cursor = "",
) -> HTMLResponse:
    """A study: its verdict first, how it stands, and everything that led there."""
    with here.store.read() as session:
        reading = Reading(session, caller.project, study)
        asked = Asked(sort, family, phase, state, cursor)
        digest, table = reading.digest(), _table(reading, asked)
        now = clock.now(session)
    best = reading.arms[0].trial if reading.arms else None
    view = study_view(reading.study, best)
    scopes = page.reader_of(request).scopes
    return page.respond(
        request,
        "study.html",
        **words_and_tables(digest),
        study=view,
        standing=stand(view, reading.spec, now),
        actions=actions(study, reading.study.state, scopes),
        can_write=WRITE in scopes,
        priorities=PRIORITIES,
        table=table,
        frameworks=sorted(FRAMEWORKS, key=lambda name: name != "json"),
        workbench=_workbench(reading.arms),
        has_rungs=bool(reading.spec.rungs),
        is_over=reading.study.state.is_final,
        kinds=KINDS,
        charts=f"/studies/{study}/charts",
        origin=str(request.base_url).rstrip("/"),
    )


def _workbench(arms: Sequence[ArmView]) -> str:
    """The address that opens the arms in the workbench; empty if it were too long for one."""
    link = workbench_link(*((arm.label, arm.trial.schedule.document()) for arm in arms))
    return link if arms and len(link) <= LONGEST_LINK else ""


def _table(reading: Reading, asked: Asked) -> Table:
    wanted = Wanted(
        states=[TrialState(name) for name in _known("state", asked.state, TrialState)],
        families=[asked.family] if asked.family else [],
        phases=[Phase(name) for name in _known("phase", asked.phase, Phase)],
        sort=asked.order(reading.spec),
    )
    found = trials.page(
        reading.session, *reading.place, wanted, cursor=asked.cursor or None, limit=ROWS
    )
    rows = [_row(one) for one in found.items]
    return lay_out_trials(reading.spec, rows, asked, reading.looks, found.next)


def _row(row: TrialRow) -> Row:
    return Row(row.trial, row.state, row.value, row.metrics)


def _known(field: str, value: str, names: Iterable[str]) -> list[str]:
    """What a filter names, if it names anything; raises InvalidValue for what there is not."""
    return [Among(tuple(names))(field, value)] if value else []


@router.get("/studies/{study}/charts/{name}")
def read_chart(
    request: Request, study: StudyId, name: str, here: Here, caller: Reader, known: Known = None
) -> Response:
    """A chart of a study, as its figure fetches it."""
    if name not in DRAWINGS:
        raise NotFound("chart", name)
    with here.store.read() as session:
        reading = Reading(session, caller.project, study)
        etag = f'W/"{reading.study.revision}-{version("glideslope")}"'
        headers = {} if name in MOVING else {"ETag": etag}
        if headers and known is not None and etag in known:
            return Response(status_code=304, headers=headers)
        drawn = draw(reading, name)
    return page.respond_chart(request, drawn, headers)
