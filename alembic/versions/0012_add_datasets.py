"""Add the datasets that projects uploaded.

Revision: 0012, after 0011
"""

import sqlalchemy as sa
from alembic import op

from service.store.models import UtcTime

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "datasets",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("begin", UtcTime(), nullable=False),
        sa.Column("end", UtcTime(), nullable=False),
        sa.Column("step_seconds", sa.Integer(), nullable=True),
        sa.Column("survey", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("created", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("project", "id", name="pk_datasets"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_datasets_projects"),
    )
    op.create_index("ix_datasets_page", "datasets", ["project", "created", "id"])
    op.create_index("ix_datasets_id", "datasets", ["id"])


def downgrade() -> None:
    """Drop it again; the files stay."""
    op.drop_table("datasets")
