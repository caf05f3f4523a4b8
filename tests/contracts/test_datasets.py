"""Datasets in the store: one row per project and content, held by the studies that name it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from service.errors import Conflict, NotFound
from service.store import datasets, lifecycle, projects
from service.store.engine import Store
from tuning.errors import InvalidValue
from tuning.objectives.dataset_files import dataset_id
from tuning.records import StudySpec

SHA = "ab" * 32
ID = dataset_id(SHA)
SURVEY: dict[str, Any] = {
    "kind": "ohlcv",
    "format": "csv",
    "rows": 2,
    "columns": ["date", "close"],
    "begin": 1_577_836_800,
    "end": 1_577_923_200,
    "step_seconds": 86_400,
    "moments": 2,
    "data_hash": "cd" * 32,
    "cautions": [],
    "preview": [["2020-01-01", "1"]],
}


@pytest.fixture
def add(store: Store) -> Callable[..., datasets.Dataset]:
    """Store a dataset: `add("a", sha256=...)`."""
    with store.write() as session:
        for project in ("a", "b"):
            projects.ensure(session, project)

    def put(project: str = "a", sha256: str = SHA, **changes: object) -> datasets.Dataset:
        survey = {**SURVEY, **changes}
        with store.write() as session:
            return datasets.add(
                session, project, sha256=sha256, size=100, name="bars", survey=survey
            )

    return put


@pytest.fixture
def create(new_study: Callable[..., str], spec: StudySpec) -> Callable[..., str]:
    """A study whose config names a dataset."""

    def make(project: str, dataset: object) -> str:
        return new_study(project, spec=replace(spec, config={"dataset": dataset}))

    return make


def delete(store: Store, project: str) -> bool:
    """Delete a dataset, and say whether its file may go."""
    with store.write() as session:
        datasets.delete(session, project, ID)
    with store.write() as session:
        return datasets.is_unused(session, ID)


def test_a_dataset_is_stored_once(store: Store, add: Callable[..., datasets.Dataset]) -> None:
    """A repetition answers with what is stored; another kind of the same content is refused."""
    first = add()

    assert add(rows=7) == first
    assert (first.id, first.rows, first.begin.isoformat()) == (ID, 2, "2020-01-01T00:00:00+00:00")
    with pytest.raises(Conflict, match=f"as {ID}, of kind ohlcv"):
        add(kind="quotes")


def test_projects_do_not_see_each_other(store: Store, add: Callable[..., datasets.Dataset]) -> None:
    """The same content is a row of each; a worker of all projects finds it by whichever."""
    add("a")
    with store.read() as session:
        with pytest.raises(NotFound, match="dataset"):
            datasets.get(session, "b", ID)
        assert datasets.get(session, None, ID).project == "a"
        assert datasets.page(session, "b", cursor=None, limit=5).items == ()
        assert datasets.total_bytes(session, "b") == 0
    add("b")
    with store.read() as session:
        assert datasets.get(session, "b", ID).project == "b"
        assert datasets.total_bytes(session, "b") == 100


def test_pages_are_newest_first(
    store: Store, add: Callable[..., datasets.Dataset], advance: Callable[[float], None]
) -> None:
    """Nothing is skipped or repeated when others come meanwhile."""
    ids = []
    for number in range(5):
        ids.append(add(sha256=f"{number}" * 64).id)
        advance(1)
    with store.read() as session:
        first = datasets.page(session, "a", cursor=None, limit=2)
    add(sha256="f" * 64)
    with store.read() as session:
        second = datasets.page(session, "a", cursor=first.next, limit=2)
        last = datasets.page(session, "a", cursor=second.next, limit=2)
    seen = [one.id for page in (first, second, last) for one in page.items]
    assert seen == ids[::-1]
    assert last.next is None


def test_a_study_holds_its_dataset(
    store: Store, add: Callable[..., datasets.Dataset], create: Callable[..., str]
) -> None:
    """While it is under way; one that ended lets go."""
    add("a")
    add("b")
    study = create("a", ID)
    with pytest.raises(Conflict, match=f"{ID} is used by studies under way: {study}"):
        delete(store, "a")
    assert not delete(store, "b"), "another project still has the content"
    with store.write() as session:
        lifecycle.cancel(session, "a", study)
    assert delete(store, "a")
    with pytest.raises(NotFound):
        delete(store, "a")


def test_a_study_names_a_dataset_of_its_project(
    add: Callable[..., datasets.Dataset], create: Callable[..., str]
) -> None:
    """A deleted one is as none; what is no id is the objective's own affair."""
    add("a")
    with pytest.raises(InvalidValue, match=r"config\.dataset"):
        create("b", ID)
    assert create("b", "mnist")
