"""Walls: the row-level security of PostgreSQL, looked at and let down.

The one idea: what keeps rows within reach is a property of tables and of the role that asks, so
only the database can say whether it holds.
Not here: the walls themselves (`alembic/versions/0025_wall_projects.py`), what is told to them
(`reach`).
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from service.store.models import Base

_OPEN = text(
    "SELECT name FROM unnest(CAST(:names AS text[])) AS name WHERE NOT row_security_active(name)"
)


def breaches(session: Session) -> list[str]:
    """The tables whose every row PostgreSQL shows to the role that asks, whatever its reach.

    It shows them to superusers and to roles with BYPASSRLS. None on SQLite, which has no walls.
    """
    if session.get_bind().dialect.name != "postgresql":
        return []
    return list(session.scalars(_OPEN, {"names": sorted(Base.metadata.tables)}))


@contextmanager
def let_down(connection: Connection) -> Iterator[None]:
    """Let the owner of the tables write past the walls, as COPY does not go through any.

    They stand again after the block; if it raises, once the transaction is undone.
    """
    _force(connection, "NO FORCE")
    yield
    _force(connection, "FORCE")


def _force(connection: Connection, how: str) -> None:
    if connection.dialect.name == "postgresql":
        for name in Base.metadata.tables:
            connection.execute(text(f"ALTER TABLE {name} {how} ROW LEVEL SECURITY"))
