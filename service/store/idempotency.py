"""Idempotency keys: the same request twice gets the same answer, and is done once.

The one idea: `recall` and `remember` stand in the transaction that does the work, so work and
answer are stored together or not at all. On PostgreSQL `recall` locks the key until that
transaction ends: the second of two simultaneous requests waits and finds the first one's answer.
Not here: which routes ask for a key; hashing of bodies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from service.errors import KeyReused
from service.store import models
from service.store.clock import now
from service.store.locks import hold_name


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored response: its HTTP status and its body."""

    status: int
    body: Mapping[str, Any]


def recall(session: Session, project: str, route: str, key: str, body_hash: str) -> Answer | None:
    """The answer this key got before, None if it is new; raises KeyReused for another body."""
    hold_name(session, "idempotency", project, route, key)
    row = session.get(models.IdempotencyKey, (project, route, key))
    if row is None:
        return None
    if row.body_hash != body_hash:
        raise KeyReused(key)
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
    """Store the answer to a key that `recall` did not know, in the same transaction."""
    session.add(
        models.IdempotencyKey(
            project=project,
            route=route,
            key=key,
            body_hash=body_hash,
            status=status,
            response=dict(body),
            at=now(session),
        )
    )
    session.flush()
