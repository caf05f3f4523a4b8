"""Add what claims ask of a study: whether its objective is external, and its priority.

Revision: 0013, after 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: no study that is there has an external objective."""
    op.add_column(
        "studies",
        sa.Column("is_external", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("studies", sa.Column("priority", sa.Double(), nullable=False, server_default="1"))


def downgrade() -> None:
    """Drop them again."""
    op.drop_column("studies", "priority")
    op.drop_column("studies", "is_external")
