"""Add the secrets of studies that are shared by links.

Revision: 0018, after 0017
"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "shared_studies",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("project", "study", "secret")),
        sa.Column("created", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project", "study", name="pk_shared_studies"),
        sa.ForeignKeyConstraint(
            ["project", "study"],
            ["studies.project", "studies.id"],
            name="fk_shared_studies_studies",
        ),
    )


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("shared_studies")
