"""Create the tables.

Revision: 0001, the first
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    """Create everything, referred tables first."""
    _create_projects()
    _create_studies()
    _create_trials()
    _create_runs()
    _create_measurements()
    _create_events()
    _create_idempotency_keys()


def downgrade() -> None:
    """Drop everything, referring tables first."""
    for table in (
        "idempotency_keys",
        "events",
        "measurements",
        "runs",
        "trials",
        "studies",
        "projects",
    ):
        op.drop_table(table)


def _create_projects() -> None:
    op.create_table(
        "projects",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_projects"),
    )


def _create_studies() -> None:
    op.create_table(
        "studies",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("objective", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("next_generation", sa.Integer(), nullable=False),
        sa.Column("expected_runs", sa.Integer(), nullable=False),
        sa.Column("finished_runs", sa.Integer(), nullable=False),
        sa.Column("best_trial", sa.Integer(), nullable=True),
        sa.Column("best_value", sa.Double(), nullable=True),
        sa.Column("verdict", sa.JSON(), nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("eta", MOMENT, nullable=True),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("started", MOMENT, nullable=True),
        sa.Column("finished", MOMENT, nullable=True),
        sa.Column("claimed", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("project", "id", name="pk_studies"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_studies_projects"),
    )
    op.create_index("ix_studies_page", "studies", ["project", "created", "id"])
    op.create_index("ix_studies_state", "studies", ["state"])


def _create_trials() -> None:
    op.create_table(
        "trials",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("schedule", sa.JSON(), nullable=False),
        sa.Column("identity", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("project", "study", "number", name="pk_trials"),
        sa.ForeignKeyConstraint(
            ["project", "study"], ["studies.project", "studies.id"], name="fk_trials_studies"
        ),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("trial", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("horizon", sa.Integer(), nullable=False),
        sa.Column("splits", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("lease", sa.Integer(), nullable=False),
        sa.Column("alone", sa.Boolean(), nullable=False),
        sa.Column("token", sa.String(), nullable=True),
        sa.Column("worker", sa.String(), nullable=True),
        sa.Column("claim", sa.String(), nullable=True),
        sa.Column("lease_until", MOMENT, nullable=True),
        sa.Column("told_token", sa.String(), nullable=True),
        sa.Column("body_hash", sa.String(), nullable=True),
        sa.Column("result", sa.JSON(), nullable=True),
        sa.Column("started", MOMENT, nullable=True),
        sa.Column("finished", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", "project", name="pk_runs"),
        sa.UniqueConstraint(
            "project", "study", "generation", "index", name="uq_runs_project_study_generation_index"
        ),
        sa.ForeignKeyConstraint(
            ["project", "study", "trial"],
            ["trials.project", "trials.study", "trials.number"],
            name="fk_runs_trials",
        ),
    )
    op.create_index("ix_runs_queue", "runs", ["project", "study", "state", "generation", "index"])
    op.create_index("ix_runs_trial", "runs", ["project", "study", "trial", "generation", "index"])
    op.create_index("ix_runs_leases", "runs", ["state", "lease_until"])
    op.create_index("ix_runs_claim", "runs", ["worker", "claim"])


def _create_measurements() -> None:
    op.create_table(
        "measurements",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("run", sa.String(), nullable=False),
        sa.Column("lease", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("project", "study", "run", "lease", "seq", name="pk_measurements"),
        sa.ForeignKeyConstraint(
            ["run", "project"], ["runs.id", "runs.project"], name="fk_measurements_runs"
        ),
    )


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("study", sa.String(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project", "study", "revision", name="pk_events"),
        sa.ForeignKeyConstraint(
            ["project", "study"], ["studies.project", "studies.id"], name="fk_events_studies"
        ),
    )


def _create_idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("response", sa.JSON(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project", "route", "key", name="pk_idempotency_keys"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_idempotency_keys_projects"),
    )
    op.create_index("ix_idempotency_keys_at", "idempotency_keys", ["at"])
