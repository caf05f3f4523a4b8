"""Tables of who may ask: API keys.

The one idea: as in `models`; of a secret only its hash is here.
"""

from datetime import datetime

from sqlalchemy import JSON, ForeignKeyConstraint, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.store.models import Base


class ApiKey(Base):
    """A key that was handed out; a revoked one stays, for whoever asks what became of it.

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

    __table_args__ = (
        PrimaryKeyConstraint("project", "id"),
        ForeignKeyConstraint(["project"], ["projects.id"]),
    )
