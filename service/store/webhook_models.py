"""Tables of webhooks: who wants to be told of events, and what is to be told.

The one idea: as in `models`; a delivery is written in the transaction of its event and carries all
that is sent, so it outlives the study. A secret is kept as it is, for it signs.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKeyConstraint, Index, PrimaryKeyConstraint, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.store.models import Base, Document


class Webhook(Base):
    """An address that is told of events of a study, or of every study of a project."""

    __tablename__ = "webhooks"

    project: Mapped[str]
    id: Mapped[str]
    study: Mapped[str | None]
    url: Mapped[str]
    secret: Mapped[str]
    kinds: Mapped[list[str]] = mapped_column(JSON)
    gone: Mapped[datetime | None]  # since when it says that it wants no more
    created: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("project", "id"),
        ForeignKeyConstraint(["project"], ["projects.id"]),
    )


class Delivery(Base):
    """An event on its way to a webhook; `due` is its next try, or when it was settled."""

    __tablename__ = "deliveries"

    project: Mapped[str]
    id: Mapped[str]
    webhook: Mapped[str]
    event: Mapped[str]
    kind: Mapped[str]
    body: Mapped[Document]
    state: Mapped[str]
    attempts: Mapped[int]
    due: Mapped[datetime]
    log: Mapped[list[Any]] = mapped_column(JSON)
    created: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("project", "id"),
        UniqueConstraint("project", "webhook", "event"),
        ForeignKeyConstraint(["project", "webhook"], ["webhooks.project", "webhooks.id"]),
        Index("ix_deliveries_due", "state", "due"),
        Index("ix_deliveries_page", "project", "webhook", "created", "id"),
    )
