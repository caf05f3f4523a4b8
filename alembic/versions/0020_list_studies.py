"""Find, sort and follow many studies: their words, their leads, what was deleted, and indexes.

Revision: 0020, after 0019
"""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

# A moment: timestamptz on PostgreSQL, integer microseconds since 1970 on SQLite.
MOMENT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
PLAIN = sa.String().with_variant(sa.String(collation="C"), "postgresql")
CHOSEN = ["project", "created", "id", "state", "objective", "label", "finished", "best_value"]
MOST_LEADS = 64
ROWS = 500  # at once

STUDIES = sa.table(
    "studies",
    *(sa.column(name) for name in ("project", "id", "label", "notes")),
    *(sa.column(name, sa.JSON()) for name in ("spec", "labels", "leads")),
)
TRIALS = sa.table("trials", *(sa.column(name) for name in ("project", "study", "number", "value")))


def upgrade() -> None:
    """Make them, and fill in what follows from the studies that are there."""
    words = _make_words()
    op.create_table(
        "deleted_studies",
        *(sa.Column(name, sa.String(), nullable=False) for name in ("project", "study")),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("project", "study", name="pk_deleted_studies"),
        sa.ForeignKeyConstraint(["project"], ["projects.id"], name="fk_deleted_studies_projects"),
    )
    op.create_index("ix_deleted_studies_at", "deleted_studies", ["project", "at"])
    op.add_column("studies", sa.Column("leads", sa.JSON(), server_default="[]", nullable=False))
    op.drop_index("ix_studies_page", "studies")
    op.create_index("ix_studies_list", "studies", CHOSEN)
    op.create_index("ix_events_at", "events", ["project", "at", "study"])
    connection = op.get_bind()
    for rows in _words(connection):
        connection.execute(sa.insert(words), rows)
    _fill_leads(connection)


def downgrade() -> None:
    """Drop them again."""
    op.drop_index("ix_events_at", "events")
    op.drop_index("ix_studies_list", "studies")
    op.create_index("ix_studies_page", "studies", ["project", "created", "id"])
    op.drop_column("studies", "leads")
    op.drop_table("deleted_studies")
    op.drop_table("study_words")


def _make_words() -> sa.Table:
    table = op.create_table(
        "study_words",
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in ("project", "study", "labels", "words")
        ),
        sa.Column("name", PLAIN, nullable=False),
        sa.PrimaryKeyConstraint("project", "study", name="pk_study_words"),
        sa.ForeignKeyConstraint(
            ["project", "study"],
            ["studies.project", "studies.id"],
            name="fk_study_words_studies",
        ),
    )
    op.create_index("ix_study_words_name", "study_words", ["project", "name", "study"])
    return table


def _words(connection: sa.Connection) -> Iterator[list[dict[str, str]]]:
    columns = [STUDIES.c[name] for name in ("project", "id", "label", "labels", "notes")]
    for page in connection.execute(sa.select(*columns)).partitions(ROWS):
        rows = []
        for project, study, label, labels, notes in page:
            pairs = [f"{name}={told}" for name, told in sorted(labels.items())]
            row = {
                "project": project,
                "study": study,
                "name": (label or study).casefold(),
                "labels": "\n" + "".join(f"{pair}\n" for pair in pairs),
                "words": "\n".join((study, label, *pairs, notes)).casefold(),
            }
            rows.append(row)
        yield rows


def _fill_leads(connection: sa.Connection) -> None:
    """By their number, the trials that were better than all before them."""
    metric = STUDIES.c.spec["metric"]["direction"].as_string()
    told = connection.execute(sa.select(STUDIES.c.project, STUDIES.c.id, metric)).all()
    directions = {(project, study): direction for project, study, direction in told}
    scored = connection.execute(
        sa.select(TRIALS)
        .where(TRIALS.c.value.is_not(None))
        .order_by(TRIALS.c.project, TRIALS.c.study, TRIALS.c.number),
        execution_options={"yield_per": ROWS},
    )
    found = [
        (place, _leads(trials, 1.0 if directions.get(place) == "maximize" else -1.0))
        for place, trials in groupby(scored, key=lambda row: (row.project, row.study))
    ]
    for (project, study), leads in found:
        connection.execute(
            sa.update(STUDIES)
            .where(STUDIES.c.project == project, STUDIES.c.id == study)
            .values(leads=leads)
        )


def _leads(trials: Iterator[Any], sign: float) -> list[tuple[int, float]]:
    found: list[tuple[int, float]] = []
    for row in trials:
        if not found or sign * row.value > sign * found[-1][1]:
            found.append((row.number, row.value))
            if len(found) > MOST_LEADS:
                found = [*found[:-1:2], found[-1]]
    return found
