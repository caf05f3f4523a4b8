"""Quotas in the store: what a project uses, and that it is not too much.

The one idea: whoever adds something first holds the project's quotas, adds it, and then checks the
sums in the same transaction, which is undone if there is too much; so many at once never exceed a
limit together. Requests are counted by every server and added up here now and then.
Not here: the limits themselves (`service.quotas`).
"""

from collections.abc import Mapping
from dataclasses import asdict

from sqlalchemy import Text, cast, delete, func, select
from sqlalchemy.orm import Session

from service.errors import NotFound, QuotaExceeded
from service.quotas import UNLIMITED, Quotas
from service.store import datasets, models
from service.store.identity_models import RequestCount
from service.store.locks import hold_name
from tuning.records import StudyState

STORED = ("running_studies", "trials", "storage_bytes")  # that the store counts
KEPT_MINUTES = 60  # of counted requests
ENDED = [state.value for state in StudyState if state.is_final]
LONGEST_WAIT_SECONDS = 60  # what frees a quota is done by a person, or by time


def hold(session: Session, project: str) -> None:
    """Keep others from adding to a project until the transaction ends."""
    hold_name(session, "quotas", project)


def check(session: Session, project: str, usual: Quotas, asked: Mapping[str, int]) -> None:
    """Refuse what was just added, `asked` of each quota, if it is too much in all.

    Call `hold` before adding. Raises QuotaExceeded, and NotFound if there is no such project.
    """
    limits = asdict(usual.instead(own(session, project)))
    for name, more in asked.items():
        if limits[name] is None:
            continue
        total = used(session, project, name)
        if total > limits[name]:
            raise QuotaExceeded(
                name,
                used=total - more,
                limit=limits[name],
                asked=more,
                retry_after=LONGEST_WAIT_SECONDS,
            )


def used(session: Session, project: str, quota: str) -> int:
    """What a project uses of a quota that the store counts."""
    study = models.Study
    mine = study.project == project
    match quota:
        case "running_studies":
            query = select(func.count()).where(mine, study.state.not_in(ENDED))
        case "trials":
            query = select(func.coalesce(func.sum(study.trial_limit), 0)).where(mine)
        case "storage_bytes":
            query = select(func.coalesce(func.sum(study.stored_bytes), 0)).where(mine)
            return int(session.scalar(query) or 0) + datasets.total_bytes(session, project)
        case _:
            raise KeyError(quota)
    return int(session.scalar(query) or 0)


def settle(session: Session, row: models.Study, at_least: int = 0) -> None:
    """Write down what a study takes up: its trials, or as many as it may make, and their curves."""
    session.flush()
    trial, told = models.Trial, models.Measurement
    trials = select(func.count()).where(trial.project == row.project, trial.study == row.id)
    row.trial_limit = max(session.scalar(trials) or 0, at_least)
    size = select(func.coalesce(func.sum(func.length(cast(told.data, Text))), 0)).where(
        told.project == row.project, told.study == row.id
    )
    row.stored_bytes = int(session.scalar(size) or 0)


def own(session: Session, project: str) -> dict[str, int]:
    """The limits that a project has of its own; raises NotFound."""
    row = session.get(models.Project, project)
    if row is None:
        raise NotFound("project", project)
    return dict(row.quotas)


def all_own(session: Session) -> dict[str, dict[str, int]]:
    """Likewise of all projects that have any."""
    rows = session.execute(select(models.Project.id, models.Project.quotas))
    return {project: dict(quotas) for project, quotas in rows if quotas}


def set_own(session: Session, project: str, changes: Mapping[str, int | None]) -> Quotas:
    """Give a project limits of its own, or with None the usual ones again; raises NotFound."""
    hold(session, project)
    row = session.get(models.Project, project, with_for_update=True)
    if row is None:
        raise NotFound("project", project)
    merged = {**row.quotas, **changes}
    row.quotas = {name: limit for name, limit in merged.items() if limit is not None}
    session.flush()
    return UNLIMITED.instead(row.quotas)


def count_requests(session: Session, minute: int, counted: Mapping[str, int]) -> dict[str, int]:
    """Add requests of a minute since 1970 by project; returns what all servers counted in it.

    Projects that are gone are passed over.
    """
    totals = {}
    for project, more in sorted(counted.items()):
        hold_name(session, "requests", project)
        row = session.get(RequestCount, (project, minute), populate_existing=True)
        if row is None:
            if session.get(models.Project, project) is None:
                continue
            row = RequestCount(project=project, minute=minute, count=0)
            session.add(row)
        row.count += more
        totals[project] = row.count
    session.flush()
    session.execute(delete(RequestCount).where(RequestCount.minute < minute - KEPT_MINUTES))
    return totals
