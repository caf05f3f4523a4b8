"""Imports: the records of an exported study into the store, as another study.

The one idea: derived figures are derived again, and the study is marked as imported for ever; what
was being trained elsewhere is queued here.
Not here: whether the records make sense (`service.api.imports`), the way out (`exports`).
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.schemas.base import Schema
from service.schemas.transfer import (
    Exported,
    FailureRecord,
    MeasurementRecord,
    Origin,
    ProvenanceRecord,
    RunRecord,
    StudyRecord,
    TrialRecord,
    VerdictRecord,
)
from service.store import datasets, leads, models, provenances, reads, studies, words
from service.store.clock import now
from service.store.failure_models import Failure
from service.store.timeouts import lift
from tuning.documents import read_spec
from tuning.provenance import Provenance
from tuning.records import Phase, RunState, StudyState

BATCH = 500  # rows


def create(session: Session, project: str, exported: Exported, record: StudyRecord) -> models.Study:
    """Store an imported study without its rows: ended as it was, or paused, under a new id.

    Raises NotFound if there is no such project, InvalidValue if it would go on without its dataset.
    """
    lift(session.connection())
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
        leads=[],
        idle_seconds=max(0.0, idle - record.busy_seconds),
        paused=None if state.is_final else at,
        started=record.started_at,
        finished=record.finished_at if state.is_final else None,
        created=at,
        search_steps=0,
        evidence_steps=0,
        conditions=[],
        curves_purged_at=record.curves_purged_at,
        imported=origin.model_dump(mode="json"),
        **{name: getattr(record, name) for name in COPIED},
    )
    session.add(row)
    session.flush()
    words.write(session, row)
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


def fill(
    session: Session, row: models.Study, records: Iterable[Schema], identities: Sequence[str]
) -> None:
    """Store the records of an imported study, in the order of the format.

    `identities` are those of its trials' schedules, by number: they take long to find out, and
    nobody else can write meanwhile.
    """
    waiting = iter(records)
    while some := list(islice(waiting, BATCH)):  # kinds are mixed where one ends
        for kind in dict.fromkeys(map(type, some)):
            mine = [one for one in some if type(one) is kind]
            if kind is TrialRecord:
                _write_trials(session, row, mine, identities)
            else:
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
    scored = session.execute(
        select(trial.number, trial.value)
        .where(trial.project == row.project, trial.study == row.id, trial.value.is_not(None))
        .order_by(trial.number)
    )
    known = ((one.number, one.value) for one in scored)
    row.leads = leads.of(known, read_spec(row.spec).metric.direction)
    if row.leads:
        row.best_trial, row.best_value = row.leads[-1]
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


def _write_trials(
    session: Session, row: models.Study, records: Sequence[Any], identities: Sequence[str]
) -> None:
    same = {"project": row.project, "study": row.id}
    rows = [{**one.model_dump(), **same, "identity": identities[one.number]} for one in records]
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


def _write_failures(session: Session, row: models.Study, records: list[FailureRecord]) -> None:
    session.execute(
        insert(Failure),
        [
            {
                "project": row.project,
                "study": row.id,
                "run": f"{row.id}.{one.generation}.{one.index}",
                "traceback": one.traceback,
                "log_tail": one.log_tail,
                "at": one.at,
            }
            for one in records
        ],
    )


# Any: each takes the records of its own kind.
_WRITERS: Mapping[type[Schema], Any] = {
    ProvenanceRecord: _write_provenances,
    VerdictRecord: _write_verdicts,
    RunRecord: _write_runs,
    MeasurementRecord: _write_measurements,
    FailureRecord: _write_failures,
}
