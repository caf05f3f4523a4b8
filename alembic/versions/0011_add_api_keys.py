"""Add API keys, and which workers serve all projects.

Revision: 0011, after 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add them: the workers of before served whoever had work."""
    op.create_table(
        "api_keys",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("project", "id", "label")),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("all_projects", sa.Boolean(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        *(sa.Column(name, MOMENT, nullable=True) for name in ("expires", "revoked", "last_used")),
        sa.PrimaryKeyConstraint("project", "id", name="pk_api_keys"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_api_keys_projects"),
    )
    op.add_column(
        "workers",
        sa.Column("all_projects", sa.Boolean(), nullable=False, server_default=sa.true()),
    )


def downgrade() -> None:
    """Drop them again."""
    op.drop_column("workers", "all_projects")
    op.drop_table("api_keys")
