"""Add what a study needs to pause, resume and stop.

Revision: 0004, after 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the columns: no study that is there was ever paused."""
    op.add_column("studies", sa.Column("search_left", sa.Double(), nullable=True))
    op.add_column("studies", sa.Column("closed_because", sa.String(), nullable=True))
    op.add_column("studies", sa.Column("paused", MOMENT, nullable=True))
    op.add_column(
        "studies", sa.Column("idle_seconds", sa.Double(), nullable=False, server_default="0")
    )


def downgrade() -> None:
    """Drop them again."""
    for name in ("idle_seconds", "paused", "closed_because", "search_left"):
        op.drop_column("studies", name)
