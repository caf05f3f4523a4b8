"""The lifecycle of a study: pause, resume, stop, cancel, fail.

The one idea: each call moves the locked study along the table of legal moves and does at once what
the new state promises; a study that is there already is left as it is, so every call may be
repeated.
Not here: how a study moves by itself (`generations`), what a deadline does (`deadlines`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from service.store import deadlines, models, outcomes
from service.store.claims import ACTIVE
from service.store.clock import now
from service.store.locks import lock_study
from service.store.studies import Study, note, to_study
from tuning.records import RunState, StudyState, TrialState, move
from tuning.states import Call, check_call

STOPPED = "the search was stopped"


def pause(session: Session, project: str, study: str) -> Study:
    """Hand out nothing more; runs that are leased finish and count.

    A paused study stays as it is. Raises NotFound, and IllegalCall if the study ended.
    """
    row = lock_study(session, project, study)
    if row.state != StudyState.PAUSED:
        check_call(StudyState(row.state), Call.PAUSE)
        at = now(session)
        row.state = move(StudyState(row.state), StudyState.PAUSED)
        row.paused = at
        row.eta = None
        deadlines.halt(row, at)
        note(session, row, "paused", {"state": row.state}, at)
    return to_study(row)


def resume(session: Session, project: str, study: str) -> Study:
    """Go on where the study was paused.

    A study that runs stays as it is. Raises NotFound, and IllegalCall if the study ended.
    """
    row = lock_study(session, project, study)
    if row.state not in ACTIVE:
        check_call(StudyState(row.state), Call.RESUME)
        _wake(session, row, now(session))
    return to_study(row)


def stop(session: Session, project: str, study: str) -> Study:
    """End the search: what is queued of it is dropped, what runs finishes, confirmation follows.

    A paused study goes on to do so; one that was stopped, or confirms, stays as it is. Raises
    NotFound, and IllegalCall if the study ended otherwise.
    """
    row = lock_study(session, project, study)
    state = StudyState(row.state)
    was_closed = row.closed_from is not None
    if state is StudyState.CONFIRMING or (was_closed and state is not StudyState.PAUSED):
        return to_study(row)
    check_call(state, Call.STOP)
    at = now(session)
    if state is StudyState.PAUSED:
        _wake(session, row, at)
    if row.state == StudyState.RUNNING and not was_closed:
        deadlines.close(session, row, at, STOPPED)
    return to_study(row)


def cancel(session: Session, project: str, study: str) -> Study:
    """Drop what runs and is queued; no verdict follows.

    A cancelled study stays as it is. Raises NotFound, and IllegalCall if it ended otherwise.
    """
    row = lock_study(session, project, study)
    if row.state != StudyState.CANCELLED:
        check_call(StudyState(row.state), Call.CANCEL)
        _end(session, row, StudyState.CANCELLED, {})
    return to_study(row)


def fail(session: Session, project: str, study: str, error: str) -> Study:
    """Give a study up, saying why.

    A study that ended before stays as it is. Raises NotFound.
    """
    row = lock_study(session, project, study)
    if not StudyState(row.state).is_final:
        row.error = error
        _end(session, row, StudyState.FAILED, {"error": error})
    return to_study(row)


def _wake(session: Session, row: models.Study, at: datetime) -> None:
    """Let a paused study go on, with whatever it was doing."""
    is_confirming = row.end_reason is not None
    after = StudyState.CONFIRMING if is_confirming else StudyState.RUNNING
    row.state = move(StudyState(row.state), after)
    if row.paused is not None:
        row.idle_seconds += (at - row.paused).total_seconds()
        row.paused = None
    if not is_confirming:
        deadlines.go_on(row, at)
    row.eta = outcomes.estimate_end(row, at)
    note(session, row, "resumed", {"state": row.state}, at)


def _end(session: Session, row: models.Study, state: StudyState, data: Mapping[str, Any]) -> None:
    """Move a locked study to an end without a verdict; the tokens of its runs die."""
    at = now(session)
    row.state = move(StudyState(row.state), state)
    row.finished = at
    row.paused = None
    row.eta = None
    row.finished_runs += _drop_runs(session, row, at)
    note(session, row, str(state), {"state": str(state), **data}, at)


def _drop_runs(session: Session, row: models.Study, at: datetime) -> int:
    """Cancel every run that has not ended, and every trial; returns how many runs that were."""
    run, trial = models.Run, models.Trial
    mine = (
        run.project == row.project,
        run.study == row.id,
        run.state.in_((RunState.QUEUED, RunState.LEASED)),
    )
    session.execute(select(run.id).where(*mine).order_by(run.id).with_for_update())
    dropped = session.execute(
        update(run)
        .where(*mine)
        .values(state=RunState.CANCELLED, token=None, lease_until=None, finished=at)
    )
    session.execute(
        update(trial)
        .where(
            trial.project == row.project,
            trial.study == row.id,
            trial.state.in_((TrialState.PROPOSED, TrialState.RUNNING)),
        )
        .values(state=TrialState.CANCELLED)
    )
    return cast("CursorResult[Any]", dropped).rowcount
