"""Provenances: what runs were trained on and with, each distinct one stored once per project.

The one idea: a row is named by the hash of what it says, so it never changes, two writers of equal
rows need not wait to agree, and a run carries no more than the name.
Not here: what a provenance is (`tuning.provenance`), when a run's is told (`outcomes`).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import DeclarativeBase, Session

from service.store import models
from tuning.provenance import Provenance

# Any: the two statements share their methods, but no type that has them.
INSERTS: Mapping[str, Any] = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}


def remember(session: Session, told: Iterable[tuple[str, Provenance]]) -> None:
    """Store the provenances of these projects that are not there yet."""
    rows = {(project, one.identity): one for project, one in told}
    add_missing(
        session,
        models.Provenance,
        [
            {
                "project": project,
                "id": identity,
                "data_hash": one.data_hash,
                "versions": dict(one.versions),
            }
            for (project, identity), one in sorted(rows.items(), key=lambda row: row[0])
        ],
    )


def recall(session: Session, project: str, names: Collection[str]) -> dict[str, Provenance]:
    """The provenances of these names."""
    row = models.Provenance
    if not names:
        return {}
    found = session.scalars(select(row).where(row.project == project, row.id.in_(names)))
    return {one.id: Provenance(one.data_hash, one.versions) for one in found}


def add_missing(
    session: Session, table: type[DeclarativeBase], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert the rows whose key is not there; whoever inserts many keys does so in their order."""
    if rows:
        insert = INSERTS[session.get_bind().dialect.name]
        session.execute(insert(table.__table__).on_conflict_do_nothing(), rows)
