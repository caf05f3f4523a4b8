"""Find studies by the dataset they are trained on.

Revision: 0021, after 0020
"""

import re

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

DATASET = re.compile(r"ds_[0-9a-f]{32}")
STUDIES = sa.table("studies", sa.column("project"), sa.column("id"), sa.column("spec", sa.JSON()))
WORDS = sa.table(
    "study_words", *(sa.column(name) for name in ("project", "study", "words", "dataset"))
)


def upgrade() -> None:
    """Add the column, with what the studies that are there name."""
    op.add_column("study_words", sa.Column("dataset", sa.String(), nullable=True))
    connection = op.get_bind()
    named = STUDIES.c.spec["config"]["dataset"].as_string()
    found = connection.execute(sa.select(STUDIES.c.project, STUDIES.c.id, named)).all()
    for project, study, dataset in found:
        if dataset is not None and DATASET.fullmatch(dataset):
            connection.execute(
                sa.update(WORDS)
                .where(WORDS.c.project == project, WORDS.c.study == study)
                .values(dataset=dataset, words=WORDS.c.words + f"\n{dataset}")
            )
    op.create_index("ix_study_words_dataset", "study_words", ["project", "dataset", "study"])


def downgrade() -> None:
    """Drop it again; what was added to the words harms nobody."""
    op.drop_index("ix_study_words_dataset", "study_words")
    op.drop_column("study_words", "dataset")
