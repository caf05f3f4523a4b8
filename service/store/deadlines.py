"""Deadlines: after its time is up a study starts no run of the search.

The one idea: the moment is on the study's row, and whoever would hand out a run looks at it under
the row's lock, so no run starts a moment late; closing drops what is queued, lets finish what runs,
and stores from which generation on the policy plans no more. Time stands still while the study is
paused: then the row holds what is left of it. A deadline is a moment that nothing moves.
Not here: what follows (the policy confirms what there is), who else closes (`lifecycle.stop`).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.store import models, outcomes, studies
from service.store.clock import now
from service.store.locks import lock_runs, lock_study
from tuning.records import TIME_IS_UP, Phase, RunState, StudyState, move

PASSED = "its deadline passed"


def start(row: models.Study, at: datetime) -> None:
    """Note when the time of a study that starts now is up."""
    row.search_left = row.spec["budget"].get("seconds")
    go_on(row, at)


def halt(row: models.Study, at: datetime) -> None:
    """Let time stand still."""
    if row.search_until is not None:
        row.search_left = (row.search_until - at).total_seconds()
        row.search_until = None


def go_on(row: models.Study, at: datetime) -> None:
    """Let time pass again."""
    if row.search_left is not None:
        row.search_until = at + timedelta(seconds=row.search_left)
        row.search_left = None


def overdue(session: Session) -> list[tuple[str, str]]:
    """Project and id of the studies whose time is up and which are not closed yet."""
    study, at = models.Study, now(session)
    query = select(study.project, study.id).where(
        study.state == StudyState.RUNNING,
        study.closed_from.is_(None),
        or_(study.search_until <= at, study.deadline <= at),
    )
    return [(project, name) for project, name in session.execute(query)]


def enforce(session: Session, project: str, study: str) -> None:
    """Close the search of a study whose time is up; does nothing if it is not."""
    keep(session, lock_study(session, project, study))


def keep(session: Session, row: models.Study) -> None:
    """Close the search of a locked study if its time is up; drop what is queued of a closed one.

    What came back to the queue since, from a worker that was lost, is dropped as well.
    """
    times = (row.closed_from, row.search_until, row.deadline)
    if row.state != StudyState.RUNNING or all(one is None for one in times):
        return  # and asks no clock: every claim comes here
    at = now(session)  # with the lock in hand: it may have been waited for
    if row.closed_from is not None:
        _drop_queued(session, row, at)
    elif row.search_until is not None and at >= row.search_until:
        close(session, row, at, TIME_IS_UP)
    elif row.deadline is not None and at >= row.deadline:
        close(session, row, at, PASSED)


def close(session: Session, row: models.Study, at: datetime, reason: str) -> None:
    """End the search of a locked study: nothing more is planned for it or handed out."""
    row.closed_from = row.next_generation
    row.closed_because = reason
    data = {"closed_from": row.closed_from, "reason": reason, "state": row.state}
    studies.note(session, row, "closed", data, at)
    _drop_queued(session, row, at)


def _drop_queued(session: Session, row: models.Study, at: datetime) -> None:
    dropped = _queued(session, row)
    for run in dropped:
        run.state = move(RunState(run.state), RunState.CANCELLED)
        run.finished = at
    if dropped:
        session.flush()
        outcomes.follow(session, {row.id: row}, dropped, at)


def _queued(session: Session, row: models.Study) -> Sequence[models.Run]:
    run = models.Run
    names = session.scalars(
        select(run.id).where(
            run.project == row.project,
            run.study == row.id,
            run.state == RunState.QUEUED,
            run.phase != Phase.CONFIRM,
        )
    ).all()
    locked = lock_runs(session, names).values()
    return [one for one in locked if one.state == RunState.QUEUED]
