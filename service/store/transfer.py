"""Transfer: a whole study out of the store, and into it as another one.

The one idea: what is written is what the planner and people read, so the study goes on, or is
looked at, anywhere; what only this service knows (ids, tokens, events) is not written, and derived
figures are derived again. An imported study is marked as one for ever.
Not here: whether a document makes sense (`service.api.imports`).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.schemas.base import Schema
from service.schemas.transfer import (
    Exported,
    MeasurementRecord,
    Origin,
    ProvenanceRecord,
    RunRecord,
    StudyRecord,
    TrialRecord,
    VerdictRecord,
)
from service.store import datasets, models, provenances, reads, studies
from service.store.clock import now
from tuning.documents import read_schedule, read_spec
from tuning.evidence.score import SEARCHED
from tuning.provenance import Provenance
from tuning.records import Direction, Phase, RunState, StudyState

BATCH = 500  # rows

Record = dict[str, Any]


def write_study(session: Session, project: str, study: str) -> Record:
    """The study itself, as a `StudyRecord`; raises NotFound."""
    row = session.get(models.Study, (project, study))
    if row is None:
        raise NotFound("study", study)
    at = now(session)
    search_left = row.search_left
    if row.search_until is not None:
        search_left = (row.search_until - at).total_seconds()
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


def create(session: Session, project: str, exported: Exported, record: StudyRecord) -> models.Study:
    """Store an imported study without its rows: ended as it was, or paused, under a new id.

    Raises NotFound if there is no such project, InvalidValue if it would go on without its dataset.
    """
    if session.get(models.Project, project) is None:
        raise NotFound("project", project)
    at = now(session)
    spec = read_spec(record.spec)
    state = StudyState(record.state)
    if not state.is_final:
        datasets.hold(session, project, spec)
    origin = Origin(
        study=exported.study,
        glideslope=exported.glideslope,
        exported_at=exported.at,
        at=at,
        generations=record.next_generation,
        verdicts=len(record.extensions) + (state is StudyState.COMPLETED),
    )
    until = record.finished_at or at
    idle = (until - record.started_at).total_seconds() if record.started_at else 0.0
    row = models.Study(
        id=studies.new_id(),
        project=project,
        revision=0,
        state=state if state.is_final else StudyState.PAUSED,
        spec=dict(record.spec),
        objective=spec.objective,
        is_external=spec.external is not None,
        request=record.request,
        labels=record.labels,
        finished_runs=0,
        idle_seconds=max(0.0, idle - record.busy_seconds),
        paused=None if state.is_final else at,
        started=record.started_at,
        finished=record.finished_at if state.is_final else None,
        created=at,
        search_steps=0,
        evidence_steps=0,
        conditions=[],
        imported=origin.model_dump(mode="json"),
        **{name: getattr(record, name) for name in COPIED},
    )
    session.add(row)
    session.flush()
    return row


COPIED = (
    "priority",
    "label",
    "notes",
    "next_generation",
    "expected_runs",
    "extensions",
    "closed_from",
    "closed_because",
    "end_reason",
    "error",
    "search_left",
    "deadline",
)


def fill(session: Session, row: models.Study, records: Iterable[Schema]) -> None:
    """Store the records of an imported study, in the order of the format."""
    waiting = iter(records)
    while some := list(islice(waiting, BATCH)):  # kinds are mixed where one ends
        for kind in dict.fromkeys(map(type, some)):
            mine = [one for one in some if type(one) is kind]
            _WRITERS[kind](session, row, mine)


def finish(session: Session, row: models.Study) -> studies.Study:
    """Derive what follows from the rows, note what was read of test data, and tell of it."""
    run = models.Run
    mine = (run.project == row.project, run.study == row.id)
    is_evidence = run.phase == Phase.CONFIRM
    steps = dict(
        session.execute(
            select(is_evidence, func.sum(run.updates)).where(*mine).group_by(is_evidence)
        ).all()
    )
    row.search_steps, row.evidence_steps = int(steps.get(False, 0)), int(steps.get(True, 0))
    ends = [state for state in RunState if state.is_final]
    row.finished_runs = session.scalar(select(func.count()).where(*mine, run.state.in_(ends))) or 0
    _lead(session, row)
    reads.note_imported(session, row, now(session))
    studies.note(
        session, row, "imported", {"state": row.state, "origin": row.imported}, row.created
    )
    return studies.to_study(row)


def _lead(session: Session, row: models.Study) -> None:
    """The best trial: the one that leads the search, or the winner of the verdict in force."""
    trial = models.Trial
    is_falling = read_spec(row.spec).metric.direction is Direction.MAXIMIZE
    value = trial.value.desc() if is_falling else trial.value.asc()
    leader = session.execute(
        select(trial.number, trial.value)
        .where(trial.project == row.project, trial.study == row.id, trial.value.is_not(None))
        .order_by(value, trial.number)
        .limit(1)
    ).one_or_none()
    if leader is not None:
        row.best_trial, row.best_value = leader.number, leader.value
    arms = (row.verdict or {}).get("arms", ())
    if arms and arms[0]["validation"] is not None:
        row.best_trial = row.verdict["trial"] if row.verdict else None


def _write_provenances(
    session: Session, row: models.Study, records: list[ProvenanceRecord]
) -> None:
    told = ((row.project, Provenance(one.data_hash, one.versions)) for one in records)
    provenances.remember(session, told)


def _write_verdicts(session: Session, row: models.Study, records: list[VerdictRecord]) -> None:
    for one in records:
        row.verdict = one.document  # the last one is in force
        if one.number <= len(row.extensions):
            session.add(
                models.Verdict(
                    project=row.project,
                    study=row.id,
                    number=one.number,
                    document=one.document,
                    at=one.at,
                )
            )
    session.flush()


def _write_trials(session: Session, row: models.Study, records: list[TrialRecord]) -> None:
    rows = []
    for one in records:
        schedule = read_schedule(one.schedule)
        told = one.model_dump() | {
            "project": row.project,
            "study": row.id,
            "schedule": schedule.document(),
            "identity": schedule.identity,
        }
        rows.append(told)
    session.execute(insert(models.Trial), rows)


def _write_runs(session: Session, row: models.Study, records: list[RunRecord]) -> None:
    rows = []
    for one in records:
        told = one.model_dump()
        told |= {
            "id": f"{row.id}.{one.generation}.{one.index}",
            "project": row.project,
            "study": row.id,
            "started": told.pop("started_at"),
            "finished": told.pop("finished_at"),
        }
        if RunState(one.state) is RunState.LEASED:  # whoever trained it there cannot tell here
            told |= {"state": RunState.QUEUED, "worker": None}
        rows.append(told)
    session.execute(insert(models.Run), rows)


def _write_measurements(
    session: Session, row: models.Study, records: list[MeasurementRecord]
) -> None:
    session.execute(
        insert(models.Measurement),
        [
            {
                "project": row.project,
                "study": row.id,
                "run": f"{row.id}.{one.generation}.{one.index}",
                "lease": one.lease,
                "seq": one.seq,
                "data": {"steps": one.steps, "values": one.values},
            }
            for one in records
        ],
    )


# Any: each takes the records of its own kind.
_WRITERS: Mapping[type[Schema], Any] = {
    ProvenanceRecord: _write_provenances,
    VerdictRecord: _write_verdicts,
    TrialRecord: _write_trials,
    RunRecord: _write_runs,
    MeasurementRecord: _write_measurements,
}
