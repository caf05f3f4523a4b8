"""Datasets: what projects uploaded, and which studies train on it.

The one idea: a study holds on to its dataset by naming it. Creating a study locks the row of its
dataset to share it, deleting a dataset locks it alone, so neither can happen beside the other.
Not here: the files (`service.api.uploads`), what is in a table (`tuning.objectives.datasets`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import String, func, select, tuple_
from sqlalchemy.orm import Session

from service.errors import Conflict, NotFound
from service.store import models
from service.store.clock import now
from service.store.dataset_models import Dataset as Row
from service.store.locks import hold_name
from service.store.paging import Page, check_limit, read_cursor, write_cursor
from tuning.errors import InvalidValue
from tuning.objectives.dataset_files import dataset_id, is_dataset_id
from tuning.records import StudySpec, StudyState

TOLD = ("format", "columns", "moments", "data_hash", "cautions", "preview")  # by a survey
UNDER_WAY = (StudyState.RUNNING, StudyState.CONFIRMING, StudyState.PAUSED)
MOST_NAMED = 3  # studies in a refusal


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset of a project; `survey` is the rest of what is told of it."""

    id: str
    project: str
    name: str
    kind: str
    sha256: str
    size: int
    rows: int
    begin: datetime
    end: datetime
    step_seconds: int | None
    survey: Mapping[str, Any]
    created: datetime


def add(
    session: Session,
    project: str,
    *,
    sha256: str,
    size: int,
    name: str,
    survey: Mapping[str, Any],
) -> Dataset:
    """Store what is known of a dataset, once; a repetition answers with what is stored.

    Holds the name of its content until the transaction ends, as does `is_unused`: whoever brings
    or takes away the file does it under this lock.

    Raises Conflict if the content is there as another kind.
    """
    name_of_content = dataset_id(sha256)
    hold_name(session, "dataset", name_of_content)
    row = session.get(Row, (project, name_of_content))
    if row is None:
        row = Row(
            project=project,
            id=name_of_content,
            name=name,
            kind=survey["kind"],
            sha256=sha256,
            size=size,
            rows=survey["rows"],
            begin=datetime.fromtimestamp(survey["begin"], UTC),
            end=datetime.fromtimestamp(survey["end"], UTC),
            step_seconds=survey["step_seconds"],
            survey={told: survey[told] for told in TOLD},
            created=now(session),
        )
        session.add(row)
        session.flush()
    return check_kind(_to_dataset(row), survey["kind"])


def check_kind(dataset: Dataset, kind: str) -> Dataset:
    """Return a dataset of this kind; raises Conflict for one of another."""
    if dataset.kind != kind:
        raise Conflict(f"this content is there already as {dataset.id}, of kind {dataset.kind}")
    return dataset


def get(session: Session, project: str | None, dataset: str) -> Dataset:
    """A dataset of a project, or of any if there is none; raises NotFound."""
    query = select(Row).where(Row.id == dataset)
    if project is not None:
        query = query.where(Row.project == project)
    row = session.scalars(query.limit(1)).first()
    if row is None:
        raise NotFound("dataset", dataset)
    return _to_dataset(row)


def page(session: Session, project: str, *, cursor: str | None, limit: int) -> Page[Dataset]:
    """A page of a project's datasets, newest first."""
    check_limit(limit)
    query = select(Row).where(Row.project == project)
    if cursor is not None:
        microseconds, name = read_cursor(cursor, int, str)
        at = models.EPOCH + int(microseconds) * models.MICROSECOND
        last = tuple_(at, name, types=(models.UtcTime(), String()))
        query = query.where(tuple_(Row.created, Row.id) < last)
    rows = session.scalars(query.order_by(Row.created.desc(), Row.id.desc()).limit(limit + 1)).all()
    found = tuple(_to_dataset(row) for row in rows[:limit])
    return Page(found, _cursor(found[-1]) if len(rows) > limit else None)


def total_bytes(session: Session, project: str) -> int:
    """What the datasets of a project take up, in bytes."""
    query = select(func.coalesce(func.sum(Row.size), 0)).where(Row.project == project)
    return int(session.scalar(query) or 0)


def hold(session: Session, project: str, spec: StudySpec) -> None:
    """Keep the dataset that a spec names, if any, from being deleted until the transaction ends.

    Raises InvalidValue naming `config.dataset` if it is not there.
    """
    dataset = spec.config.get("dataset")
    if not is_dataset_id(dataset):  # an objective may call anything else so
        return
    query = select(Row.id).where(Row.project == project, Row.id == dataset)
    if session.scalar(query.with_for_update(read=True)) is None:
        raise InvalidValue("config.dataset", dataset, "the id of a dataset of this project")


def delete(session: Session, project: str, dataset: str) -> None:
    """Remove a dataset; raises NotFound, and Conflict while a study under way trains on it."""
    row = session.get(Row, (project, dataset), with_for_update=True)
    if row is None:
        raise NotFound("dataset", dataset)
    study = models.Study
    users = session.scalars(
        select(study.id)
        .where(study.project == project, study.state.in_([state.value for state in UNDER_WAY]))
        .where(study.spec["config"]["dataset"].as_string() == dataset)
        .order_by(study.id)
        .limit(MOST_NAMED)
    ).all()
    if users:
        raise Conflict(f"dataset {dataset} is used by studies under way: {', '.join(users)}")
    session.delete(row)


def is_unused(session: Session, dataset: str) -> bool:
    """Whether no project has this content any more; nobody can add it until the transaction ends.

    Ask in a transaction after the one that deleted it: a file goes only once its row is gone.
    """
    hold_name(session, "dataset", dataset)
    return session.scalar(select(Row.id).where(Row.id == dataset).limit(1)) is None


def _cursor(dataset: Dataset) -> str:
    return write_cursor((dataset.created - models.EPOCH) // models.MICROSECOND, dataset.id)


def _to_dataset(row: Row) -> Dataset:
    return Dataset(
        id=row.id,
        project=row.project,
        name=row.name,
        kind=row.kind,
        sha256=row.sha256,
        size=row.size,
        rows=row.rows,
        begin=row.begin,
        end=row.end,
        step_seconds=row.step_seconds,
        survey=row.survey,
        created=row.created,
    )
