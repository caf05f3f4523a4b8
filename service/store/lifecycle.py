"""The lifecycle of a study: pause, resume, stop, cancel, extend, fail, delete.

The one idea: each call moves the locked study along the table of legal moves and does at once what
the new state promises; a study that is there already is left as it is, so every call may be
repeated.
Not here: how a study moves by itself (`generations`), what a deadline does (`deadlines`).
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, func, select, update
from sqlalchemy import delete as remove
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.store import (
    changes,
    datasets,
    deadlines,
    history,
    idempotency,
    models,
    outcomes,
    quotas,
    webhooks,
)
from service.store.clock import now
from service.store.failure_models import Failure
from service.store.identity_models import SharedStudy
from service.store.list_models import StudyWords
from service.store.locks import lock_runs, lock_study
from service.store.queues import ACTIVE
from service.store.studies import Study, estimate_end, note, to_study
from service.store.timeouts import lift
from tuning import rounds
from tuning.documents import read_spec, write_extension, write_spec
from tuning.records import Extension, Phase, RunState, StudySpec, StudyState, TrialState, move
from tuning.states import Call, check_call

STOPPED = "the search was stopped"
# Tables of what belongs to a study, whatever points to another before that.
PARTS = (
    Failure,
    models.Measurement,
    models.Run,
    models.Trial,
    models.Event,
    models.Verdict,
    SharedStudy,
    StudyWords,
)


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


def delete(session: Session, project: str, study: str) -> None:
    """Remove a study that ended, with all that belongs to it.

    What it read of test data stays noted. Raises NotFound, and IllegalCall unless it ended.
    """
    lift(session.connection())
    row = lock_study(session, project, study)
    check_call(StudyState(row.state), Call.DELETE)
    for table in PARTS:
        session.execute(remove(table).where(table.project == row.project, table.study == row.id))
    webhooks.forget(session, project, study)
    idempotency.void(session, project, study)
    session.delete(row)
    changes.note_deleted(session, project, study)
    session.flush()


def cancel_trial(session: Session, project: str, study: str, number: int) -> history.TrialRow:
    """Drop a trial: its tokens die, and the search goes on without it.

    It was one of the budget, and says nothing about its schedule. A cancelled trial stays as it is.
    Raises NotFound, and IllegalMove if the trial ended otherwise.
    """
    row = lock_study(session, project, study)
    trial = session.get(models.Trial, (project, study, number))
    if trial is None:
        raise NotFound("trial", f"{study}/{number}")
    if trial.state != TrialState.CANCELLED:
        at = now(session)
        trial.state = move(TrialState(trial.state), TrialState.CANCELLED)
        trial.pruned_in = row.next_generation
        dropped = _open_runs(session, row, number)
        for run in dropped:
            run.state = move(RunState(run.state), RunState.CANCELLED)
            run.token = run.lease_until = None
            run.finished = at
        note(session, row, "trial_cancelled", {"trial": number}, at)
        outcomes.follow(session, {row.id: row}, dropped, at)
    return history.trial(session, project, study, number)


def _open_runs(session: Session, row: models.Study, trial: int) -> list[models.Run]:
    """The runs of a trial that have not ended, locked."""
    run = models.Run
    names = session.scalars(
        select(run.id).where(run.project == row.project, run.study == row.id, run.trial == trial)
    ).all()
    locked = lock_runs(session, names).values()
    return [one for one in locked if not RunState(one.state).is_final]


def extend(
    session: Session,
    project: str,
    study: str,
    *,
    expect: Callable[[StudySpec], int],
    allow: Callable[[StudySpec], int] = lambda spec: spec.budget.trials,
    trials: int | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    evidence_budget: int | None = None,
) -> Study:
    """Let a study that has its verdict search on with a larger budget; another verdict follows.

    The budget is told in all, not as what is added, so the call may be repeated.

    Args:
        session: a writing session.
        project: whose study it is.
        study: its id.
        expect: how many runs a study makes in all if nothing is cut short and it is judged once.
        allow: how many trials it may make in all.
        trials: see `tuning.rounds.extend`, likewise the others.
        steps: updates.
        seconds: unpaused wall time.
        evidence_budget: updates of the next confirmation.

    Raises NotFound, IllegalCall unless the study is completed, and InvalidValue unless the budget
    grows and its dataset is still there.
    """
    row = lock_study(session, project, study)
    spec = read_spec(row.spec)
    wish = {"trials": trials, "steps": steps, "seconds": seconds}
    has = {**asdict(spec.budget), "evidence_budget": spec.evidence_budget}
    asked = {**wish, "evidence_budget": evidence_budget}
    if row.extensions and all(value in {None, has[name]} for name, value in asked.items()):
        return to_study(row)
    check_call(StudyState(row.state), Call.EXTEND)
    datasets.hold(session, project, spec)
    larger = rounds.extend(
        spec, trials=trials, steps=steps, seconds=seconds, evidence_budget=evidence_budget
    )
    _begin_round(session, row, spec, larger, now(session))
    row.expected_runs = expect(larger) + _count_confirmed(session, row)
    row.trial_limit = max(row.trial_limit, allow(larger))
    row.eta = estimate_end(row, now(session))
    return to_study(row)


def _begin_round(
    session: Session, row: models.Study, spec: StudySpec, larger: StudySpec, at: datetime
) -> None:
    number = len(row.extensions) + 1
    session.add(
        models.Verdict(
            project=row.project,
            study=row.id,
            number=number,
            document=row.verdict or {},
            at=row.finished or at,
        )
    )
    extension = Extension(
        row.next_generation,
        spec.budget,
        spec.evidence_budget,
        row.closed_from,
        row.closed_because or "",
    )
    row.extensions = [*row.extensions, write_extension(extension)]
    row.spec = write_spec(larger)
    row.closed_from = row.closed_because = row.end_reason = row.curves_left = None
    row.best_trial = _leader(session, row)
    row.state = move(StudyState(row.state), StudyState.RUNNING)
    if row.finished is not None:
        row.idle_seconds += (at - row.finished).total_seconds()
        row.finished = None
    if row.search_left is not None:
        row.search_left += (larger.budget.seconds or 0.0) - (spec.budget.seconds or 0.0)
    deadlines.go_on(row, at)
    if row.deadline is not None and row.deadline <= at:
        row.deadline = None  # whoever extends a study wants it to go on
    note(session, row, "extended", {"state": row.state, "budget": asdict(larger.budget)}, at)


def _leader(session: Session, row: models.Study) -> int | None:
    """The trial that the search holds for the best: its value is the study's best value."""
    if row.best_value is None:
        return None  # in the database no value would be equal to that of trials without one
    trial = models.Trial
    query = select(func.min(trial.number)).where(
        trial.project == row.project, trial.study == row.id, trial.value == row.best_value
    )
    return session.scalar(query)


def _count_confirmed(session: Session, row: models.Study) -> int:
    """Runs of the confirmations until now."""
    run = models.Run
    query = select(func.count()).where(
        run.project == row.project, run.study == row.id, run.phase == Phase.CONFIRM
    )
    return session.scalar(query) or 0


def fail(session: Session, project: str, study: str, error: str) -> Study:
    """Give a study up that is running or confirming, saying why.

    Any other stays as it is: one that was paused meanwhile is asked about again once it goes on.
    Raises NotFound.
    """
    row = lock_study(session, project, study)
    if row.state in ACTIVE:
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
    row.eta = estimate_end(row, at)
    note(session, row, "resumed", {"state": row.state}, at)


def _end(session: Session, row: models.Study, state: StudyState, data: Mapping[str, Any]) -> None:
    """Move a locked study to an end without a verdict; the tokens of its runs die."""
    at = now(session)
    row.state = move(StudyState(row.state), state)
    row.finished = at
    row.paused = None
    row.eta = None
    row.finished_runs += _drop_runs(session, row, at)
    quotas.settle(session, row)
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
