"""Add sessions: keys that were made from another one, by signing in.

Revision: 0019, after 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the key that a session was made from: none of before was a session."""
    op.add_column("api_keys", sa.Column("parent", sa.String(), nullable=True))
    op.create_index("ix_api_keys_parent", "api_keys", ["project", "parent"])


def downgrade() -> None:
    """Drop it again, and with it the sessions, which would be keys otherwise."""
    op.execute("DELETE FROM api_keys WHERE parent IS NOT NULL")
    op.drop_index("ix_api_keys_parent", "api_keys")
    op.drop_column("api_keys", "parent")
