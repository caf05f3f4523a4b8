"""Outbox: events on their way to webhooks.

The one idea: what is to be told is written in the transaction of the event, so nothing is told that
did not happen and nothing is forgotten that did. Whoever tells takes a delivery for a while; if
that process dies, the delivery is due again, so it arrives at least once, under the same id.
Not here: who wants to be told (`webhooks`), telling (`service.planner.delivery`).
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import String, delete, or_, select, tuple_
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.store import models
from service.store.clock import now
from service.store.paging import Page, check_limit, read_cursor, write_cursor
from service.store.webhook_models import Delivery, Webhook

ENABLED = "webhooks"  # the key of `Session.info` that says whether there are any here
KEPT = timedelta(days=7)  # of deliveries that are settled
LONGEST_LOG = 20  # tries that are remembered of a delivery
GONE = 410


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Parcel:
    """A delivery that was taken to be told: where to, signed with what."""

    project: str
    id: str
    webhook: str
    event: str
    url: str
    secret: str
    body: Mapping[str, Any]
    attempt: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of a try: the status of the answer, or why there was none."""

    status: int | None
    error: str | None
    milliseconds: int

    @property
    def is_success(self) -> bool:
        """Whether it was taken."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Sent:
    """A delivery as people see it."""

    id: str
    event: str
    kind: str
    state: State
    attempts: int
    due: datetime
    created: datetime
    body: Mapping[str, Any]
    log: Sequence[Mapping[str, Any]]


def enqueue(
    session: Session, study: models.Study, kind: str, data: Mapping[str, Any], at: datetime
) -> None:
    """Write down an event, of the study's revision, for every webhook that wants it."""
    if not session.info.get(ENABLED):
        return
    hooks = session.scalars(
        select(Webhook)
        .where(
            Webhook.project == study.project,
            Webhook.gone.is_(None),
            or_(Webhook.study.is_(None), Webhook.study == study.id),
        )
        .order_by(Webhook.id)
        .with_for_update(read=True, key_share=True)  # a webhook that is being removed is waited for
    )
    for hook in hooks:
        if kind in hook.kinds:
            session.add(_delivery(hook, study, kind, data, at))


def _delivery(
    hook: Webhook, study: models.Study, kind: str, data: Mapping[str, Any], at: datetime
) -> Delivery:
    told = {"study": study.id, "revision": study.revision, "state": study.state}
    labels = {"label": study.label, "objective": study.objective}
    return Delivery(
        project=study.project,
        id="dl_" + secrets.token_hex(10),
        webhook=hook.id,
        event=f"{study.id}.{study.revision}",
        kind=kind,
        body={
            "type": f"study.{kind}",
            "timestamp": at.isoformat(),
            "data": {**told, **labels, "details": dict(data)},
        },
        state=State.PENDING,
        attempts=0,
        due=at,
        log=[],
        created=at,
    )


def take(session: Session, limit: int, seconds: float) -> list[Parcel]:
    """Take what is due for so many seconds; nobody else is given it meanwhile."""
    at = now(session)
    rows = session.scalars(
        select(Delivery)
        .where(Delivery.state == State.PENDING, Delivery.due <= at)
        .order_by(Delivery.due, Delivery.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    hooks = {
        (hook.project, hook.id): hook
        for hook in session.scalars(
            select(Webhook).where(Webhook.id.in_({row.webhook for row in rows}))
        )
    }
    parcels = []
    for row in rows:
        hook = hooks[row.project, row.webhook]
        if hook.gone is not None:
            row.state, row.due = State.FAILED, at
            continue
        row.attempts += 1
        row.due = at + timedelta(seconds=seconds)
        parcels.append(
            Parcel(
                row.project,
                row.id,
                row.webhook,
                row.event,
                hook.url,
                hook.secret,
                row.body,
                row.attempts,
            )
        )
    session.flush()
    return parcels


def settle(session: Session, parcel: Parcel, attempt: Attempt, retry_seconds: float | None) -> None:
    """Note what came of a try; without another one to come the delivery has failed."""
    hook = None
    if attempt.status == GONE:  # first, as whoever removes a webhook locks it first
        hook = session.get(Webhook, (parcel.project, parcel.webhook), with_for_update=True)
    row = session.get(Delivery, (parcel.project, parcel.id), with_for_update=True)
    if row is None or row.state != State.PENDING:
        return  # its webhook was deleted, or somebody else was given it and was quicker
    at = now(session)
    told = {
        "at": at.isoformat(),
        "status": attempt.status,
        "error": attempt.error,
        "milliseconds": attempt.milliseconds,
    }
    row.log = [*row.log, told][-LONGEST_LOG:]
    row.due = at
    if attempt.is_success:
        row.state = State.DELIVERED
    elif attempt.status == GONE:
        row.state = State.FAILED
        if hook is not None:
            hook.gone = hook.gone or at
    elif retry_seconds is None:
        row.state = State.FAILED
    else:
        row.due = at + timedelta(seconds=retry_seconds)
    session.flush()


def forget(session: Session) -> None:
    """Remove what was settled long ago."""
    settled = Delivery.state.in_((State.DELIVERED, State.FAILED))
    session.execute(delete(Delivery).where(settled, Delivery.due < now(session) - KEPT))


def page(
    session: Session, project: str, webhook: str, *, cursor: str | None = None, limit: int = 50
) -> Page[Sent]:
    """Deliveries to a webhook, newest first; raises NotFound, InvalidValue for a bad cursor."""
    if session.get(Webhook, (project, webhook)) is None:
        raise NotFound("webhook", webhook)
    query = select(Delivery).where(Delivery.project == project, Delivery.webhook == webhook)
    if cursor is not None:
        microseconds, last = read_cursor(cursor, int, str)
        created = models.EPOCH + timedelta(microseconds=int(microseconds))
        bound = tuple_(created, last, types=(models.UtcTime(), String()))
        query = query.where(tuple_(Delivery.created, Delivery.id) < bound)
    order = (Delivery.created.desc(), Delivery.id.desc())
    rows = session.scalars(query.order_by(*order).limit(check_limit(limit) + 1)).all()
    items = tuple(_to_sent(row) for row in rows[:limit])
    if len(rows) <= limit:
        return Page(items)
    last_one = items[-1]
    moment = (last_one.created - models.EPOCH) // models.MICROSECOND
    return Page(items, write_cursor(moment, last_one.id))


def _to_sent(row: Delivery) -> Sent:
    return Sent(
        row.id,
        row.event,
        row.kind,
        State(row.state),
        row.attempts,
        row.due,
        row.created,
        row.body,
        row.log,
    )
