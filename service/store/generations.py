"""Generations: what the planner reads and what it inserts.

The one idea: the generation to come is a number on the study's row; inserting it moves the number
on under the row's lock, so the second replica that computed the same generation changes nothing.
Not here: what a generation consists of (`tuning.search.policy`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ScalarSelect, and_, func, select
from sqlalchemy import insert as insert_rows
from sqlalchemy.orm import Session

from service.errors import Conflict
from service.store import deadlines, leases, models, outcomes, quotas, studies
from service.store.clock import now
from service.store.locks import lock_study
from service.store.queues import ACTIVE
from tuning.records import Phase, RunState, StudyState, TrialState, move

Document = Mapping[str, Any]

OPEN = (RunState.QUEUED, RunState.LEASED)
_ADD_TRIALS = insert_rows(models.table_of(models.Trial))
_ADD_RUNS = insert_rows(models.table_of(models.Run))


@dataclass(frozen=True, slots=True)
class Frontier:
    """Where an active study stands.

    `next_generation` is the first one not inserted; all runs of generations up to
    `settled_generation` (-1 if none) have ended. Its search ended at `closed_from`, if not None.
    """

    project: str
    study: str
    state: StudyState
    revision: int
    next_generation: int
    settled_generation: int
    closed_from: int | None = None


def frontiers(session: Session, only: tuple[str, str] | None = None) -> list[Frontier]:
    """The frontier of every study that is running or confirming, oldest study first.

    Of one alone, if its project and id are given.
    """
    study = models.Study
    mine = () if only is None else (study.project == only[0], study.id == only[1])
    rows = session.execute(
        select(
            study.project,
            study.id,
            study.state,
            study.revision,
            study.next_generation,
            study.closed_from,
            *(_first(state) for state in OPEN),
        )
        .where(study.state.in_(ACTIVE), *mine)
        .order_by(study.created, study.id)
    )
    return [
        Frontier(
            project,
            name,
            StudyState(state),
            revision,
            coming,
            min((one for one in first_open if one is not None), default=coming) - 1,
            closed_from,
        )
        for project, name, state, revision, coming, closed_from, *first_open in rows
    ]


def _first(state: RunState) -> ScalarSelect[Any]:
    """The first generation of a study with a run in a state: one look, however many there are."""
    study, run = models.Study, models.Run
    return (
        select(func.min(run.generation))
        .where(run.project == study.project, run.study == study.id, run.state == state)
        .scalar_subquery()
    )


def insert(
    session: Session,
    project: str,
    study: str,
    generation: int,
    trials: Sequence[Document],
    runs: Sequence[Document],
    *,
    confirming: bool,
    pruned: Collection[int] = (),
    reason: str = "",
) -> bool:
    """Queue the runs of a generation.

    Args:
        session: a writing session.
        project: whose study it is.
        study: its id.
        generation: its number; generations come one by one.
        trials: trials that are new, as `tuning.documents` writes them, since they are stored so.
        runs: runs to queue, of these or of earlier trials, likewise.
        confirming: whether this is the confirmation, which the study then is in.
        pruned: trials that the generation drops.
        reason: why the search ended, with the confirmation.

    Returns:
        Whether it was inserted; False, with nothing changed, if it is there already, the study is
        neither running nor confirming, or it is of a search that was closed.

    Raises NotFound, and Conflict if an earlier generation is missing.
    """
    row = lock_study(session, project, study)
    if row.state not in ACTIVE or generation < row.next_generation:
        return False
    if generation > row.next_generation:
        raise Conflict(f"generation {generation} of {study!r} comes before {row.next_generation}")
    if row.closed_from is not None and not confirming:
        return False
    for command, rows in (  # runs refer to trials
        (_ADD_TRIALS, [_trial_row(project, study, trial) for trial in trials]),
        (_ADD_RUNS, [_run_row(project, study, run) for run in runs]),
    ):
        if rows:
            session.execute(command, rows)
    _drop(session, row, generation, pruned)
    row.next_generation += 1
    row.search_steps += sum(run["updates"] for run in runs if run["phase"] != Phase.CONFIRM)
    row.evidence_steps += sum(run["updates"] for run in runs if run["phase"] == Phase.CONFIRM)
    at = now(session)
    data: dict[str, Any] = {"generation": generation, "trials": len(trials), "runs": len(runs)}
    if pruned:
        data["pruned"] = sorted(pruned)
    if confirming:
        if row.state != StudyState.CONFIRMING:
            row.state = move(StudyState(row.state), StudyState.CONFIRMING)
            row.end_reason = reason
            deadlines.halt(row, at)
            data["reason"] = reason
        # Now it is known: the search may have ended early, the winner may be a baseline.
        session.flush()
        row.expected_runs = _count_runs(session, row)
    data["state"] = row.state
    studies.note(session, row, "planned", data, at)
    _drop_cancelled(session, row, generation, at)
    return True


def complete(session: Session, project: str, study: str, verdict: Mapping[str, Any]) -> bool:
    """Store the verdict of a study whose runs have all ended, and complete it.

    Returns False, with nothing changed, if the study is neither running nor confirming any more.
    Raises NotFound, and Conflict if a run has not ended.
    """
    row = lock_study(session, project, study)
    if row.state not in ACTIVE:
        return False
    if _has_open_runs(session, row):
        raise Conflict(f"study {study!r} has runs that have not ended")
    at = now(session)
    row.state = move(StudyState(row.state), StudyState.COMPLETED)
    row.verdict = dict(verdict)
    winner = next(iter(verdict.get("arms", ())), None)
    # What was confirmed need not be what led the search; else its leader stands, with its value.
    if winner is not None and winner["validation"] is not None:
        row.best_trial = verdict["trial"]
    row.finished = at
    row.eta = None
    quotas.settle(session, row)
    studies.note(session, row, "completed", {"state": row.state}, at)
    return True


def _drop(session: Session, row: models.Study, generation: int, pruned: Collection[int]) -> None:
    """Conclude trials that the search takes no further."""
    if not pruned:
        return
    trial = models.Trial
    mine = (trial.project == row.project, trial.study == row.id, trial.number.in_(pruned))
    for one in session.scalars(select(trial).where(*mine).order_by(trial.number)):
        one.pruned_in = generation
        if TrialState(one.state) in {TrialState.PROPOSED, TrialState.RUNNING}:
            one.state = move(TrialState(one.state), TrialState.PRUNED)


def _drop_cancelled(session: Session, row: models.Study, generation: int, at: datetime) -> None:
    """Cancel runs of trials that were cancelled while the generation was computed."""
    run, trial = models.Run, models.Trial
    of = (trial.project == run.project, trial.study == run.study, trial.number == run.trial)
    mine = (run.project == row.project, run.study == row.id, run.generation == generation)
    dropped = session.scalars(
        select(run).join(trial, and_(*of)).where(*mine, trial.state == TrialState.CANCELLED)
    ).all()
    for one in dropped:
        one.state = move(RunState(one.state), RunState.CANCELLED)
        one.finished = at
    if dropped:
        outcomes.follow(session, {row.id: row}, dropped, at)


def _count_runs(session: Session, row: models.Study) -> int:
    run = models.Run
    query = select(func.count()).where(run.project == row.project, run.study == row.id)
    return session.scalar(query) or 0


def _has_open_runs(session: Session, row: models.Study) -> bool:
    run = models.Run
    query = select(run.id).where(
        run.project == row.project, run.study == row.id, run.state.in_(OPEN)
    )
    return session.scalar(query.limit(1)) is not None


def _trial_row(project: str, study: str, trial: Document) -> Document:
    identity = trial["schedule"]["identity"]
    state = TrialState.PROPOSED
    return {**trial, "project": project, "study": study, "state": state, "identity": identity}


def _run_row(project: str, study: str, run: Document) -> Document:
    return {
        **run,
        "id": f"{study}.{run['generation']}.{run['index']}",
        "project": project,
        "study": study,
        "state": RunState.QUEUED,
        "attempt": 0,
        "lease": 0,
        "isolation": leases.Isolation.NONE,
    }
