"""Stalls: studies to which nothing happens, and why.

The one idea: everything that happens to a study is an event, so one whose last event is old, and of
which no run is being trained, makes no progress; why is seen from its queue and from the workers
that asked for work lately. Finding out only reads; a stall is written down once, as an event.
Not here: how a stall is shown and ends (`conditions`).
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.orm import Session

from service.store import conditions, models, studies
from service.store.claims import ACTIVE
from service.store.clock import now
from service.store.conditions import Stall
from service.store.leases import Isolation
from service.store.locks import hold_name, lock_study
from tuning.records import RunState

PRESENT_SECONDS = 60.0  # a worker that asked for work since then is there
FORGET_SECONDS = 86_400.0
EVENT = "stalled"


def attend(session: Session, project: str, worker: str, objectives: Collection[str] | None) -> None:
    """Note that a worker asks for work, and what it can train; anything if None."""
    hold_name(session, "claim", worker)  # two of its claims may come at once
    at = now(session)
    told = None if objectives is None else sorted(objectives)
    session.merge(models.Worker(project=project, name=worker, objectives=told, seen=at))
    old = at - timedelta(seconds=FORGET_SECONDS)
    session.execute(
        delete(models.Worker).where(models.Worker.project == project, models.Worker.seen < old)
    )


def find(session: Session, seconds: float) -> list[tuple[str, str, Stall]]:
    """Project, id and reason of the studies to which nothing happened for so long.

    Those that are known to stall for this reason are left out.
    """
    at = now(session)
    study, run, event = models.Study, models.Run, models.Event
    leased = (
        select(run.id)
        .where(run.project == study.project, run.study == study.id, run.state == RunState.LEASED)
        .exists()
    )
    is_last = and_(
        event.project == study.project,
        event.study == study.id,
        event.revision == study.revision,
    )
    is_old = or_(event.kind == EVENT, event.at <= at - timedelta(seconds=seconds))
    rows = session.scalars(
        select(study).join(event, is_last).where(study.state.in_(ACTIVE), is_old, ~leased)
    ).all()
    found = [(row, _why(session, row, at)) for row in rows]
    return [(row.project, row.id, stall) for row, stall in found if not _is_known(row, stall)]


def note(session: Session, project: str, study: str, stall: Stall) -> None:
    """Write down that a study stalls, unless something happened to it."""
    row = lock_study(session, project, study)
    if row.state in ACTIVE:
        data = {"state": row.state, "reason": stall.reason, "message": stall.message}
        studies.note(session, row, EVENT, data, now(session), stall=stall)


def _is_known(row: models.Study, stall: Stall) -> bool:
    return any(
        one.type == conditions.STALLED
        and one.status
        and (one.reason, one.message) == (stall.reason, stall.message)
        for one in conditions.read(row)
    )


def _why(session: Session, row: models.Study, at: datetime) -> Stall:
    run = models.Run
    mine = (run.project == row.project, run.study == row.id, run.state == RunState.QUEUED)
    is_lost = or_(run.attempt > 0, run.isolation == Isolation.WORKER)
    queued = session.scalar(select(func.count()).where(*mine)) or 0
    lost = session.scalar(select(func.count()).where(*mine, is_lost)) or 0
    if not queued:
        return Stall("NotPlanned", "no run is queued: the planner has not answered")
    present = _present(session, at)
    if lost and not present:
        return Stall(
            "LeasesExpired",
            f"the workers of {lost} of {queued} queued runs were lost, and none asks for work",
        )
    if not present:
        hint = "start one with `glideslope worker`"
        return Stall("NoWorker", f"no worker asks for work: {hint}")
    offering = [one for one in present if one is None or row.objective in one]
    if not offering:
        return Stall("NotOffered", f"none of {len(present)} workers offers {row.objective}")
    if lost:
        return Stall("LeasesExpired", f"the workers of {lost} of {queued} queued runs were lost")
    return Stall("NotClaimed", f"{len(offering)} workers offer {row.objective}, and none is free")


def _present(session: Session, at: datetime) -> list[Collection[str] | None]:
    """What the workers that are there offer: they asked lately, or train something."""
    worker, run = models.Worker, models.Run
    busy = select(run.worker).where(run.state == RunState.LEASED).distinct()
    since = at - timedelta(seconds=PRESENT_SECONDS)
    query = select(worker.objectives).where(or_(worker.seen >= since, worker.name.in_(busy)))
    return list(session.scalars(query))
