"""Count who read which test split.

Revision: 0007, after 0006
"""

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")

STUDIES = sa.table("studies", sa.column("project"), sa.column("id"), sa.column("spec", sa.JSON()))
RUNS = sa.table(
    "runs",
    *(sa.column(name) for name in ("project", "study", "phase")),
    sa.column("finished", MOMENT),
    sa.column("result", sa.JSON()),
)


def upgrade() -> None:
    """Add the table, with what the studies that are there have read; nobody told of what data."""
    reads = op.create_table(
        "test_reads",
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("project", "study", "split", "data_hash", "config_hash", "question")
        ),
        sa.Column("verdict", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint(
            "project", "study", "verdict", "split", "data_hash", name="pk_test_reads"
        ),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_test_reads_projects"),
    )
    op.create_index("ix_test_reads_data", "test_reads", ["project", "data_hash"])
    op.create_index("ix_test_reads_config", "test_reads", ["project", "config_hash"])
    connection = op.get_bind()
    moments = _first_reads(connection)
    specs = connection.execute(sa.select(STUDIES.c.project, STUDIES.c.id, STUDIES.c.spec)).all()
    rows = [
        {
            "project": project,
            "study": study,
            "verdict": 1,
            "split": "test",
            "data_hash": "",
            "config_hash": _hash([spec["objective"], spec["config"]]),
            "question": _hash({**spec, "label": ""}),
            "at": moments[project, study],
        }
        for project, study, spec in specs
        if (project, study) in moments
    ]
    if rows:
        connection.execute(sa.insert(reads), rows)


def downgrade() -> None:
    """Drop it again."""
    op.drop_table("test_reads")


def _first_reads(connection: sa.Connection) -> dict[tuple[str, str], Any]:
    """When a run of a study first told a figure of the test split."""
    found: dict[tuple[str, str], Any] = {}
    told = connection.execute(
        sa.select(RUNS.c.project, RUNS.c.study, RUNS.c.finished, RUNS.c.result)
        .where(RUNS.c.phase == "confirm", RUNS.c.finished.is_not(None))
        .order_by(RUNS.c.finished),
        execution_options={"yield_per": 1_000},
    )
    for project, study, at, result in told:
        if result and ("test" in result["metrics"] or "test" in result["blocks"]):
            found.setdefault((project, study), at)
    return found


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
