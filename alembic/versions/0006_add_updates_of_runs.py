"""Say after how many updates of its horizon a run ends: `runs.updates`.

Revision: 0006, after 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

RUNS = sa.table("runs", sa.column("updates", sa.Integer()), sa.column("horizon", sa.Integer()))


def upgrade() -> None:
    """Add the column: runs that are there were, or will be, trained to the end."""
    op.add_column("runs", sa.Column("updates", sa.Integer(), nullable=False, server_default="0"))
    op.execute(RUNS.update().values(updates=RUNS.c.horizon))


def downgrade() -> None:
    """Drop it again."""
    op.drop_column("runs", "updates")
