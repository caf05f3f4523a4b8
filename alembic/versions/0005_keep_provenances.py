"""Keep what runs were trained on and with.

Revision: 0005, after 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column: of runs that are there nobody told it."""
    op.create_table(
        "provenances",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("data_hash", sa.String(), nullable=True),
        sa.Column("versions", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project", "id", name="pk_provenances"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_provenances_projects"),
    )
    op.add_column("runs", sa.Column("provenance", sa.String(), nullable=True))


def downgrade() -> None:
    """Drop them again."""
    op.drop_column("runs", "provenance")
    op.drop_table("provenances")
