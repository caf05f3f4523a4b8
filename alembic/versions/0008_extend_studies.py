"""Add extensions of studies, and the verdicts they had before.

Revision: 0008, after 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the column and the table: no study that is there was ever extended."""
    op.add_column(
        "studies", sa.Column("extensions", sa.JSON(), nullable=False, server_default="[]")
    )
    op.create_table(
        "verdicts",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project", "study", "number", name="pk_verdicts"),
        sa.ForeignKeyConstraint(
            ["project", "study"], ["studies.project", "studies.id"], name="fk_verdicts_studies"
        ),
    )


def downgrade() -> None:
    """Drop them again."""
    op.drop_table("verdicts")
    op.drop_column("studies", "extensions")
