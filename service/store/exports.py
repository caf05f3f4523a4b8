"""Exports: a whole study out of the store, record by record.

The one idea: what is written is what the planner and people read, so the study goes on, or is
looked at, anywhere; what only this service knows (ids, tokens, events) is not written.
Not here: how the records become a file (`service.api.transfer`), the way back (`imports`).
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.schemas.base import Schema
from service.schemas.transfer import RunRecord, TrialRecord
from service.store import models, studies
from service.store.clock import now
from service.store.failure_models import Failure
from service.store.timeouts import lift
from tuning.evidence.score import SEARCHED
from tuning.records import StudyState

BATCH = 500  # rows

Record = dict[str, Any]


def write_study(session: Session, project: str, study: str) -> Record:
    """The study itself, as a `StudyRecord`; raises NotFound."""
    lift(session.connection())
    row = session.get(models.Study, (project, study))
    if row is None:
        raise NotFound("study", study)
    at = now(session)
    search_left = row.search_left
    if row.search_until is not None:
        search_left = (row.search_until - at).total_seconds()
    # Only if there is something to tell: earlier versions know no such field.
    purged = {"curves_purged_at": _moment(row.curves_purged_at)} if row.curves_purged_at else {}
    return {
        "state": row.state,
        "spec": row.spec,
        "request": row.request,
        "priority": row.priority,
        "label": row.label,
        "labels": row.labels,
        "notes": row.notes,
        "next_generation": row.next_generation,
        "expected_runs": row.expected_runs,
        "extensions": row.extensions,
        "closed_from": row.closed_from,
        "closed_because": row.closed_because,
        "end_reason": row.end_reason,
        "error": row.error,
        "search_left": search_left,
        "busy_seconds": _busy_seconds(row, at),
        "deadline": _moment(row.deadline),
        "created_at": _moment(row.created),
        "started_at": _moment(row.started),
        "finished_at": _moment(row.finished),
        "imported": row.imported,
        **purged,
    }


def write_rows(
    session: Session, project: str, study: str
) -> Iterator[tuple[str, Iterator[Record]]]:
    """The records of every section, in the order of the format, read as they are asked for."""
    run, told = models.Run, models.Provenance
    used = select(run.provenance).where(run.project == project, run.study == study)
    query = select(told.id, told.data_hash, told.versions).where(
        told.project == project, told.id.in_(used)
    )
    yield "provenances", _records(session, query.order_by(told.id))
    yield "verdicts", _verdicts(session, project, study)
    yield "trials", rows_of(session, project, study, "trials")
    yield "runs", rows_of(session, project, study, "runs")
    yield "measurements", _measurements(session, project, study)
    yield "failures", _failures(session, project, study)


def rows_of(session: Session, project: str, study: str, section: str) -> Iterator[Record]:
    """The records of `trials` or of `runs`; raises NotFound."""
    studies.check_exists(session, project, study)
    trial, run = models.Trial, models.Run
    if section == "trials":
        query = select(*_columns(trial, TrialRecord)).where(
            trial.project == project, trial.study == study
        )
        return _records(session, query.order_by(trial.number))
    times = (run.started.label("started_at"), run.finished.label("finished_at"))
    query = select(*_columns(run, RunRecord), *times).where(
        run.project == project, run.study == study
    )
    return _records(session, query.order_by(run.generation, run.index))


def columns(session: Session, project: str, study: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Every coordinate that a trial has, and split and metric of every figure that a run has."""
    lift(session.connection())
    trial, run = models.Trial, models.Run
    params = session.scalars(
        select(trial.params)
        .where(trial.project == project, trial.study == study)
        .execution_options(yield_per=BATCH)
    )
    names = {name: None for one in params for name in one}
    ends = session.scalars(
        select(run.result)
        .where(run.project == project, run.study == study, run.result.is_not(None))
        .execution_options(yield_per=BATCH)
    )
    figures = {
        (split, metric)
        for end in ends
        for split, values in (end or {}).get("metrics", {}).items()
        for metric in values
    }
    return list(names), sorted(figures, key=lambda one: (one[0] != SEARCHED, *one))


def _measurements(session: Session, project: str, study: str) -> Iterator[Record]:
    run, row = models.Run, models.Measurement
    query = (
        select(run.generation, run.index, row.lease, row.seq, row.data)
        .join(run, (run.project == row.project) & (run.id == row.run))
        .where(row.project == project, row.study == study)
        .order_by(run.generation, run.index, row.lease, row.seq)
    )
    for record in _records(session, query):
        data = record.pop("data")
        yield {**record, "steps": data["steps"], "values": data["values"]}


def _failures(session: Session, project: str, study: str) -> Iterator[Record]:
    run, row = models.Run, Failure
    query = (
        select(run.generation, run.index, row.traceback, row.log_tail, row.at)
        .join(run, (run.project == row.project) & (run.id == row.run))
        .where(row.project == project, row.study == study)
        .order_by(run.generation, run.index)
    )
    return _records(session, query)


def _columns(table: type[models.Base], schema: type[Schema]) -> list[Any]:
    """The columns that have the name of a field."""
    return [getattr(table, name) for name in schema.model_fields if name in table.__table__.columns]


def _records(session: Session, query: Any) -> Iterator[Record]:  # noqa: ANN401
    for row in session.execute(query.execution_options(yield_per=BATCH)).mappings():
        yield {
            name: _moment(value) if isinstance(value, datetime) else value
            for name, value in row.items()
        }


def _verdicts(session: Session, project: str, study: str) -> Iterator[Record]:
    verdict = models.Verdict
    earlier = session.scalars(
        select(verdict)
        .where(verdict.project == project, verdict.study == study)
        .order_by(verdict.number)
    )
    for one in earlier:
        yield {"number": one.number, "at": _moment(one.at), "document": one.document}
    row = session.get_one(models.Study, (project, study))
    if row.state == StudyState.COMPLETED and row.verdict is not None:
        at = row.finished or row.created
        number = len(row.extensions) + 1
        yield {"number": number, "at": _moment(at), "document": row.verdict}


def _busy_seconds(row: models.Study, at: datetime) -> float:
    """How long it was not idle, until it ended or now."""
    if row.started is None:
        return 0.0
    until = row.finished or row.paused or at
    return max(0.0, (until - row.started).total_seconds() - row.idle_seconds)


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
