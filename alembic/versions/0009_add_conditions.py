"""Add conditions and deadlines of studies, and the workers that ask for work.

Revision: 0009, after 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add them: a study that is there gets its conditions with its next change."""
    op.add_column(
        "studies", sa.Column("conditions", sa.JSON(), nullable=False, server_default="[]")
    )
    op.add_column("studies", sa.Column("deadline", MOMENT, nullable=True))
    op.create_table(
        "workers",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("objectives", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("seen", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project", "name", name="pk_workers"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_workers_projects"),
    )


def downgrade() -> None:
    """Drop them again."""
    op.drop_table("workers")
    op.drop_column("studies", "deadline")
    op.drop_column("studies", "conditions")
