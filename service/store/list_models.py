"""Tables beside the studies, narrow ones: by what words a study is found, and which are gone.

Not here: the studies themselves, and all other tables (`models`).
"""

from datetime import datetime

from sqlalchemy import ForeignKeyConstraint, Index, PrimaryKeyConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from service.store.models import Base

# The order of code points on every database, whatever language its server speaks.
PLAIN = String().with_variant(String(collation="C"), "postgresql")


class StudyWords(Base):
    """What a study is called and can be found by, so that a search need not read whole studies.

    `name` is what it is sorted by, `labels` a line `name=words` for each of its labels, `words`
    everything that a search looks at in small letters; `dataset` is what it is trained on, if that
    was uploaded.
    """

    __tablename__ = "study_words"

    project: Mapped[str]
    study: Mapped[str]
    name: Mapped[str] = mapped_column(PLAIN)
    labels: Mapped[str]
    words: Mapped[str]
    dataset: Mapped[str | None]

    __table_args__ = (
        PrimaryKeyConstraint("project", "study"),
        ForeignKeyConstraint(["project", "study"], ["studies.project", "studies.id"]),
        Index("ix_study_words_name", "project", "name", "study"),
        Index("ix_study_words_dataset", "project", "dataset", "study"),
    )


class DeletedStudy(Base):
    """That a study was deleted, for whoever follows a project; forgotten after a while."""

    __tablename__ = "deleted_studies"

    project: Mapped[str]
    study: Mapped[str]
    at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("project", "study"),
        ForeignKeyConstraint(["project"], ["projects.id"]),
        Index("ix_deleted_studies_at", "project", "at"),
    )
