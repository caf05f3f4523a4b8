"""Notices: servers on one PostgreSQL database tell each other that something changed.

The one idea: a notice says who sent it and nothing else; whoever hears one looks for itself. So one
that is lost, or comes twice, does no harm, and looking now and then stays the net below. Notices
are sent after the transactions they tell of, one for all of a moment, on a connection of their own:
a NOTIFY within them would make PostgreSQL commit them one after another.
Not here: who rings, and who is woken (`service.app`). SQLite has one server, and none of this.
"""

import random
import secrets
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import URL, NullPool, create_engine, text

from service.errors import StoreBusy
from service.store import faults
from service.store.timeouts import reaching

if TYPE_CHECKING:
    from psycopg import Connection

CHANNEL = "glideslope"
LISTENER = "glideslope listener"  # application names of the two connections
TELLER = "glideslope teller"
REST_SECONDS = 0.05  # least time between two notices of a server
LOOK_SECONDS = 0.2  # between two looks whether the end has come
FIRST_PAUSE_SECONDS = 0.1  # at most, before it listens again; it doubles each time
LONGEST_PAUSE_SECONDS = 5.0
_NOTIFY = text("SELECT pg_notify(:channel, :name)")


class Notices:
    """Those of one server on the database at `url`; it connects when it first tells or listens."""

    def __init__(self, url: URL) -> None:
        self._name = secrets.token_hex(8)
        self._is_over = threading.Event()
        self._pause = FIRST_PAUSE_SECONDS
        self._teller = create_engine(
            reaching(url, TELLER),
            isolation_level="AUTOCOMMIT",
            pool_size=1,
            max_overflow=0,
            pool_pre_ping=True,
        )
        self._listener = create_engine(
            reaching(url, LISTENER), isolation_level="AUTOCOMMIT", poolclass=NullPool
        )

    def tell(self) -> None:
        """Tell all others; returns a little later, for more may have changed by then.

        Raises StoreBusy.
        """
        with faults.translated(), self._teller.connect() as connection:
            connection.execute(_NOTIFY, {"channel": CHANNEL, "name": self._name})
        self._is_over.wait(REST_SECONDS)

    def listen(self, hear: Callable[[], None]) -> None:
        """Call `hear` whenever others tell something, until the end.

        And in the beginning: what was told before comes never again. Raises StoreBusy once the
        connection is lost, after a pause that is longer each time; then listen again.
        """
        if self._is_over.is_set():
            return
        try:
            self._listen(hear)
        except StoreBusy:
            self._is_over.wait(random.uniform(0, self._pause))  # noqa: S311 # jitter is no secret
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
            raise

    def end(self) -> None:
        """Listen no more, and rest no more."""
        self._is_over.set()

    def close(self) -> None:
        """Let go of the connections, once nobody tells or listens."""
        self._teller.dispose()
        self._listener.dispose()

    def _listen(self, hear: Callable[[], None]) -> None:
        import psycopg  # noqa: PLC0415 # an extra, which nobody needs on SQLite

        with faults.translated(), self._listener.connect() as connection:
            connection.exec_driver_sql(f"LISTEN {CHANNEL}")
            self._pause = FIRST_PAUSE_SECONDS
            hear()
            driver = cast("Connection[Any]", connection.connection.driver_connection)
            try:
                while not self._is_over.is_set():
                    notices = driver.notifies(timeout=LOOK_SECONDS, stop_after=1)
                    if {one.payload for one in notices} - {self._name}:
                        hear()
            except psycopg.Error as error:
                connection.invalidate(error)
                raise StoreBusy(faults.in_words(error)) from error
