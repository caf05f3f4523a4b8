"""Find what is trained, and what must be trained alone, however much is queued.

Revision: 0023, after 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

LEASED = sa.text("state = 'leased'")
SUSPECTED = sa.text("isolation = 'worker'")
INDEXES = (
    ("ix_runs_leased", ["state", "project", "study"], LEASED),
    ("ix_runs_company", ["worker", "isolation"], LEASED),
    ("ix_runs_suspected", ["project", "study", "state", "isolation"], SUSPECTED),
)


def upgrade() -> None:
    """Add the indexes, of few rows each."""
    for name, columns, where in INDEXES:
        op.create_index(name, "runs", columns, sqlite_where=where, postgresql_where=where)


def downgrade() -> None:
    """Drop them again."""
    for name, _, _ in INDEXES:
        op.drop_index(name, "runs")
