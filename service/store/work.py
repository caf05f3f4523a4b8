"""Work: runs claimed, kept alive, measured, and taken back from workers that died.

The one idea: every call may be repeated. A claim id gets the same runs and tokens again, a report
counts once by (run, token, seq); whoever lost its lease is told to stop. Workers may
serve all projects, so they name runs; the token proves the rest.
Not here: what tokens mean (`leases`), the ends of runs (`outcomes.tell`), how measurements are kept
(`measurements`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from service.store import leases, models, outcomes
from service.store.claims import Claim, ClaimedRun, claim, has_queued
from service.store.clock import now
from service.store.leases import Reply, Status, Stop
from service.store.locks import lock_runs, lock_studies_of
from service.store.measurements import Report, report

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
    "shorten",
    "sweep",
]


@dataclass(frozen=True, slots=True)
class Beat:
    """A run that is still being trained."""

    run: str
    token: str


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


def sweep(session: Session, *, max_attempts: int, at: datetime | None = None) -> int:
    """Take back every run whose lease has expired by a moment, or by now; returns how many."""
    at = at or now(session)
    expired = leases.IS_LEASED & (models.Run.lease_until <= at)
    return _take_back(session, expired, at, lambda run: outcomes.lose(run, at, max_attempts))


def shorten(session: Session, lease_seconds: float) -> None:
    """Let no lease last longer than one that is granted now: the clock was set back."""
    until = now(session) + timedelta(seconds=lease_seconds)
    run = models.Run
    session.execute(
        update(run).where(leases.IS_LEASED, run.lease_until > until).values(lease_until=until)
    )


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
    return leases.IS_LEASED & (models.Run.worker == worker)


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
