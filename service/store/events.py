"""Events: the change log of a study, numbered by its revision.

The one idea: every change increments the study's revision under the lock of its row and writes the
event of that number in the same transaction. So revisions have no gaps, an ETag is a revision, and
a stream resumes after the last revision its reader has seen.
Not here: measurements; they are streamed without a number.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from service.store import models, studies
from service.store.clock import now
from service.store.locks import lock_study
from service.store.paging import check_limit


@dataclass(frozen=True, slots=True)
class Event:
    """One change of a study."""

    revision: int
    kind: str
    data: Mapping[str, Any]
    at: datetime


def append(session: Session, project: str, study: str, kind: str, data: Mapping[str, Any]) -> int:
    """Write down a change of a study and return its revision; raises NotFound."""
    return studies.note(session, lock_study(session, project, study), kind, data, now(session))


def after(
    session: Session, project: str, study: str, revision: int, limit: int = 100
) -> list[Event]:
    """The events of a study after a revision, oldest first; raises NotFound."""
    studies.check_exists(session, project, study)
    table = models.Event
    rows = session.scalars(
        select(table)
        .where(table.project == project, table.study == study, table.revision > revision)
        .order_by(table.revision)
        .limit(check_limit(limit))
    )
    return [Event(row.revision, row.kind, row.data, row.at) for row in rows]
