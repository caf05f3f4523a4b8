"""Studies: create and read.

The one idea: whatever changes a study first locks its row (`lock_study`) and ends with `note`,
which increments the revision; all derived figures (finished runs, best, ETA) are kept on the row,
so that a status is one indexed read.
Not here: how runs move a study on (`outcomes`), how generations do (`generations`), how its user
does (`lifecycle`); what is polled (`glances`).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select
from sqlalchemy.orm import Session

from service.errors import Conflict, NotFound
from service.store import conditions, datasets, models, outbox, words
from service.store.clock import now
from service.store.conditions import Condition, Stall
from service.store.leads import Lead
from service.store.locks import lock_study
from tuning.documents import read_extension, read_spec, write_spec
from tuning.errors import InvalidValue
from tuning.evidence.words import note_origin
from tuning.records import Extension, StudySpec, StudyState, check_integer, check_number

ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
ID_LENGTH = 20  # 100 random bits
MAX_RUNS = 100_000_000
# Made once, for it is asked all the time.
_STANDING = select(models.Study.revision, models.Study.state).where(
    models.Study.project == bindparam("project"), models.Study.id == bindparam("study")
)
_ADD_EVENT = insert(models.table_of(models.Event))
PRIORITIES = (0.01, 100.0)


@dataclass(frozen=True, slots=True)
class Study:
    """One search as it stands.

    `search_steps` and `evidence_steps` are the updates of runs queued until now; `end_reason` says
    why the search ended. `eta` is the moment all expected runs will have ended at the pace so far;
    `best_value` is the lowest (highest, if the metric is maximised) score of the search, `leads`
    tell by which trials it came to be. Since `curves_purged_at` some of its curves are gone.
    """

    id: str
    project: str
    revision: int
    state: StudyState
    spec: StudySpec
    objective: str
    label: str
    next_generation: int
    expected_runs: int
    finished_runs: int
    best_trial: int | None
    best_value: float | None
    verdict: Mapping[str, Any] | None
    error: str | None
    eta: datetime | None
    created: datetime
    started: datetime | None
    finished: datetime | None
    search_steps: int = 0
    evidence_steps: int = 0
    end_reason: str | None = None
    priority: float = 1.0
    extensions: tuple[Extension, ...] = ()
    conditions: tuple[Condition, ...] = ()
    deadline: datetime | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""
    imported: Mapping[str, Any] | None = None
    leads: tuple[Lead, ...] = ()
    curves_purged_at: datetime | None = None

    @property
    def winner(self) -> Mapping[str, Any] | None:
        """The confirmed figures of the last verdict's winner, if it has a value."""
        arms = () if self.verdict is None else self.verdict.get("arms", ())
        return arms[0] if arms and arms[0]["validation"] is not None else None

    @property
    def recommended(self) -> Mapping[str, Any] | None:
        """The confirmed figures of what the last verdict recommends, if it has a value."""
        if self.verdict is None:
            return None
        trial = self.verdict["recommended"]["trial"]
        arm = next((arm for arm in self.verdict["arms"] if arm["trial"] == trial), None)
        return arm if arm is not None and arm["validation"] is not None else None

    @property
    def verdicts(self) -> int:
        """How many there are; the last one is `verdict`."""
        return len(self.extensions) + (self.state is StudyState.COMPLETED)


def create(
    session: Session,
    project: str,
    spec: StudySpec,
    *,
    expected_runs: int,
    trial_limit: int = 0,
    deadline: datetime | None = None,
    request: Mapping[str, Any] | None = None,
    labels: Mapping[str, str] | None = None,
    notes: str = "",
    priority: float = 1.0,
) -> Study:
    """Store a new study.

    Args:
        session: a writing session.
        project: whose study it is.
        spec: the complete specification.
        expected_runs: runs the study makes if nothing is cut short; the measure of progress.
        trial_limit: trials it may make; what counts of it while it has not ended.
        deadline: when its search ends at the latest.
        request: what its user wrote, for a clone.
        labels: the user's own words by the user's own names.
        notes: the user's own words, at length.
        priority: its weight beside the project's other studies when runs are handed out.

    Raises NotFound if there is no such project, InvalidValue if the deadline has passed, the
    priority is not from 0.01 to 100, or there is no such dataset.
    """
    check_number("priority", priority, *PRIORITIES)
    check_integer("expected_runs", expected_runs, 0, MAX_RUNS)
    if session.get(models.Project, project) is None:
        raise NotFound("project", project)
    at = now(session)
    check_deadline(deadline, at)
    datasets.hold(session, project, spec)
    row = models.Study(
        id=new_id(),
        project=project,
        revision=0,
        state=StudyState.RUNNING,
        spec=write_spec(spec),
        objective=spec.objective,
        is_external=spec.external is not None,
        priority=priority,
        label=spec.label,
        next_generation=0,
        expected_runs=expected_runs,
        trial_limit=trial_limit,
        stored_bytes=0,
        finished_runs=0,
        leads=[],
        search_steps=0,
        evidence_steps=0,
        idle_seconds=0.0,
        extensions=[],
        conditions=[],
        deadline=deadline,
        request=None if request is None else dict(request),
        labels=dict(labels or {}),
        notes=notes,
        created=at,
    )
    session.add(row)
    session.flush()
    words.write(session, row)
    note(session, row, "created", {"state": row.state, "expected_runs": expected_runs}, at)
    return to_study(row)


def new_id() -> str:
    """An id that no study has."""
    return "st_" + "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))


def hold(session: Session, project: str, study: str) -> int:
    """Lock a study until the transaction ends; returns its revision, or raises NotFound."""
    return lock_study(session, project, study).revision


