"""Routes of studies: create, read, list, and what came of them."""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from hashlib import sha256
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from pydantic import StringConstraints, ValidationError

from service.api.caller import Caller, Reader, Viewer, Writer
from service.api.context import Context, Here, StudyId, check_study_id, context_of
from service.api.costs import estimate, within_quotas
from service.api.datasets import check_dataset
from service.api.exports import Format, code_response
from service.api.external import read_external
from service.api.fields import merge_patch, read_moment
from service.api.preconditions import etag, names
from service.api.problems import responses
from service.api.schedules import laid_out
from service.api.views import best_view, study_view, warnings_of, written
from service.errors import Conflict, KeyReused, NotFound
from service.schemas.base import Settings, Text
from service.schemas.studies import (
    BestView,
    PickName,
    SortName,
    StudyCheck,
    StudyPage,
    StudyRequest,
    StudyView,
)
from service.store import glances, history, idempotency, studies
from service.store.listing import Wanted
from tuning.documents import write_spec
from tuning.errors import InvalidValue
from tuning.records import MAX_TRIALS, Budget, Pruning, Start, StudySpec, StudyState
from tuning.schedules import Schedule
from tuning.search.policy import expected_runs, trial_limit
from tuning.search.warm import gather
from tuning.study import BASELINES, specify

router = APIRouter(prefix="/v1/studies", tags=["studies"])

Filter = Annotated[Text | None, Query(max_length=128)]
Pairs = Annotated[
    Sequence[Annotated[Text, StringConstraints(max_length=257)]],
    Query(max_length=16, description="NAME=WORDS; a study must have all of them"),
]
LONGEST_CURSOR = 4096

