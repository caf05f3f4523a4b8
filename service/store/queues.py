"""Queues: how many runs wait for a worker, study by study.

The one idea: runs wait in active studies only, which are few, so each of these is asked for its own
by the index that also hands them out. A count over all queued runs would need an index of them, and
a database that knows them to be rare then prefers it for a claim, too, and reads all of them again
for every study.
Not here: whose turn it is (`claims`).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, func, or_, select
from sqlalchemy.orm import Session

from service.store import models
from service.store.leases import Isolation
from tuning.records import RunState, StudyState

ACTIVE = (StudyState.RUNNING, StudyState.CONFIRMING)


@dataclass(frozen=True, slots=True)
class Queue:
    """Runs of one study that wait; `lost` of them lost a worker before."""

    project: str
    study: str
    runs: int
    lost: int
    served: datetime  # when the study last got a worker, or came to be


def of_active_studies(session: Session, project: str | None = None) -> list[Queue]:
    """The queues that are not empty, of a project if it is named."""
    study, run = models.Study, models.Run
    is_lost = or_(run.attempt > 0, run.isolation == Isolation.WORKER)
    is_mine = and_(run.project == study.project, run.study == study.id)
    query = (
        select(
            study.project,
            study.id,
            func.count(),
            func.sum(case((is_lost, 1), else_=0)),
            func.coalesce(study.claimed, study.created),
        )
        .join(run, is_mine & (run.state == RunState.QUEUED))
        .where(study.state.in_(ACTIVE))
        .group_by(study.project, study.id)
    )
    if project is not None:
        query = query.where(study.project == project)
    return [Queue(*row) for row in session.execute(query)]
