"""Add quotas of projects, and what studies and requests take up.

Revision: 0017, after 0016
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TRIALS = """
UPDATE studies SET trial_limit = (
    SELECT count(*) FROM trials
    WHERE trials.project = studies.project AND trials.study = studies.id
)
"""
BYTES = """
UPDATE studies SET stored_bytes = (
    SELECT coalesce(sum(length(CAST(measurements.data AS TEXT))), 0) FROM measurements
    WHERE measurements.project = studies.project AND measurements.study = studies.id
)
WHERE state IN ('completed', 'failed', 'cancelled')
"""


def upgrade() -> None:
    """Add them: studies of before count with the trials they have made."""
    op.add_column(
        "projects",
        sa.Column("quotas", sa.JSON(none_as_null=True), nullable=False, server_default="{}"),
    )
    op.add_column(
        "studies", sa.Column("trial_limit", sa.Integer(), nullable=False, server_default="0")
    )
    op.add_column(
        "studies", sa.Column("stored_bytes", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.execute(TRIALS)
    op.execute(BYTES)
    op.create_table(
        "request_counts",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("minute", sa.BigInteger(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("project", "minute", name="pk_request_counts"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_request_counts_projects"),
    )


def downgrade() -> None:
    """Drop them again."""
    op.drop_table("request_counts")
    op.drop_column("studies", "stored_bytes")
    op.drop_column("studies", "trial_limit")
    op.drop_column("projects", "quotas")
