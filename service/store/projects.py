"""Projects: the tenants; every other row belongs to exactly one.

Not here: keys (`keys`), what a project may use up (`quotas`).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.store import models
from service.store.clock import now
from service.store.locks import hold_name


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant."""

    id: str
    created: datetime


def ensure(session: Session, project: str) -> Project:
    """The project of this name, created if there is none yet; by one of many that ask at once."""
    hold_name(session, "project", project)
    row = session.get(models.Project, project)
    if row is None:
        row = models.Project(id=project, created=now(session))
        session.add(row)
        session.flush()
    return Project(row.id, row.created)


def get(session: Session, project: str) -> Project:
    """The project of this name; raises NotFound."""
    row = session.get(models.Project, project)
    if row is None:
        raise NotFound("project", project)
    return Project(row.id, row.created)


def names(session: Session) -> list[str]:
    """All projects, by name."""
    return list(session.scalars(select(models.Project.id).order_by(models.Project.id)))
