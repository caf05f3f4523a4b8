"""Stalls: studies to which nothing happens, and why.

The one idea: everything that happens to a study is an event, so one whose last event is old, and of
which no run is being trained, makes no progress; why is seen from its queue and from the workers
that asked for work lately. Finding out only reads; a stall is written down once, as an event.
Not here: how a stall is shown and ends (`conditions`).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, or_, select
from sqlalchemy.orm import Session

from service.store import conditions, models, queues, studies
from service.store.clock import now
from service.store.conditions import Stall
from service.store.leases import IS_LEASED
from service.store.locks import hold_name, lock_study
from service.store.queues import ACTIVE, Queue
from tuning.records import RunState

PRESENT_SECONDS = 60.0  # a worker that asked for work since then is there
FORGET_SECONDS = 86_400.0
EVENT = "stalled"


def attend(
    session: Session,
    project: str,
    worker: str,
    objectives: Collection[str] | None,
    *,
    all_projects: bool = True,
) -> None:
    """Note that a worker asks for work, and what it can train, anything if None, for whom."""
    hold_name(session, "claim", worker)  # two of its claims may come at once
    at = now(session)
    told = None if objectives is None else sorted(objectives)
    session.merge(
        models.Worker(
            project=project, name=worker, objectives=told, all_projects=all_projects, seen=at
        )
    )
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
    rows = session.execute(
        select(study.project, study.id, study.objective, study.is_external, study.conditions)
        .join(event, is_last)
        .where(study.state.in_(ACTIVE), is_old, ~leased)
    ).all()
    if not rows:
        return []
    waiting = {(one.project, one.study): one for one in queues.of_active_studies(session)}
    present = _present(session, at)
    found = []
    for project, name, objective, is_external, known in rows:
        for_it = [offer for owner, offer in present if owner in {None, project}]
        stall = _why(objective, waiting.get((project, name)), for_it, is_external=is_external)
        if not _is_known(known, stall):
            found.append((project, name, stall))
    return found


def note(session: Session, project: str, study: str, stall: Stall) -> None:
    """Write down that a study stalls, unless it ended, or another server has done so."""
    row = lock_study(session, project, study)
    if row.state in ACTIVE and not _is_known(row.conditions, stall):
        data = {"state": row.state, "reason": stall.reason, "message": stall.message}
        studies.note(session, row, EVENT, data, now(session), stall=stall)


def _is_known(known: Sequence[Mapping[str, Any]], stall: Stall) -> bool:
    """Whether a study's conditions say so already."""
    told = {"type": conditions.STALLED, "status": True, **asdict(stall)}
    return any(all(one[name] == value for name, value in told.items()) for one in known)


def _why(
    objective: str,
    queue: Queue | None,
    present: Sequence[Collection[str] | None],
    *,
    is_external: bool,
) -> Stall:
    if queue is None:
        return Stall("NotPlanned", "no run is queued: the planner has not answered")
    lost = f"the workers of {queue.lost} of {queue.runs} queued runs were lost"
    if queue.lost and not present:
        return Stall("LeasesExpired", f"{lost}, and none asks for work")
    hint = "start one with `glideslope worker`"
    if is_external:
        hint = f"{objective} is external, so start a trainer that claims it by this name"
    if not present:
        return Stall("NoWorker", f"no worker asks for work: {hint}")
    offering = [
        one for one in present if (one is None and not is_external) or objective in (one or ())
    ]
    if not offering:
        more = f": {hint}" if is_external else ""
        return Stall("NotOffered", f"no worker offers {objective} ({len(present)} there){more}")
    if queue.lost:
        return Stall("LeasesExpired", lost)
    return Stall("NotClaimed", f"no worker that offers {objective} is free ({len(offering)} busy)")


def _present(session: Session, at: datetime) -> list[tuple[str | None, Collection[str] | None]]:
    """Whom the workers that are there serve, None for all, and what they offer.

    They asked lately, or train something.
    """
    worker, run = models.Worker, models.Run
    busy = select(run.worker).where(IS_LEASED).distinct()
    since = at - timedelta(seconds=PRESENT_SECONDS)
    query = select(worker.project, worker.all_projects, worker.objectives).where(
        or_(worker.seen >= since, worker.name.in_(busy))
    )
    return [
        (None if serves_all else project, offer)
        for project, serves_all, offer in session.execute(query)
    ]
