"""Index leases of leased runs alone, so that no claim reads all queued runs by it.

Revision: 0024, after 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

NAME, COLUMNS = "ix_runs_leases", ["state", "lease_until"]
LEASED = sa.text("state = 'leased'")


def upgrade() -> None:
    """Keep the leased runs only."""
    op.drop_index(NAME, "runs")
    op.create_index(NAME, "runs", COLUMNS, sqlite_where=LEASED, postgresql_where=LEASED)


def downgrade() -> None:
    """Have all runs again."""
    op.drop_index(NAME, "runs")
    op.create_index(NAME, "runs", COLUMNS)
