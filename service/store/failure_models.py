"""Table of failures: what runs that went wrong said last.

The one idea: as in `models`; apart from the runs, for nobody reads it but people who ask why.
"""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, PrimaryKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from service.store.models import Base


class Failure(Base):
    """The last training of a run that did not complete: where it raised, and what it printed."""

    __tablename__ = "failures"

    project: Mapped[str]
    study: Mapped[str]
    run: Mapped[str]
    traceback: Mapped[str] = mapped_column(server_default="")
    log_tail: Mapped[str] = mapped_column(server_default="")
    at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("project", "study", "run"),
        ForeignKeyConstraint(["run", "project"], ["runs.id", "runs.project"]),
    )
