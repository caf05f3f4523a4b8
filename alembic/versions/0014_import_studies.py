"""Add where an imported study comes from.

Revision: 0014, after 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column: no study that is there was imported."""
    op.add_column("studies", sa.Column("imported", sa.JSON(none_as_null=True), nullable=True))


def downgrade() -> None:
    """Drop it again."""
    op.drop_column("studies", "imported")
