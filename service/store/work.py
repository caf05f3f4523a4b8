"""Work: runs claimed, kept alive, measured, and taken back from workers that died.

The one idea: every call may be repeated. A claim id gets the same runs and tokens again, a report
counts once by (run, token, seq); whoever lost its lease is told to stop. Workers may
serve all projects, so they name runs; the token proves the rest.
Not here: what tokens mean (`leases`), the ends of runs (`outcomes.tell`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from service.store import leases, models, outcomes
from service.store.claims import Claim, ClaimedRun, claim, has_queued
from service.store.clock import now
from service.store.leases import Reply, Status, Stop
from service.store.locks import lock_runs, lock_studies_of
from tuning.documents import write_number
from tuning.errors import InvalidValue
from tuning.records import RunState

__all__ = [
    "Beat",
    "Claim",
    "ClaimedRun",
    "Reply",
    "Report",
    "Status",
    "Stop",
    "bereave",
    "claim",
    "has_queued",
    "heartbeat",
    "report",
    "requeue",
    "sweep",
]


@dataclass(frozen=True, slots=True)
class Beat:
    """A run that is still being trained."""

    run: str
    token: str


@dataclass(frozen=True, slots=True)
class Report:
    """Measurements of a run: `values[name][i]` after `steps[i]` updates, None if not finite.

    `seq` numbers the reports of one lease, so that a repetition is recognised.
    """

    run: str
    token: str
    seq: int
    steps: Sequence[int]
    values: Mapping[str, Sequence[float | None]]


def heartbeat(
    session: Session, beats: Sequence[Beat], lease_seconds: float, project: str | None = None
) -> list[Reply]:
    """Extend leases; one reply per beat, which says `stop` if the lease is lost.

    Of the runs of one project, if it is named.
    """
    runs = lock_runs(session, {beat.run for beat in beats}, project)
    until = now(session) + timedelta(seconds=lease_seconds)
    replies = []
    for beat in beats:
        refusal = leases.refuse(runs, beat.run, beat.token)
        if refusal is None:
            runs[beat.run].lease_until = until
        replies.append(refusal or Reply(beat.run, Status.OK))
    session.flush()
    return replies


def report(session: Session, reports: Sequence[Report], project: str | None = None) -> list[Reply]:
    """Store measurements; one reply per report; of the runs of one project, if it is named.

    Raises InvalidValue naming the report whose columns differ in length from its steps.
    """
    for position, one in enumerate(reports):
        _check_columns(one, f"reports[{position}]")
    runs = lock_runs(session, {one.run for one in reports}, project)
    known = _known_reports(session, runs)
    replies = [_store_report(session, one, runs, known) for one in reports]
    session.flush()
    return replies


def sweep(session: Session, *, max_attempts: int) -> int:
    """Take back every run whose lease expired; returns how many."""
    at = now(session)
    expired = (models.Run.state == RunState.LEASED) & (models.Run.lease_until <= at)
    return _take_back(session, expired, at, lambda run: outcomes.lose(run, at, max_attempts))


def requeue(session: Session, worker: str) -> int:
    """Take back what the local worker of an earlier server held, not as an attempt.

    Returns how many.
    """
    return _take_back(session, _held_by(worker), now(session), leases.take_back)


def bereave(session: Session, worker: str, *, max_attempts: int) -> int:
    """Take back at once what a local worker that just died held; returns how many.

    Only for a run that was alone on it is it an attempt; the others are alone from now on.
    """
    at = now(session)
    return _take_back(
        session, _held_by(worker), at, lambda run: outcomes.bereave(run, at, max_attempts)
    )


def _held_by(worker: str) -> ColumnElement[bool]:
    return (models.Run.state == RunState.LEASED) & (models.Run.worker == worker)


def _take_back(
    session: Session, which: ColumnElement[bool], at: datetime, how: Callable[[models.Run], None]
) -> int:
    names = session.scalars(select(models.Run.id).where(which)).all()
    if not names:
        return 0
    locked = lock_studies_of(session, names)
    lock_runs(session, names)
    # Asked again under the locks: a heartbeat or a tell may have come first.
    still = session.scalars(
        select(models.Run).where(models.Run.id.in_(names), which).order_by(models.Run.id)
    ).all()
    for run in still:
        how(run)
    outcomes.follow(session, locked, still, at)
    return len(still)


def _check_columns(one: Report, where: str) -> None:
    for name, column in one.values.items():
        if len(column) != len(one.steps):
            allowed = f"{len(one.steps)} values, one per step"
            raise InvalidValue(f"{where}.values.{name}", f"{len(column)} values", allowed)


def _known_reports(session: Session, runs: Mapping[str, models.Run]) -> set[tuple[str, int, int]]:
    row = models.Measurement
    query = select(row.run, row.lease, row.seq).where(
        row.project.in_({run.project for run in runs.values()}),
        row.study.in_({run.study for run in runs.values()}),
        row.run.in_(runs),
    )
    return set(session.execute(query))


def _store_report(
    session: Session,
    one: Report,
    runs: Mapping[str, models.Run],
    known: set[tuple[str, int, int]],
) -> Reply:
    run = runs.get(one.run)
    # A report may arrive after the end that its own token told.
    is_late = run is not None and run.told_token == one.token and RunState(run.state).is_final
    refusal = None if is_late else leases.refuse(runs, one.run, one.token)
    if run is None or refusal is not None:
        return refusal or Reply(one.run, Status.STALE, Stop.FENCED)
    key = (run.id, run.lease, one.seq)
    if key in known:
        return Reply(one.run, Status.DUPLICATE)
    known.add(key)
    session.add(
        models.Measurement(
            project=run.project,
            study=run.study,
            run=run.id,
            lease=run.lease,
            seq=one.seq,
            data=_columns(one),
        )
    )
    return Reply(one.run, Status.OK)


def _columns(one: Report) -> dict[str, Any]:
    return {
        "steps": list(one.steps),
        "values": {
            name: [None if value is None else write_number(value) for value in column]
            for name, column in one.values.items()
        },
    }
