"""Keep what runs that went wrong said last.

Revision: 0015, after 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the table: of runs that are there nobody kept it."""
    op.create_table(
        "failures",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("project", "study", "run")),
        *(
            sa.Column(name, sa.String(), nullable=False, server_default="")
            for name in ("traceback", "log_tail")
        ),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project", "study", "run", name="pk_failures"),
        sa.ForeignKeyConstraint(
            ["run", "project"], ["runs.id", "runs.project"], name="fk_failures_runs"
        ),
    )


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("failures")
