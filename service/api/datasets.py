"""Routes of datasets: upload, list, show, content, delete; and the dataset that a study names.

The one idea: an upload streams to a file while it is hashed, is read once by a process that may die
of it, and only then gets its name and its row; the same content again is the same dataset.
Not here: how a body becomes a file (`service.api.uploads`).
"""

from collections.abc import Mapping
from typing import Annotated, Any, cast

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from service.api.caller import Caller, Reader, Trainer, Writer
from service.api.context import LONGEST_ID, Context, Here
from service.api.costs import within_quotas
from service.api.problems import responses
from service.api.uploads import PlainFile, Upload
from service.errors import Conflict, NotFound
from service.schemas.base import Name
from service.schemas.datasets import DatasetPage, DatasetView, KindName
from service.schemas.studies import Warned
from service.store import datasets
from service.store.datasets import Dataset
from service.store.reach import EVERYTHING, reaching
from tuning.errors import DataError, InvalidValue
from tuning.objectives.plain_files import is_plain

PATH = "/v1/datasets"
EXAMPLE = """unix,date,symbol,open,high,low,close,volume
1646092800,2022-03-01 00:00:00,BTC/USD,43221.7,43626.4,43185.4,43312.2,52.0
1646089200,2022-02-28 23:00:00,BTC/USD,43085.3,43364.8,42892.3,43178.9,106.8
"""
CONTENT: Mapping[str, str] = {  # what a body may be, by its type, as it begins
    "text/csv": EXAMPLE,
    "application/gzip": "\x1f\x8b…",
    "application/vnd.apache.parquet": "PAR1…",
}

router = APIRouter(prefix=PATH, tags=["datasets"])


@router.post(
    "",
    status_code=201,
    responses={
        200: {"model": DatasetView, "description": "This content is there already"},
        **responses(Conflict, DataError, has_body=True),
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                kind: {
                    "schema": {"type": "string", "format": "binary"},
                    "examples": {kind: {"value": begin, "summary": "bars, newest first"}},
                }
                for kind, begin in CONTENT.items()
            },
        }
    },
)
async def add_dataset(
    request: Request,
    response: Response,
    here: Here,
    caller: Writer,
    kind: Annotated[KindName, Query(description="what it holds: bars, or option quotes")],
    name: Annotated[Name, Query(description="your own word for it")],
) -> DatasetView:
    """Upload a table as it is: CSV, gzipped or not, or Parquet, rows in any order.

    It is refused, with rows, columns and values, unless an objective can be trained on it. The
    same content again answers with the dataset that is there.
    """
    async with here.uploads.receive(request.stream()) as upload:
        known = await run_in_threadpool(_recall, here, caller, upload, kind)
        if known is not None:
            response.status_code = 200
            return dataset_view(known)
        async with here.reading:
            survey = await run_in_threadpool(
                here.survey,
                upload.path,
                kind,
                upload.dataset,
                name=name,
                cache=here.settings.cache_folder,
            )
        added = await run_in_threadpool(_keep, here, caller, upload, name, survey)
    response.headers["Location"] = f"{PATH}/{added.id}"
    return dataset_view(added)


def _recall(here: Context, caller: Caller, upload: Upload, kind: str) -> Dataset | None:
    """The dataset that an upload is already."""
    with here.store.read() as session:
        try:
            known = datasets.get(session, caller.project, upload.dataset)
        except NotFound:
            return None
    return datasets.check_kind(known, kind) if is_plain(here.uploads.path(known.id)) else None


def _keep(
    here: Context, caller: Caller, upload: Upload, name: str, survey: Mapping[str, Any]
) -> Dataset:
    with here.store.write() as session:
        with within_quotas(session, here, caller, {"storage_bytes": upload.size}):
            added = datasets.add(
                session,
                caller.project,
                sha256=upload.sha256,
                size=upload.size,
                name=name,
                survey=survey,
            )
        here.uploads.keep(upload)
    return added


