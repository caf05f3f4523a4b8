"""Add rungs, pruned trials, spent updates and deadlines.

Revision: 0003, after 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the columns: rows that are there have no rungs and no deadline, nobody counted."""
    for name in ("search_steps", "evidence_steps"):
        op.add_column(
            "studies", sa.Column(name, sa.BigInteger(), nullable=False, server_default="0")
        )
    op.add_column("studies", sa.Column("search_until", MOMENT, nullable=True))
    op.add_column("studies", sa.Column("closed_from", sa.Integer(), nullable=True))
    op.add_column("studies", sa.Column("end_reason", sa.String(), nullable=True))
    op.add_column("trials", sa.Column("pruned_in", sa.Integer(), nullable=True))
    op.add_column("runs", sa.Column("peak_factor", sa.Double(), nullable=False, server_default="1"))


def downgrade() -> None:
    """Drop them again."""
    op.drop_column("runs", "peak_factor")
    op.drop_column("trials", "pruned_in")
    for name in ("end_reason", "closed_from", "search_until", "evidence_steps", "search_steps"):
        op.drop_column("studies", name)
