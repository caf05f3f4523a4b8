"""The table of datasets; their content lies in files beside the database.

Not here: the other tables (`models`).
"""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.store.models import Base, Document


class Dataset(Base):
    """A table that a project uploaded; its id is derived from the hash of its bytes.

    `survey` holds what is told of it and never searched for.
    """

    __tablename__ = "datasets"

    project: Mapped[str]
    id: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    sha256: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)  # bytes
    rows: Mapped[int]
    begin: Mapped[datetime]
    end: Mapped[datetime]
    step_seconds: Mapped[int | None]
    survey: Mapped[Document]
    created: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("project", "id"),
        ForeignKeyConstraint(["project"], ["projects.id"]),
        Index("ix_datasets_page", "project", "created", "id"),
        Index("ix_datasets_id", "id"),
    )
