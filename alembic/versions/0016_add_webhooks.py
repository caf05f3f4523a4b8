"""Add webhooks and what is on its way to them.

Revision: 0016, after 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Make both tables, empty."""
    op.create_table(
        "webhooks",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("study", sa.String(), nullable=True),
        sa.Column("url", sa.String(), nullable=False),
        sa.Column("secret", sa.String(), nullable=False),
        sa.Column("kinds", sa.JSON(), nullable=False),
        sa.Column("gone", MOMENT, nullable=True),
        sa.Column("created", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project", "id", name="pk_webhooks"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_webhooks_projects"),
    )
    op.create_table(
        "deliveries",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("webhook", sa.String(), nullable=False),
        sa.Column("event", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("body", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due", MOMENT, nullable=False),
        sa.Column("log", sa.JSON(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project", "id", name="pk_deliveries"),
        sa.UniqueConstraint(
            "project", "webhook", "event", name="uq_deliveries_project_webhook_event"
        ),
        sa.ForeignKeyConstraint(
            ["project", "webhook"],
            ["webhooks.project", "webhooks.id"],
            name="fk_deliveries_webhooks",
        ),
    )
    op.create_index("ix_deliveries_due", "deliveries", ["state", "due"])
    op.create_index("ix_deliveries_page", "deliveries", ["project", "webhook", "created", "id"])


def downgrade() -> None:
    """Drop them again."""
    op.drop_table("deliveries")
    op.drop_table("webhooks")
