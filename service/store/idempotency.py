"""Idempotency keys: the same request twice gets the same answer, and is done once.

The one idea: `recall` and `remember` stand in the transaction that does the work, so work and
answer are stored together or not at all. On PostgreSQL `recall` locks the key until that
transaction ends: the second of two simultaneous requests waits and finds the first one's answer.
Of a study that is deleted the key stays known for as long, so that nothing is made twice, but not
the answer. After a week both are forgotten.
Not here: which routes ask for a key; hashing of bodies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from service.errors import Conflict, KeyReused
from service.store import models
from service.store.clock import now
from service.store.locks import hold_name

KEPT = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored response: its HTTP status and its body."""

    status: int
    body: Mapping[str, Any]


def recall(session: Session, project: str, route: str, key: str, body_hash: str) -> Answer | None:
    """The answer this key got before, None if it is new.

    Raises KeyReused for another body, Conflict if the study it made was deleted.
    """
    hold_name(session, "idempotency", project, route, key)
    row = session.get(models.IdempotencyKey, (project, route, key))
    if row is None:
        return None
    if row.body_hash != body_hash:
        raise KeyReused(key)
    if not row.response:
        raise Conflict(f"study {row.study}, which this key made, was deleted; take another key")
    return Answer(row.status, row.response)


def remember(
    session: Session,
    project: str,
    route: str,
    key: str,
    body_hash: str,
    *,
    status: int,
    body: Mapping[str, Any],
) -> None:
    """Store the answer to a key that `recall` did not know, a study, in the same transaction."""
    session.add(
        models.IdempotencyKey(
            project=project,
            route=route,
            key=key,
            body_hash=body_hash,
            status=status,
            response=dict(body),
            study=body["id"],
            at=now(session),
        )
    )
    session.flush()


def void(session: Session, project: str, study: str) -> None:
    """Drop the answers that tell of a study which is being deleted."""
    row = models.IdempotencyKey
    session.execute(
        update(row).where(row.project == project, row.study == study).values(response={})
    )


def forget(session: Session) -> None:
    """Forget what was answered long ago."""
    row = models.IdempotencyKey
    session.execute(delete(row).where(row.at < now(session) - KEPT))
