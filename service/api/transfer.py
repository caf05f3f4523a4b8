"""Routes that carry a whole study away and bring one in.

The one idea: an export is written to a file of its own while one snapshot of the store is open, and
sent from there, so a slow client holds nothing; an import is read twice, to be checked and then to
be stored in one transaction, so a document that is refused leaves nothing.
Not here: what must hold of a document (`service.api.imports`).
"""

import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Annotated, Any, Literal, cast

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from service.api import tables
from service.api.caller import Caller, Reader, Writer
from service.api.context import Context, Here, StudyId
from service.api.costs import within_quotas
from service.api.imports import SINGLE, Checker, read_study
from service.api.problems import responses
from service.api.records import write_members
from service.api.studies import Key
from service.api.uploads import Upload
from service.api.views import study_view
from service.errors import Conflict, KeyReused, NotFound
from service.schemas.studies import StudyView
from service.schemas.transfer import FORMAT, Exported, StudyRecord
from service.store import exports, history, idempotency, imports, quotas
from tuning.errors import InvalidValue, UnknownName
from tuning.objectives import configure
from tuning.records import StudySpec, StudyState
from tuning.search.policy import trial_limit

router = APIRouter(prefix="/v1/studies", tags=["results"])

IMPORT = "/v1/studies:import"
MAX_IMPORT_BYTES = 64 * 2**20
BLOCK = 2**16
MEMORY = 2**20  # bytes of an export that are kept in memory

FormatName = Literal["json", "csv"]
TableName = Literal["trials", "runs"]


@router.get(
    "/{study}/export",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/json": {}, "text/csv": {}}},
        **responses(NotFound),
    },
)
def export_study(
    study: StudyId,
    here: Here,
    caller: Reader,
    kind: Annotated[FormatName, Query(alias="format")] = "json",
    table: TableName = "trials",
) -> StreamingResponse:
    """A whole study as a file: `glideslope/study@1`, or its trials or runs as a CSV table.

    The JSON has everything but the events, and can be imported.
    """
    with here.store.read() as session:
        lines = (
            write_document(session, caller.project, study)
            if kind == "json"
            else _table(session, caller.project, study, table)
        )
        file = _written(lines)
    name = f"{study}.json" if kind == "json" else f"{study}-{table}.csv"
    return StreamingResponse(
        _blocks(file),
        media_type="application/json" if kind == "json" else "text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _written(lines: Iterable[str]) -> "tempfile.SpooledTemporaryFile[bytes]":
    """A file of its own, at its beginning; closed by whoever reads it."""
    file = tempfile.SpooledTemporaryFile(max_size=MEMORY)  # noqa: SIM115 # it outlives this call
    try:
        for text in lines:
            file.write(text.encode())
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def write_document(session: Any, project: str, study: str) -> Iterator[str]:  # noqa: ANN401 # the store's own
    """The text of `glideslope/study@1`, piece by piece; raises NotFound."""
    record = exports.write_study(session, project, study)
    exported = {
        "study": study,
        "glideslope": version("glideslope"),
        "at": datetime.now(UTC).isoformat(),
    }
    single = {"format": FORMAT, "exported": exported, "study": record}
    return write_members(single, exports.write_rows(session, project, study))


def _table(session: Any, project: str, study: str, table: TableName) -> Iterator[str]:  # noqa: ANN401
    parameters, figures = exports.columns(session, project, study)
    rows = exports.rows_of(session, project, study, table)
    if table == "trials":
        return tables.write_trials(rows, parameters)
    return tables.write_runs(rows, figures)


def _blocks(file: "tempfile.SpooledTemporaryFile[bytes]") -> Iterator[bytes]:
    with file:
        while block := file.read(BLOCK):
            yield block


@router.post(
    ":import",
    status_code=201,
    responses=responses(KeyReused, Conflict, has_body=True),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "title": FORMAT,
                        "properties": {"format": {"const": FORMAT}}
                        | {name: {"type": "object"} for name in SINGLE},
                        "required": ["format", *SINGLE],
                    },
                    "example": {"format": FORMAT, "exported": {}, "study": {}, "trials": []},
                }
            },
        }
    },
)
async def import_study(
    request: Request, response: Response, here: Here, caller: Writer, key: Key = None
) -> StudyView:
    """Store a study that was exported as JSON, under a new id, marked as imported.

    One that had not ended is paused; its runs that were being trained are queued again.
    """
    async with here.uploads.receive(request.stream()) as upload:
        view = await run_in_threadpool(_import, here, caller, upload, key)
    response.headers["Location"] = f"/v1/studies/{view.id}"
    return view


def _import(here: Context, caller: Caller, upload: Upload, key: str | None) -> StudyView:
    checker = Checker()
    for name, place, record in read_study(upload.path):
        checker.check(name, place, record)
    checker.end()
    _check_objective(checker.spec, checker.state, here)
    with here.store.write() as session:
        known = key and idempotency.recall(session, caller.project, IMPORT, key, upload.sha256)
        if known:
            return StudyView.model_validate(known.body)
        records = (record for _, _, record in read_study(upload.path))
        exported, study = cast("Exported", next(records)), cast("StudyRecord", next(records))
        goes_on = not checker.state.is_final
        trials = trial_limit(checker.spec) if goes_on else 0
        cost = {"running_studies": int(goes_on), "trials": trials, "storage_bytes": 0}
        with within_quotas(session, here, caller, cost, checker.spec):
            row = imports.create(session, caller.project, exported, study)
            imports.fill(session, row, records, checker.identities)
            quotas.settle(session, row, at_least=trials)
            found = imports.finish(session, row)
        view = study_view(found, history.best_trial(session, found, found.winner))
        if key:
            answer = view.model_dump(mode="json")
            idempotency.remember(
                session, caller.project, IMPORT, key, upload.sha256, status=201, body=answer
            )
    return view


def _check_objective(spec: StudySpec, state: StudyState, here: Context) -> None:
    """A study that may go on needs its objective here, unless others train it."""
    if state.is_final or spec.external is not None:
        return
    objective = here.objectives.get(spec.objective)
    if objective is None:
        raise UnknownName("study.spec.objective", spec.objective, here.objectives)
    try:
        configure(objective, spec.config)
    except InvalidValue as error:
        raise error.under("study.spec.config") from error
