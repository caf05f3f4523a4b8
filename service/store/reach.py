"""Reach: whose rows a transaction may see and write; the second wall between tenants.

The one idea: every query names its project, and should one forget to, PostgreSQL still shows and
takes no row beyond the reach that the transaction told at its beginning. What a server does for
itself reaches everything. A request reaches nothing until it is known who asks, and then what is
theirs; the threads that serve it take its reach along, for it is a context variable.
SQLite has the first wall alone.
Not here: the policies that compare rows with it (`alembic/versions/0025_wall_projects.py`), whether
they hold (`walls`), who asks (`service.api.gate`, `service.api.caller`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection

NOTHING, EVERYTHING = "", "*"  # beside the names of projects, none of which is one of these
# Local to the transaction: a connection that goes back to its pool reaches nothing.
_TELL = "SELECT set_config('glideslope.project', %s, true)"

_reach: ContextVar[str] = ContextVar("reach", default=EVERYTHING)


@contextmanager
def reaching(reach: str) -> Iterator[None]:
    """Let the transactions that begin in a block reach a project, NOTHING or EVERYTHING."""
    token = _reach.set(reach)
    try:
        yield
    finally:
        _reach.reset(token)


def settle(reach: str) -> None:
    """Let the transactions that begin from now on reach it, to the end of the block around."""
    _reach.set(reach)


def tell(connection: Connection) -> None:
    """Tell PostgreSQL what a transaction that has just begun may reach."""
    connection.exec_driver_sql(_TELL, (_reach.get(),))
