"""The page that compares studies: verdicts and figures side by side, and where specs differ."""

from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from service.api.caller import Reader
from service.api.changes import KIND
from service.api.context import Here, check_study_id
from service.api.views import study_view
from service.errors import NotFound
from service.pages import page
from service.pages.reading import Reading
from service.store import glances, history
from service.ui.charts.chart import empty
from service.ui.charts.compare import Line, best_schedules_chart, best_so_far_chart
from service.ui.compare import GRAVE, Side, cautions, differences, figures, side_looks

router = page.router()

MOST = 4
OFFERED = 100  # the newest studies, that can be chosen without their id

Studies = Annotated[list[Annotated[str, Query(max_length=64)]], Query(max_length=MOST)]


@router.get("/compare")
def show_comparison(
    request: Request,
    here: Here,
    caller: Reader,
    study: Studies = [],  # noqa: B006 # never changed
) -> HTMLResponse:
    """Two to four studies side by side; with fewer it asks for more."""
    chosen = _names(study)
    with here.store.read() as session:
        offered = glances.page(session, caller.project, limit=OFFERED).items
        readings = [Reading(session, caller.project, name) for name in chosen]
        sides = _sides(session, readings)
    known = [(one.study.id, one.study.label) for one in offered]
    missing = [side.view for side in sides if side.view.id not in {name for name, _ in known}]
    has_enough = len(sides) > 1
    return page.respond(
        request,
        "compare.html",
        sides=sides,
        offered=[*known, *((one.id, one.label) for one in missing)],
        most=MOST,
        cautions=cautions(sides) if has_enough else [],
        figures=figures(sides) if has_enough else [],
        differences=differences(sides) if has_enough else [],
        query="&".join(f"study={name}" for name in chosen),
        is_over=all(reading.study.state.is_final for reading in readings),
        kinds=KIND,
    )


@router.get("/compare/charts/{name}")
def read_chart(
    name: str,
    here: Here,
    caller: Reader,
    study: Studies = [],  # noqa: B006 # never changed
) -> dict[str, Any]:
    """A chart of several studies."""
    if name not in {"schedules", "progress"}:
        raise NotFound("chart", name)
    with here.store.read() as session:
        readings = [Reading(session, caller.project, one) for one in _names(study)]
        sides = _sides(session, readings)
        lines = [
            Line(
                side.name,
                side.look,
                side.spec,
                side.digest.arms[0] if side.digest.arms else None,
                reading.outcomes if name == "progress" else (),
            )
            for side, reading in zip(sides, readings, strict=True)
        ]
    if name == "schedules":
        drawn = best_schedules_chart(lines)
    else:
        is_fair = not GRAVE & {one.code for one in cautions(sides)}
        drawn = best_so_far_chart(lines, is_fair=is_fair)
    return drawn.document() if drawn else empty("No trial has completed in any of them.")


def _names(study: list[str]) -> list[str]:
    """The ids that are asked for, each once; what a form left empty is none."""
    return [check_study_id(name) for name in dict.fromkeys(study) if name]


def _sides(session: Any, readings: list[Reading]) -> list[Side]:  # noqa: ANN401 # the store's own
    found = []
    for reading, look in zip(readings, side_looks(len(readings)), strict=True):
        best = reading.arms[0].trial if reading.arms else None
        told = None if best is None else history.provenance_of(session, *reading.place, best.number)
        found.append(
            Side(
                view=study_view(reading.study, best),
                digest=reading.digest(),
                data_hash=None if told is None else told.data_hash,
                look=look,
            )
        )
    return found
