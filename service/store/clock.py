"""Time in the store: the database's clock, in UTC, replaceable per `Store`.

The one idea: leases are compared with the clock that wrote them, so a worker's or a replica's wrong
clock cannot expire them. PostgreSQL is asked; SQLite has no server, so there the process's clock is
the database's, and whoever needs to know can tell that it was set. A test passes its own clock to
`Store(url, now=...)`.
Not here: durations; callers add them. What is done once a clock was set (`service.housekeeping`).
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

from sqlalchemy import text
from sqlalchemy.orm import Session

Clock = Callable[[], datetime]
CLOCK = "now"  # the key of a replaced clock in `Session.info`
SET_SECONDS = 1.0  # by which two looks may differ from the monotonic clock: they take their time


class ProcessClock:
    """The time by this process's clock, which notices at each look whether it was set.

    Args:
        wall: seconds since 1970.
        steady: seconds that nobody can set; they need not go on while the machine sleeps.

    `times_set` counts how often it was; also twice in a row, if anybody looked in between.
    """

    def __init__(
        self,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._ahead = wall() - steady()
        self.times_set = 0

    def __call__(self) -> datetime:
        """The time: UTC, aware, microseconds."""
        at = self._wall()
        ahead = at - self._steady()
        if abs(ahead - self._ahead) > SET_SECONDS:
            self.times_set += 1
        self._ahead = ahead
        return datetime.fromtimestamp(at, UTC)


PROCESS = ProcessClock()


def now(session: Session) -> datetime:
    """The time by the database's clock: UTC, aware, microseconds."""
    replaced = cast("Clock | None", session.info.get(CLOCK))
    if replaced is not None:
        return replaced()
    if session.get_bind().dialect.name == "postgresql":
        told = session.execute(text("SELECT clock_timestamp()")).scalar_one()
        return cast("datetime", told).astimezone(UTC)
    return PROCESS()
