"""The page that asks for a new study, and what it needs while it is being filled in.

The one idea: the browser holds the request, checks and sends it by the public API; what only a
page needs, pictures of families and the request as lines to copy, is computed here and not stored.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Body, Header, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import AfterValidator

from service.api.caller import OPEN, WRITE, Reader, Writer
from service.api.context import Context, Here, check_study_id
from service.api.settings_schema import settings_schema
from service.api.views import objective_view
from service.pages import page
from service.schemas.base import MAX_DEPTH, Name, check_settings
from service.schemas.keys import Scope
from service.store import datasets, studies
from service.store.datasets import Dataset
from service.ui.charts.chart import empty
from service.ui.charts.preview import preview_chart
from service.ui.form import fields, lines
from service.ui.form.controls import Option
from service.ui.form.drafts import read_draft
from service.ui.form.families import picture
from service.ui.form.offer import Problem, offer
from service.ui.form.shapes import shapes
from service.ui.looks import looks_of
from tuning.objectives import Objective

router = page.router()

MOST_DATASETS = 200  # the newest, that can be chosen without their id

# As deep as the settings of a request may be, which lie one level down.
Draft = Annotated[
    dict[Name, Any],
    AfterValidator(partial(check_settings, deepest=MAX_DEPTH + 1)),
    Body(),
]


@router.get("/studies/new")
def show_form(
    request: Request,
    here: Here,
    caller: Reader,
    source: Annotated[str | None, Query(alias="from", max_length=64)] = None,
    objective: Annotated[str | None, Query(max_length=128)] = None,
    dataset: Annotated[str | None, Query(max_length=64)] = None,
) -> HTMLResponse:
    """The form: empty, of an objective and a dataset, or with the request of another study."""
    started: dict[str, Any] = {} if objective is None else {"objective": objective}
    if dataset is not None:
        started["config"] = {"dataset": dataset}
    with here.store.read() as session:
        if source is not None:
            asked = studies.request_of(session, caller.project, check_study_id(source))
            started = dict(asked)
        known = datasets.page(session, caller.project, cursor=None, limit=MOST_DATASETS).items
    problems = [_problem(one, known) for one in here.objectives.values()]
    return page.respond(
        request,
        "new_study.html",
        offer=offer(problems),
        fields=fields,
        source=source,
        started=started,
        may_write=Scope.WRITE in caller.scopes,
    )


def _problem(objective: Objective, known: Sequence[Dataset]) -> Problem:
    """An objective as the form offers it, with the datasets it may be trained on."""
    schema = settings_schema(objective.config_type)
    chosen = None
    if objective.dataset is not None:
        kinds = [one for one in known if one.kind == objective.dataset]
        chosen = [Option(f'"{one.id}"', _named(one)) for one in kinds]
    return Problem.of(objective_view(objective, schema), chosen)


def _named(dataset: Dataset) -> str:
    years = f"{dataset.begin:%Y-%m-%d} to {dataset.end:%Y-%m-%d}"
    return f"{dataset.name}: {dataset.rows:,} rows, {years}"


NOTHING = "No family is chosen, or none keeps the constraints."


@router.post("/studies/new/preview", dependencies=[WRITE])
def draw_families(draft: Draft, here: Here) -> dict[str, Any]:
    """What the families of a request look like, as far as it can be read."""
    read = read_draft(draft, _objective(draft, here))
    found = shapes(read)
    drawn = [one for one in found.values() if one is not None]
    looks = looks_of((*read.baselines, *read.space.families))
    chart = preview_chart(drawn, looks, read.horizon).document() if drawn else empty(NOTHING)
    return {
        "chart": chart,
        "pictures": {
            name: {"token": looks[name].token, **picture(one).document()}
            for name, one in found.items()
        },
        "missing": [name for name, one in found.items() if one is None],
    }


def _objective(draft: Mapping[str, Any], here: Context) -> Objective | None:
    name = draft.get("objective")
    return here.objectives.get(name) if isinstance(name, str) else None


@router.post("/studies/new/lines")
def write_lines(
    draft: Draft,
    request: Request,
    caller: Writer,
    origin: Annotated[str | None, Header(max_length=256)] = None,
) -> dict[str, str]:
    """A request as lines to copy; the address is the one that the browser knows."""
    is_told = origin is not None and origin.startswith(("http://", "https://"))
    address = str(origin if is_told else request.base_url).rstrip("/")
    return {
        "curl": lines.curl_line(draft, address, has_key=caller is not OPEN),
        "command": lines.command(draft, address),
        "program": lines.program(draft, address),
    }
