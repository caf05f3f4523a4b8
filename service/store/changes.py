"""Changes: which studies of a project something happened to lately.

The one idea: every change of a study is an event with a moment, and an event is visible only a
little later than its moment; so whoever looks again looks back a little, and passes over what it
has told. Nothing is written for that but the events themselves, and that a study was deleted.
Not here: what happened (`events`), who is told and how often (the API).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, delete, func, literal, null, select, union_all
from sqlalchemy.orm import Session

from service.store import models
from service.store.clock import now
from service.store.list_models import DeletedStudy

LATE_SECONDS = 10.0  # that a transaction may take from the moment it writes down to its end
FORGET_SECONDS = 86_400.0
DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Change:
    """That a study changed: where it stands now, and when it last did; `deleted` is no state."""

    study: str
    revision: int | None
    state: str
    at: datetime


def note_deleted(session: Session, project: str, study: str) -> None:
    """Note that a study was deleted."""
    at = now(session)
    session.add(DeletedStudy(project=project, study=study, at=at))
    old = at - timedelta(seconds=FORGET_SECONDS)
    session.execute(
        delete(DeletedStudy).where(DeletedStudy.project == project, DeletedStudy.at < old)
    )


def since(session: Session, project: str, moment: datetime) -> list[Change]:
    """The studies of a project that changed since a moment, in the order of their last change."""
    study, event, gone = models.Study, models.Event, DeletedStudy
    changed = (
        select(study.id, study.revision, study.state, func.max(event.at).label("at"))
        .join(event, (event.project == study.project) & (event.study == study.id))
        .where(event.project == project, event.at >= moment)
        .group_by(study.project, study.id, study.revision, study.state)
    )
    deleted = select(
        gone.study, null().cast(BigInteger).label("revision"), literal(DELETED), gone.at
    ).where(gone.project == project, gone.at >= moment)
    found = session.execute(union_all(changed, deleted)).all()
    rows = [Change(name, revision, state, at) for name, revision, state, at in found]
    return sorted(rows, key=lambda one: (one.at, one.study))


def overlap(moment: datetime) -> datetime:
    """From when to look again once everything until a moment was told that was visible then."""
    return moment - timedelta(seconds=LATE_SECONDS)
