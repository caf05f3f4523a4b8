"""Webhooks: addresses that are told of the events of a study, or of all studies of a project.

The one idea: a secret is made here, shown once to whoever made the webhook, and signs everything
that is sent there.
Not here: what is on its way (`outbox`), which addresses are allowed (`service.addresses`).
"""

import base64
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.orm import Session

from service.errors import Conflict, NotFound
from service.store import models
from service.store.clock import now
from service.store.locks import hold_name
from service.store.studies import check_exists
from service.store.webhook_models import Delivery, Webhook

MOST = 50  # of a project
SECRET = "whsec_"  # noqa: S105 # how Standard Webhooks begins every secret
SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Hook:
    """A webhook without its secret."""

    id: str
    study: str | None
    url: str
    kinds: tuple[str, ...]
    gone: datetime | None
    created: datetime


def create(
    session: Session, project: str, *, url: str, study: str | None, kinds: Collection[str]
) -> tuple[Hook, str]:
    """Make a webhook; returns it and its secret.

    Raises NotFound if there is no such project or study, Conflict if there are too many.
    """
    if session.get(models.Project, project) is None:
        raise NotFound("project", project)
    if study is not None:
        check_exists(session, project, study)
    hold_name(session, "webhooks", project)
    count = session.scalar(select(func.count()).where(Webhook.project == project)) or 0
    if count >= MOST:
        raise Conflict(f"project {project} has {MOST} webhooks: delete some first")
    row = Webhook(
        project=project,
        id="wh_" + secrets.token_hex(8),
        study=study,
        url=url,
        secret=SECRET + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode(),
        kinds=sorted(set(kinds)),
        created=now(session),
    )
    session.add(row)
    session.flush()
    return _to_hook(row), row.secret


def everyone(session: Session, project: str) -> list[Hook]:
    """The webhooks of a project, oldest first."""
    rows = session.scalars(
        select(Webhook).where(Webhook.project == project).order_by(Webhook.created, Webhook.id)
    )
    return [_to_hook(row) for row in rows]


def remove(session: Session, project: str, webhook: str) -> None:
    """Remove a webhook with all that is on its way to it; raises NotFound."""
    row = session.get(Webhook, (project, webhook), with_for_update=True)
    if row is None:
        raise NotFound("webhook", webhook)
    _drop(session, (Webhook.project == project) & (Webhook.id == webhook))


def forget(session: Session, project: str, study: str) -> None:
    """Remove the webhooks of a study that is deleted."""
    _drop(session, (Webhook.project == project) & (Webhook.study == study))


def _drop(session: Session, which: ColumnElement[bool]) -> None:
    names = select(Webhook.id).where(which)
    project = select(Webhook.project).where(which)
    session.execute(
        delete(Delivery).where(Delivery.project.in_(project), Delivery.webhook.in_(names))
    )
    session.execute(delete(Webhook).where(which))


def _to_hook(row: Webhook) -> Hook:
    return Hook(row.id, row.study, row.url, tuple(row.kinds), row.gone, row.created)
