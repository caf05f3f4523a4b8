"""Timeouts: how long PostgreSQL works on a statement, waits for a lock, and waits for us.

The one idea: whatever hangs ends by itself, so nobody waits for ever for somebody else; whoever is
cut short is told that the store is busy, and asks again. What may take long says so (`lift`).
Not here: SQLite, where nothing is waited for but the one writer (`engine`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import URL, Connection, text

# What libpq is told unless the URL says otherwise: a dead network is noticed within a minute, and
# text is UTF-8, also of a database without an encoding (SQL_ASCII), which else would send bytes.
REACH = {
    "client_encoding": "utf8",
    "connect_timeout": "10",
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "60000",  # ms; no keepalives are sent while something is unacknowledged
}


@dataclass(frozen=True, slots=True)
class Limits:
    """What one server may ask of PostgreSQL.

    Args:
        connections: at most, for everything but notices.
        statement_seconds: for one statement.
        lock_seconds: for one lock, and for a connection that is free.
        idle_seconds: between two statements of a transaction; a server that hangs for longer loses
            it, for others may need its locks.
    """

    connections: int = 20
    statement_seconds: float = 30.0
    lock_seconds: float = 10.0
    idle_seconds: float = 60.0

    def commands(self) -> Iterator[str]:
        """What sets them for a connection."""
        for name, seconds in (
            ("statement_timeout", self.statement_seconds),
            ("lock_timeout", self.lock_seconds),
            ("idle_in_transaction_session_timeout", self.idle_seconds),
        ):
            yield f"SET {name} = {max(1, round(1000 * seconds))}"


def lift(connection: Connection, *, locks: bool = False) -> None:
    """Let each statement of this transaction take its time; with `locks`, wait for those as well.

    It may still not be idle for long.
    """
    if connection.dialect.name != "postgresql":
        return
    for name in ("statement_timeout", *(("lock_timeout",) if locks else ())):
        connection.execute(text(f"SET LOCAL {name} = 0"))


def reaching(url: URL, application: str) -> URL:
    """A URL that says who connects, and how long that may take, unless it does so itself."""
    return url.set(query={"application_name": application, **REACH, **url.query})