@router.get("", responses=responses())
def list_datasets(
    here: Here,
    caller: Reader,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> DatasetPage:
    """A page of datasets, newest first."""
    with here.store.read() as session:
        page = datasets.page(session, caller.project, cursor=cursor, limit=limit)
    return DatasetPage(items=[dataset_view(one) for one in page.items], next=page.next)


@router.get("/{dataset}", responses=responses(NotFound))
def read_dataset(dataset: str, here: Here, caller: Reader) -> DatasetView:
    """What is in a dataset: rows, span, columns, what to beware of, the first rows."""
    return dataset_view(find_dataset(here, caller.project, dataset))


@router.get(
    "/{dataset}/content",
    response_class=PlainFile,
    responses={
        200: {"content": {"application/octet-stream": {}}},
        206: {"description": "The part that the header Range asked for"},
        **responses(NotFound),
    },
)
def read_content(dataset: str, here: Here, caller: Trainer) -> PlainFile:
    """The bytes of a dataset as they were uploaded; the ETag is their SHA-256."""
    found = find_dataset(here, caller.reach, dataset)
    path = here.uploads.path(found.id)
    if not is_plain(path):
        raise NotFound("content of dataset", found.id)
    headers = {"ETag": f'"{found.sha256}"', "Cache-Control": "private, immutable"}
    return PlainFile(path, media_type="application/octet-stream", headers=headers)


@router.delete("/{dataset}", status_code=204, responses=responses(NotFound, Conflict))
def delete_dataset(dataset: str, here: Here, caller: Writer) -> None:
    """Remove a dataset that no study under way trains on."""
    _check_id(dataset)
    with here.store.write() as session:
        datasets.delete(session, caller.project, dataset)
    # A transaction of its own: see `is_unused`. The file is that of every project that has it.
    with reaching(EVERYTHING), here.store.write() as session:
        if datasets.is_unused(session, dataset):
            here.uploads.discard(dataset)


def check_dataset(
    here: Context, caller: Caller, objective: str, config: Mapping[str, Any]
) -> tuple[Warned, ...]:
    """What to beware of in the dataset that a config names, if any.

    Raises InvalidValue naming `config.dataset` if the project has none of this id, or it is not
    of the kind that the objective trains on.
    """
    known, name = here.objectives.get(objective), config.get("dataset")
    if known is None or known.dataset is None or not isinstance(name, str):
        return ()  # the core says what else may be wrong
    allowed = f"the id of a dataset of kind {known.dataset} of this project"
    try:
        found = find_dataset(here, caller.project, name)
    except NotFound as error:
        raise InvalidValue("config.dataset", name, allowed) from error
    if found.kind != known.dataset:
        raise InvalidValue("config.dataset", name, f"{allowed}; this one is of kind {found.kind}")
    return _warnings(found)


def find_dataset(here: Context, project: str | None, dataset: str) -> Dataset:
    """A dataset of a project, or of any if that is None; raises NotFound."""
    _check_id(dataset)
    with here.store.read() as session:
        return datasets.get(session, project, dataset)


def _check_id(dataset: str) -> None:
    """Answer an id that no dataset can have as one that none has."""
    if len(dataset) > LONGEST_ID or not dataset.isascii() or not dataset.isprintable():
        raise NotFound("dataset", dataset)


def _warnings(dataset: Dataset) -> tuple[Warned, ...]:
    return tuple(Warned(**caution) for caution in dataset.survey["cautions"])


def dataset_view(dataset: Dataset) -> DatasetView:
    """A dataset as the wire shows it."""
    told = dataset.survey
    return DatasetView(
        id=dataset.id,
        name=dataset.name,
        kind=cast("KindName", dataset.kind),
        format=told["format"],
        sha256=dataset.sha256,
        data_hash=told["data_hash"],
        bytes=dataset.size,
        rows=dataset.rows,
        moments=told["moments"],
        begin=dataset.begin.isoformat(),
        end=dataset.end.isoformat(),
        step_seconds=dataset.step_seconds,
        columns=told["columns"],
        warnings=list(_warnings(dataset)),
        preview=told["preview"],
        created_at=dataset.created.isoformat(),
    )
