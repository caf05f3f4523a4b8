"""Say beside which others a run may be trained: `runs.isolation` in place of `runs.alone`.

Revision: 0002, after 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RUNS = sa.table("runs", sa.column("alone", sa.Boolean()), sa.column("isolation", sa.String()))


def upgrade() -> None:
    """A run that was alone may have been so over a lost worker: it has one for itself."""
    isolation = sa.Column("isolation", sa.String(), nullable=False, server_default="none")
    op.add_column("runs", isolation)
    op.execute(RUNS.update().where(RUNS.c.alone).values(isolation="worker"))
    op.drop_column("runs", "alone")


def downgrade() -> None:
    """Whatever was isolated is alone."""
    op.add_column(
        "runs", sa.Column("alone", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.execute(RUNS.update().where(RUNS.c.isolation != "none").values(alone=True))
    op.drop_column("runs", "isolation")
