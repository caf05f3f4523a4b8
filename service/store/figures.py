"""Figures: how much there is of everything, over all projects, for whoever watches the service.

The one idea: a few aggregated queries over indexes; of runs and workers they touch what is under
way, not what has ended, so they cost the same however long the service has run.
Not here: what they are called and how often they are asked (`service.api.metrics`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from service.store import models, queues
from service.store.clock import now
from service.store.dataset_models import Dataset
from service.store.leases import IS_LEASED
from tuning.records import StudyState

ATTENDING_SECONDS = 60.0  # since a worker asked for work; it does so, or writes it down, every 15


@dataclass(frozen=True, slots=True)
class Figures:
    """What there is now.

    `queue_age_seconds` is the longest time since a study that has queued runs was last served, or
    was created.
    """

    studies: Mapping[str, int]
    queued_runs: int
    leased_runs: int
    queue_age_seconds: float
    workers: int
    datasets: int
    dataset_bytes: int


def take(session: Session) -> Figures:
    """Count."""
    study, at = models.Study, now(session)
    states = dict.fromkeys((state.value for state in StudyState), 0)
    counted = session.execute(select(study.state, func.count()).group_by(study.state))
    waiting = queues.of_active_studies(session)
    oldest = min((one.served for one in waiting), default=at)
    attending = models.Worker.seen > at - timedelta(seconds=ATTENDING_SECONDS)
    held = session.execute(select(func.count(), func.coalesce(func.sum(Dataset.size), 0))).one()
    return Figures(
        studies={**states, **{row[0]: row[1] for row in counted}},
        queued_runs=sum(one.runs for one in waiting),
        leased_runs=session.scalar(select(func.count()).where(IS_LEASED)) or 0,
        queue_age_seconds=max(0.0, (at - oldest).total_seconds()),
        workers=session.scalar(select(func.count()).select_from(models.Worker).where(attending))
        or 0,
        datasets=held[0],
        dataset_bytes=int(held[1]),
    )