Key = Annotated[
    str | None,
    Header(alias="Idempotency-Key", min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$"),
]
CREATE = "POST /v1/studies"
CHANGES = {"budget": {"trials": 100}, "seed": 8, "label": "the same on another seed"}
MAX_WAIT_SECONDS = 30.0
POLL_SECONDS = 0.5  # between two looks of a client that waits when no bell rings


# The first, since it is asked all the time and routes are tried in their order.
@router.get(
    "/{study}",
    response_model=StudyView,
    responses={304: {"description": "The study is as the client knows it"}, **responses(NotFound)},
)
async def read_study(
    study: str,
    caller: Viewer,
    request: Request,
    known: Annotated[str | None, Header(alias="If-None-Match", max_length=256)] = None,
    wait: Annotated[float, Query(ge=0, le=MAX_WAIT_SECONDS)] = 0.0,
    until: Literal["changed", "final"] = "changed",
) -> Response:
    """A study as it stands; its ETag is its revision.

    With `If-None-Match` and `wait` the answer comes as soon as the study is another one than the
    client knows, with `until=final` as soon as it has ended, or after so many seconds.
    """
    here, study = context_of(request), check_study_id(study)
    deadline = time.monotonic() + wait
    with here.meter.stream(caller) if wait else nullcontext():
        while True:
            ticket = here.bell.ticket()
            left = deadline - time.monotonic()
            is_over = left <= 0 or here.bell.is_closed or await request.is_disconnected()
            is_for_end = until == "final" and not is_over
            if here.store.is_local:  # a row of a local file is there sooner than a thread
                answer = _read(here, caller, study, known, is_for_end)
            else:
                answer = await run_in_threadpool(_read, here, caller, study, known, is_for_end)
            if is_over or answer.status_code != HTTPStatus.NOT_MODIFIED:
                return answer
            await here.bell.wait(ticket, min(POLL_SECONDS, left))


def _read(
    here: Context, caller: Caller, study: str, known: str | None, is_for_end: bool
) -> Response:
    """The study; 304 if the client knows it, or waits for an end that has not come."""
    with here.store.look() as connection:
        if known is not None or is_for_end:  # who polls mostly knows: it must cost next to nothing
            revision, state = studies.get_standing(connection, caller.project, study)
            is_known = known is not None and names(known, etag(revision), takes_weak=True)
            if is_known or (is_for_end and not state.is_final):
                return Response(status_code=304, headers={"ETag": etag(revision)})
        found = glances.read(connection, caller.project, study)
    told = {"ETag": etag(found.study.revision)}
    return written(study_view(found.study, found.best, found.document), told)


@router.post("", status_code=202, responses=responses(KeyReused, NotFound, Conflict, has_body=True))
def create_study(
    body: StudyRequest, here: Here, caller: Writer, response: Response, key: Key = None
) -> StudyView:
    """Accept a study: it is stored before the answer leaves, and starts by itself."""
    fingerprint = sha256(body.model_dump_json().encode()).hexdigest()
    view: StudyView | None = None
    if key:  # what was accepted once stays accepted, even if its data file is gone by now
        with here.store.read() as session:
            known = idempotency.recall(session, caller.project, CREATE, key, fingerprint)
        if known is not None:
            view = StudyView.model_validate(known.body)
    if view is None:
        view = _create(body, here, caller, key, fingerprint)
    here.on_progress()
    response.headers["Location"] = f"/v1/studies/{view.id}"
    return view


def _create(
    body: StudyRequest, here: Context, caller: Caller, key: str | None, fingerprint: str
) -> StudyView:
    here.check_going_on()
    spec, deadline = complete(body, here, caller), read_moment(body.deadline)
    trials = trial_limit(spec)
    cost = {"running_studies": 1, "trials": trials, "storage_bytes": 0}

    def store(session: Any) -> StudyView:  # noqa: ANN401 # the store's own
        known = key and idempotency.recall(session, caller.project, CREATE, key, fingerprint)
        if known:
            return StudyView.model_validate(known.body)
        with within_quotas(session, here, caller, cost, spec):
            study = studies.create(
                session,
                caller.project,
                spec,
                expected_runs=expected_runs(spec),
                trial_limit=trials,
                deadline=deadline,
                request=body.model_dump(mode="json", exclude_unset=True),
                labels=body.labels,
                notes=body.notes,
                priority=body.priority,
            )
        view = study_view(study, None)
        if key:
            answer = view.model_dump(mode="json")
            idempotency.remember(
                session, caller.project, CREATE, key, fingerprint, status=202, body=answer
            )
        return view

    return here.store.attempt(store)


@router.post(
    "/{study}:clone",
    status_code=202,
    responses=responses(KeyReused, NotFound, Conflict, has_body=True),
)
def clone_study(
    study: StudyId,
    body: Annotated[Settings, Body(examples=[CHANGES])],
    here: Here,
    caller: Writer,
    response: Response,
    key: Key = None,
) -> StudyView:
    """Create a study like another, with changes: a JSON merge patch (RFC 7396) of its request.

    What neither says takes its default anew; `null` takes back what the other's request said.
    """
    with here.store.read() as session:
        request = studies.request_of(session, caller.project, study)
    try:
        merged = StudyRequest.model_validate(merge_patch(request, body))
    except ValidationError as error:
        raise RequestValidationError(
            [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
        ) from error
    return create_study(merged, here, caller, response, key)


def complete(body: StudyRequest, here: Context, caller: Caller) -> StudySpec:
    """The complete, checked spec of a request."""
    check_dataset(here, caller, body.objective, body.config)
    peak = body.space.peak
    return specify(
        body.objective,
        config=body.config,
        horizon=body.horizon,
        families=body.space.families,
        peak=None if peak is None else (peak[0], peak[1]),
        ranges={name: (low, high) for name, (low, high) in body.space.ranges.items()},
        fixed=body.space.fixed,
        constraints=body.space.constraints,
        sampler=body.sampler,
        budget=Budget(**body.budget.model_dump()),
        batch=body.batch,
        seed=body.seed,
        seeds=body.seeds,
        leaders=body.leaders,
        leader_seeds=body.leader_seeds,
        rungs=body.rungs,
        climb=body.climb,
        promote=body.promote,
        pruning=Pruning(body.pruning),
        baselines=BASELINES if body.baselines is None else tuple(body.baselines),
        baseline_peaks=body.baseline_peaks,
        confirm_seeds=body.confirm_seeds,
        evidence_budget=body.evidence_budget,
        worthwhile=body.worthwhile,
        early_stop=body.early_stop,
        starts=_starts(body, here, caller),
        candidates=_candidates(body),
        max_failures=body.max_failures,
        goal=body.goal,
        label=body.label,
        external=read_external(body.external),
        folders=here.settings.folders,
        objectives=here.objectives,
    )


def _candidates(body: StudyRequest) -> list[Schedule]:
    """The schedules to try; raises InvalidValue naming one that is none."""
    found = []
    for place, document in enumerate(body.candidates):
        try:
            found.append(laid_out(document))
        except InvalidValue as error:
            field = error.field.removeprefix("schedule.")
            name = f"candidates[{place}].{field}"
            raise InvalidValue(name, error.value, error.allowed) from error
    return found


def _starts(body: StudyRequest, here: Context, caller: Caller) -> tuple[Start, ...]:
    """What the studies to start from know; raises InvalidValue naming one that does not fit."""
    if not body.warm_start:
        return ()
    with here.store.read() as session:
        found = [studies.get(session, caller.project, name) for name in body.warm_start]
        earlier = [(one.spec, history.load(session, caller.project, one.id)) for one in found]
    imported = [place for place, one in enumerate(found) if one.imported is not None]
    return gather(body.objective, earlier, read_external(body.external), imported)


@router.post(":validate", responses=responses(NotFound, has_body=True))
def validate_study(body: StudyRequest, here: Here, caller: Writer) -> StudyCheck:
    """Check a study without starting it: its complete spec, what it costs, what to beware of."""
    spec = complete(body, here, caller)
    read_moment(body.deadline)
    return StudyCheck(
        spec=write_spec(spec),
        estimate=estimate(spec),
        warnings=[
            *warnings_of(spec),
            *check_dataset(here, caller, spec.objective, spec.config),
        ],
    )


@router.get("", response_model=StudyPage, responses=responses())
def list_studies(
    here: Here,
    caller: Reader,
    state: StudyState | None = None,
    objective: Filter = None,
    label: Filter = None,
    labels: Pairs = (),
    q: Filter = None,
    sort: SortName = "newest",
    cursor: Annotated[str | None, Query(max_length=LONGEST_CURSOR)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """A page of studies, newest first unless `sort` says otherwise.

    `q` is looked for in id, label, labels and notes, in any case of letters. Studies without the
    figure that sorts come last; by `progress` the one that is nearest to its end comes first.
    """
    wanted = Wanted(state, objective, label, parse_labels(labels), q or "", sort)
    with here.store.read() as session:
        page = glances.page(session, caller.project, wanted, cursor=cursor, limit=limit)
    views = [study_view(one.study, one.best, one.document) for one in page.items]
    return written(StudyPage(items=views, next=page.next))


def parse_labels(pairs: Sequence[str]) -> dict[str, str]:
    """Labels written as NAME=WORDS; raises InvalidValue naming `labels[i]`."""
    parted = [pair.partition("=") for pair in pairs]
    for place, (name, separator, _) in enumerate(parted):
        if not name or not separator:
            raise InvalidValue(f"labels[{place}]", pairs[place], "NAME=WORDS")
    return {name: words for name, _, words in parted}


@router.get(
    "/{study}/best",
    response_model=BestView,
    responses={
        200: {"content": {"text/x-python": {}, "text/csv": {}}},
        **responses(NotFound, Conflict),
    },
)
def read_best(
    study: StudyId,
    here: Here,
    caller: Viewer,
    framework: Format,
    table: bool = False,
    pick: PickName = "winner",
) -> Response:
    """The best schedule; `table=true` adds its learning rates, `format=` asks for code instead.

    `pick=recommended` asks for the verdict's recommendation, the simplest schedule of a tie; while
    there is no verdict it is the best so far.
    """
    with here.store.read() as session:
        found = studies.get(session, caller.project, study)
        arm = found.winner if pick == "winner" else found.recommended
        best = history.best_trial(session, found, arm)
        if best is None:
            raise Conflict(f"study {study} has no completed trial yet; it is {found.state.value}")
        told = history.provenance_of(session, caller.project, study, best.number)
    if framework != "json":
        return code_response(best.schedule, framework)
    return written(best_view(found, best, arm, told, here, table=table))


@router.get("/{study}/verdict", responses=responses(NotFound, Conflict))
def read_verdict(
    study: StudyId,
    here: Here,
    caller: Viewer,
    number: Annotated[int | None, Query(ge=1, le=MAX_TRIALS)] = None,
) -> dict[str, Any]:
    """The verdict: winner, tie set, intervals, warnings, and the same in words.

    An extended study has several; without a `number` the last one answers.
    """
    with here.store.read() as session:
        found = studies.get(session, caller.project, study)
        if found.verdict is None:
            raise Conflict(f"study {study} has no verdict yet; it is {found.state.value}")
        wanted = number or found.verdicts
        told = studies.verdict(session, caller.project, study, wanted)
    return {**told, "number": wanted}


@router.get("/{study}/report", response_class=HTMLResponse, responses=responses(NotFound))
def read_report(study: StudyId, here: Here, caller: Viewer) -> HTMLResponse:
    """The study as one HTML file that opens offline."""
    with here.store.read() as session:
        text = here.render_report(session, caller.project, study)
    # Its address may hold the token of a link.
    return HTMLResponse(text, headers={"Referrer-Policy": "no-referrer"})