def describe(
    session: Session,
    project: str,
    study: str,
    *,
    label: str | None = None,
    labels: Mapping[str, str] | None = None,
    notes: str | None = None,
    priority: float | None = None,
) -> Study:
    """Change the user's own words about a study, or its priority; None: as they are.

    Whatever its state. Raises NotFound, InvalidValue for a priority outside its range.
    """
    row = lock_study(session, project, study)
    before = (row.label, row.labels, row.notes, row.priority)
    if priority is not None:
        row.priority = check_number("priority", priority, *PRIORITIES)
    if label is not None:
        row.label = label
        row.spec = {**row.spec, "label": label}
    row.labels = row.labels if labels is None else dict(labels)
    row.notes = row.notes if notes is None else notes
    if (row.label, row.labels, row.notes, row.priority) != before:
        words.write(session, row)
        told = {"label": row.label, "labels": row.labels, "priority": row.priority}
        note(session, row, "described", {"state": row.state, **told}, now(session))
    return to_study(row)


def request_of(session: Session, project: str, study: str) -> Mapping[str, Any]:
    """What the user of a study wrote; raises NotFound, and Conflict if nobody kept it."""
    row = session.get(models.Study, (project, study))
    if row is None:
        raise NotFound("study", study)
    if row.request is None:
        raise Conflict(f"the request of study {study} was not kept: it is older than clones")
    return row.request


def check_deadline(deadline: datetime | None, at: datetime) -> None:
    """Refuse a deadline that has passed."""
    if deadline is not None and deadline <= at:
        raise InvalidValue("deadline", deadline.isoformat(), f"later than {at.isoformat()}")


def get(session: Session, project: str, study: str) -> Study:
    """A study of this project; raises NotFound."""
    row = session.get(models.Study, (project, study))
    if row is None:
        raise NotFound("study", study)
    return to_study(row)


def spec_of(session: Session, project: str, study: str) -> Mapping[str, Any]:
    """The spec of a study as it is written; raises NotFound."""
    row = session.get(models.Study, (project, study))
    if row is None:
        raise NotFound("study", study)
    return row.spec


def get_standing(connection: Connection, project: str, study: str) -> tuple[int, StudyState]:
    """The revision and the state of a study of this project, and nothing else; raises NotFound."""
    found = connection.execute(_STANDING, {"project": project, "study": study}).first()
    if found is None:
        raise NotFound("study", study)
    return found.revision, StudyState(found.state)


def purged_at(session: Session, project: str, study: str) -> datetime | None:
    """Since when some of the curves of a study are gone; None if none are."""
    row = models.Study
    return session.scalar(
        select(row.curves_purged_at).where(row.project == project, row.id == study)
    )


def check_exists(session: Session, project: str, study: str) -> None:
    """Raise NotFound unless the project has this study."""
    query = select(models.Study.id).where(models.Study.project == project, models.Study.id == study)
    if session.scalar(query) is None:
        raise NotFound("study", study)


def note(
    session: Session,
    row: models.Study,
    kind: str,
    data: Mapping[str, Any],
    at: datetime,
    *,
    stall: Stall | None = None,
) -> int:
    """Increment the revision of a locked study and write the event of that number.

    Its conditions follow; `stall` is told by an event that says nothing but that.
    """
    conditions.follow(row, at, stall)
    row.revision += 1
    event = {
        "project": row.project,
        "study": row.id,
        "revision": row.revision,
        "kind": kind,
        "data": dict(data),
        "at": at,
    }
    session.execute(_ADD_EVENT, event)
    outbox.enqueue(session, row, kind, data, at)
    session.flush()
    return row.revision


def estimate_end(study: models.Study, at: datetime) -> datetime | None:
    """When all expected runs will have ended at the pace so far; None if nobody can tell."""
    if study.started is None or study.finished_runs == 0 or study.paused is not None:
        return None
    remaining = max(0, study.expected_runs - study.finished_runs)
    busy = at - study.started - timedelta(seconds=study.idle_seconds)
    return at + busy / study.finished_runs * remaining


def to_study(row: models.Study, spec: StudySpec | None = None) -> Study:
    """The frozen value of a row, whose spec may have been read already."""
    return Study(
        id=row.id,
        project=row.project,
        revision=row.revision,
        state=StudyState(row.state),
        spec=read_spec(row.spec) if spec is None else spec,
        objective=row.objective,
        label=row.label,
        next_generation=row.next_generation,
        expected_runs=row.expected_runs,
        finished_runs=row.finished_runs,
        best_trial=row.best_trial,
        best_value=row.best_value,
        verdict=row.verdict and doubt(row, row.verdict),
        error=row.error,
        eta=row.eta,
        created=row.created,
        started=row.started,
        finished=row.finished,
        search_steps=row.search_steps,
        evidence_steps=row.evidence_steps,
        end_reason=row.end_reason,
        priority=row.priority,
        extensions=tuple(map(read_extension, row.extensions)),
        conditions=conditions.read(row),
        deadline=row.deadline,
        labels=row.labels,
        notes=row.notes,
        imported=row.imported,
        leads=tuple((number, value) for number, value in row.leads),
        curves_purged_at=row.curves_purged_at,
    )


def doubt(row: models.Study, document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A verdict as it is told: that of an imported study says that it is one."""
    if row.imported is None:
        return document
    return note_origin(document, row.imported["study"], row.imported["exported_at"])


def verdict(session: Session, project: str, study: str, number: int) -> Mapping[str, Any]:
    """A verdict of a study by its number, the first is 1; raises NotFound."""
    found = get(session, project, study)
    if number == found.verdicts and found.verdict is not None:
        return found.verdict
    row = session.get(models.Verdict, (project, study, number))
    if row is None:
        raise NotFound("verdict", f"{study}/{number}")
    return doubt(session.get_one(models.Study, (project, study)), row.document)
