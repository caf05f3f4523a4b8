"""Add what users write about their studies, and the request of each.

Revision: 0010, after 0009
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns: requests of studies that are there were not kept."""
    op.add_column("studies", sa.Column("request", sa.JSON(none_as_null=True), nullable=True))
    op.add_column(
        "studies",
        sa.Column("labels", sa.JSON(none_as_null=True), nullable=False, server_default="{}"),
    )
    op.add_column("studies", sa.Column("notes", sa.String(), nullable=False, server_default=""))


def downgrade() -> None:
    """Drop them again."""
    for name in ("notes", "labels", "request"):
        op.drop_column("studies", name)
