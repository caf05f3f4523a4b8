"""Tables of who may ask, and how often: API keys, shared studies, counted requests.

The one idea: as in `models`; of a secret only its hash is here.
"""

from datetime import datetime

from sqlalchemy import JSON, BigInteger, ForeignKeyConstraint, Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.store.models import Base


class ApiKey(Base):
    """A key that was handed out; a revoked one stays, for whoever asks what became of it.

    A row with a `parent` is a session: made from that key by signing in, and gone once it ended.
    `hash` is SHA-256 of the whole token, of which 256 bits are random: guessing is hopeless, so a
    slow hash would only cost time.
    """

    __tablename__ = "api_keys"

    project: Mapped[str]
    id: Mapped[str]
    label: Mapped[str]
    hash: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(JSON)
    all_projects: Mapped[bool]
    created: Mapped[datetime]
    expires: Mapped[datetime | None]
    revoked: Mapped[datetime | None]
    last_used: Mapped[datetime | None]
    parent: Mapped[str | None]

    __table_args__ = (
        PrimaryKeyConstraint("project", "id"),
        ForeignKeyConstraint(["project"], ["projects.id"]),
        Index("ix_api_keys_parent", "project", "parent"),
    )


class SharedStudy(Base):
    """A study whose links are valid: they are signed with its secret, and end with it."""

    __tablename__ = "shared_studies"

    project: Mapped[str]
    study: Mapped[str]
    secret: Mapped[str]
    created: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("project", "study"),
        ForeignKeyConstraint(["project", "study"], ["studies.project", "studies.id"]),
    )


class RequestCount(Base):
    """What all servers together counted of a project's requests in a minute since 1970."""

    __tablename__ = "request_counts"

    project: Mapped[str]
    minute: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(BigInteger)

    __table_args__ = (
        PrimaryKeyConstraint("project", "minute"),
        ForeignKeyConstraint(["project"], ["projects.id"]),
    )
