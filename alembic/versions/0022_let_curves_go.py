"""Let curves go, and answers of studies that are gone.

Revision: 0022, after 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
STUDIES = sa.table("studies", *(sa.column(name) for name in ("project", "id")))
ANSWERS = sa.table(
    "idempotency_keys", *map(sa.column, ("project", "study")), sa.column("response", sa.JSON())
)


def upgrade() -> None:
    """Add the columns; whose answers there are stands in them."""
    op.add_column("studies", sa.Column("curves_purged_at", MOMENT, nullable=True))
    op.add_column("studies", sa.Column("curves_left", sa.String(), nullable=True))
    op.add_column("idempotency_keys", sa.Column("study", sa.String(), nullable=True))
    op.create_index("ix_idempotency_keys_study", "idempotency_keys", ["project", "study"])
    connection = op.get_bind()
    named = ANSWERS.c.response["id"].as_string()
    connection.execute(sa.update(ANSWERS).values(study=named))
    is_there = sa.exists().where(
        STUDIES.c.project == ANSWERS.c.project, STUDIES.c.id == ANSWERS.c.study
    )
    connection.execute(sa.update(ANSWERS).where(~is_there).values(response={}))


def downgrade() -> None:
    """Drop them again, and the answers that say nothing any more."""
    op.get_bind().execute(sa.delete(ANSWERS).where(sa.cast(ANSWERS.c.response, sa.Text()) == "{}"))
    op.drop_index("ix_idempotency_keys_study", "idempotency_keys")
    op.drop_column("idempotency_keys", "study")
    op.drop_column("studies", "curves_left")
    op.drop_column("studies", "curves_purged_at")
