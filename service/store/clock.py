"""Time in the store: the database's clock, in UTC, replaceable per `Store`.

The one idea: leases are compared with the clock that wrote them, so a worker's or a replica's wrong
clock cannot expire them. PostgreSQL is asked; SQLite has no server, so there the process's clock is
the database's. A test passes its own clock to `Store(url, now=...)`.
Not here: durations; callers add them.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import text
from sqlalchemy.orm import Session

Clock = Callable[[], datetime]
CLOCK = "now"  # the key of a replaced clock in `Session.info`


def now(session: Session) -> datetime:
    """The time by the database's clock: UTC, aware, microseconds."""
    replaced = cast("Clock | None", session.info.get(CLOCK))
    if replaced is not None:
        return replaced()
    if session.get_bind().dialect.name == "postgresql":
        told = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return cast("datetime", told).astimezone(UTC)
    return datetime.fromtimestamp(time.time(), UTC)
