"""The pages of datasets: all of them, one with what is in it, and the charts of its values.

The one idea: a chart is drawn from the few values that were kept when the dataset was read; where
they are gone it is read once more, in a process of its own, as an upload is.
"""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from service.api.caller import Reader
from service.api.context import Context, Here
from service.api.datasets import dataset_view, find_dataset
from service.errors import NotFound
from service.pages import page
from service.store import datasets, words
from service.store.clock import now
from service.store.datasets import Dataset
from service.ui.charts.chart import empty
from service.ui.charts.values import level_chart, prices_chart, smile_chart
from service.ui.datasets import CHARTS, HELD, NEEDED, facts, listed
from tuning.errors import DataError
from tuning.objectives import samples
from tuning.objectives.plain_files import is_plain

router = page.router()

SHOWN = 50
GONE = "The values of this dataset cannot be read any more."


@router.get("/datasets")
def show_datasets(
    request: Request,
    here: Here,
    caller: Reader,
    cursor: Annotated[str | None, Query(max_length=512)] = None,
) -> HTMLResponse:
    """Datasets, newest first, and a form to upload another."""
    with here.store.read() as session:
        found = datasets.page(session, caller.project, cursor=cursor, limit=SHOWN)
        users = words.count_users(session, caller.project, [one.id for one in found.items])
        at = now(session)
    return page.respond(
        request,
        "datasets.html",
        rows=[listed(dataset_view(one), users[one.id]) for one in found.items],
        next=found.next,
        is_first=cursor is None,
        now=at,
        held=HELD,
        needed=NEEDED,
        most_mib=here.settings.dataset_mib,
    )


@router.get("/datasets/{dataset}")
def show_dataset(request: Request, dataset: str, here: Here, caller: Reader) -> HTMLResponse:
    """What is in a dataset."""
    found = find_dataset(here, caller.project, dataset)
    with here.store.read() as session:
        users = words.count_users(session, caller.project, [found.id])
        at = now(session)
    view = dataset_view(found)
    return page.respond(
        request,
        "dataset.html",
        one=listed(view, users[found.id]),
        facts=facts(view),
        charts=CHARTS[found.kind],
        takers=[one.name for one in here.objectives.values() if one.dataset == found.kind],
        now=at,
    )


@router.get("/datasets/{dataset}/charts/{name}")
async def read_chart(dataset: str, name: str, here: Here, caller: Reader) -> dict[str, Any]:
    """A chart of the values of a dataset."""
    found = await run_in_threadpool(find_dataset, here, caller.project, dataset)
    if name not in CHARTS[found.kind]:
        raise NotFound("chart", name)
    sample = await run_in_threadpool(_recall, here, found)
    if sample is None:
        async with here.reading:
            sample = await run_in_threadpool(_read, here, found)
    if sample is None:
        return empty(GONE)
    return await run_in_threadpool(_draw, name, sample)


def _recall(here: Context, dataset: Dataset) -> Mapping[str, Any] | None:
    found = samples.find(dataset.id, here.settings.cache_folder)
    return None if found is None else {name: values.tolist() for name, values in found.items()}


def _read(here: Context, dataset: Dataset) -> Mapping[str, Any] | None:
    """The sample, read anew unless somebody did so meanwhile; None if that cannot be done."""
    known = _recall(here, dataset)
    path = here.uploads.path(dataset.id)
    if known is not None or not is_plain(path):
        return known
    cache = here.settings.cache_folder
    try:
        here.survey(path, dataset.kind, dataset.id, name=dataset.name, cache=cache)
    except DataError:  # it was accepted once, so its file was changed or its reader died
        return None
    return _recall(here, dataset)


def _draw(name: str, sample: Mapping[str, Any]) -> dict[str, Any]:
    match name:
        case "prices":
            return prices_chart(sample).document()
        case "smile":
            return smile_chart(sample, sample["moment"][0]).document()
    return level_chart(sample, sample["moments"]).document()
