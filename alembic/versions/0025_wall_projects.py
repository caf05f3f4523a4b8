"""Wall projects off from each other by row-level security, on PostgreSQL.

A transaction sees and writes the rows within its reach alone, which it tells as the setting
`glideslope.project` (`service.store.reach`): those of a project, or of all by `*`. One that tells
nothing reaches nothing. The walls are forced, for the tables belong to the role that asks.
Not walled: the table of the version, which holds nothing of anybody's.

Revision: 0025, after 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

TABLES = (
    "api_keys",
    "datasets",
    "deleted_studies",
    "deliveries",
    "events",
    "failures",
    "idempotency_keys",
    "measurements",
    "projects",
    "provenances",
    "request_counts",
    "runs",
    "shared_studies",
    "studies",
    "study_words",
    "test_reads",
    "trials",
    "verdicts",
    "webhooks",
    "workers",
)
# As a sub-select it is asked once for a statement, and not once for a row.
REACH = "(SELECT current_setting('glideslope.project', true))"
# By a CASE the planner expects half of the rows to pass. By an IN or an OR it would multiply the
# share of one project with that of the query's own condition, and join as if there were no rows.
WITHIN = "CASE WHEN {reach} = '*' THEN true ELSE {owner} = {reach} END"


def upgrade() -> None:
    """Enable and force the walls."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in TABLES:
        owner = "id" if table == "projects" else "project"
        within = WITHIN.format(reach=REACH, owner=owner)
        _run(f"CREATE POLICY within_reach ON {table} USING ({within}) WITH CHECK ({within})")
        _run(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        _run(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    # Every project sees who trains for it; whom such a worker belongs to keeps what is written.
    seen = f"all_projects AND {REACH} <> ''"
    _run(f"CREATE POLICY of_all_projects ON workers FOR SELECT USING ({seen})")


def downgrade() -> None:
    """Tear them down."""
    if op.get_bind().dialect.name != "postgresql":
        return
    _run("DROP POLICY of_all_projects ON workers")
    for table in TABLES:
        _run(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
        _run(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY")
        _run(f"DROP POLICY within_reach ON {table}")


def _run(statement: str) -> None:
    op.execute(sa.text(statement))
