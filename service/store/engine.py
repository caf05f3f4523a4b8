"""Connections and transactions: one `Store` per server process.

The one idea: `with store.write() as session` is one transaction, committed when the block ends and
rolled back when it raises; an answer is sent only after the block. `store.attempt(block)` is the
same for a function, which is called again when others were in its way. On SQLite all writes share
ONE connection that begins IMMEDIATE, so two writers never deadlock or claim the same row, and
readers cannot write; a lock file keeps a second server off the file. PostgreSQL serves both from
one pool.
Not here: what is stored (`studies`, `work`, ...), what drivers complain of (`faults`).
"""

import fcntl
import json
import os
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool

from service.errors import Interrupted, StoreBusy
from service.store import migrations, reach
from service.store.clock import CLOCK, Clock
from service.store.faults import translated
from service.store.locks import let_go, try_name
from service.store.notices import Notices
from service.store.timeouts import Limits, reaching
from service.tracing import OFF, Tracing
from tuning.errors import InvalidValue

BUSY_TIMEOUT_SECONDS = 30
READERS = 41  # of SQLite; at least the threads that may ask at once, and the event loop
ATTEMPT_SECONDS = 2.0  # no attempt starts later than this after the first one
FIRST_PAUSE_SECONDS = 0.02  # at most, before the second attempt; it doubles each time
LONGEST_PAUSE_SECONDS = 0.5
AUTOCOMMIT = "AUTOCOMMIT"  # without transactions, which alone reach any row
ALLOWED_URLS = "sqlite:///path/to/file.db or postgresql://user@host/database"

Done = TypeVar("Done")
Timer = Callable[[str, float], None]


class Store:
    """An open database.

    Args:
        url: `sqlite:///path` or `postgresql://...`.
        now: a clock to use instead of the database's.
        tracing: makes a span of every transaction.
        limits: what may be asked of PostgreSQL.

    `notices` wake the other servers on the database, and this one; None on SQLite, which has none.
    `folder` is where the file of SQLite lies.
    Raises InvalidValue for any other URL, StoreBusy if another server holds the SQLite file.
    """

    def __init__(
        self,
        url: str,
        now: Clock | None = None,
        tracing: Tracing = OFF,
        limits: Limits = Limits(),  # noqa: B008 # frozen
    ) -> None:
        self._tracing = tracing
        self._info: dict[str, object] = {} if now is None else {CLOCK: now}
        parsed = parse_url(url)
        self._lock = _hold_file(parsed) if is_sqlite(parsed) else None
        self._writer = writing_engine(parsed, limits)
        self._reader = reading_engine(parsed, self._writer)
        self.notices = None if is_sqlite(parsed) else Notices(parsed)
        self._time: Timer | None = None
        self.folder = Path(str(parsed.database)).parent if is_sqlite(parsed) else None

    @property
    def is_local(self) -> bool:
        """Whether it is a file of this machine, whose readers never wait for a writer."""
        return self._lock is not None

    def enable(self, name: str) -> None:
        """Let transactions know of something that this server does beside what it must."""
        self._info[name] = True

    def time_writes(self, timer: Timer) -> None:
        """Let someone know how long each writing transaction had to wait, and took."""
        self._time = timer

    def upgrade(self) -> None:
        """Bring the schema up to date."""
        with self.upgraded():
            pass

    @contextmanager
    def upgraded(self) -> Iterator[Connection]:
        """A writing transaction that begins by bringing the schema up to date."""
        with translated():
            try:
                with migrations.upgraded(self._writer) as connection:
                    yield connection
            except DatabaseError as error:
                if type(error.orig) is sqlite3.DatabaseError:  # not one of its subclasses
                    allowed = f"a database of this program ({error.orig})"
                    raise InvalidValue("database", self._writer.url.database, allowed) from error
                raise

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction that may write: committed at the end, rolled back on an error.

        Raises StoreBusy if the database cannot answer; then nothing, or everything if the commit's
        answer was lost, is stored: repeat the whole block, whose parts are idempotent.
        """
        with (
            self._tracing.span("store.write"),
            translated(),
            Session(self._writer, expire_on_commit=False) as session,
        ):
            session.info.update(self._info)
            begin = time.perf_counter()
            with session.begin():
                session.connection()  # waits for the turn to write, or for a connection
                turn = time.perf_counter()
                yield session
            if self._time is not None:
                self._time("wait", turn - begin)
                self._time("hold", time.perf_counter() - turn)

    def attempt(self, block: Callable[[Session], Done]) -> Done:
        """`write` for a block that may be called again: what left nothing is tried once more.

        After a deadlock, or if the connection was lost before the commit, nothing is stored, and
        the whole block is called anew, after a pause drawn at random; so for some seconds. If the
        answer to a commit was lost, it may be stored, and only whoever asked can tell what to do.
        Raises StoreBusy as `write` does.
        """
        deadline, longest = time.monotonic() + ATTEMPT_SECONDS, FIRST_PAUSE_SECONDS
        while True:
            is_through = False
            try:
                with self.write() as session:
                    done = block(session)
                    is_through = True  # nothing is left but the commit
            except Interrupted as error:
                pause = random.uniform(0, longest)  # noqa: S311 # jitter is no secret
                is_stored_perhaps = is_through and not error.is_undone
                if is_stored_perhaps or time.monotonic() + pause > deadline:
                    raise
            else:
                return done
            time.sleep(pause)
            longest = min(2 * longest, LONGEST_PAUSE_SECONDS)

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One read-only transaction: all its queries see the same moment."""
        with (
            self._tracing.span("store.read"),
            translated(),
            Session(self._reader, expire_on_commit=False) as session,
        ):
            session.info.update(self._info)
            with session.begin():
                yield session

    @contextmanager
    def turn(self, *name: str) -> Iterator[bool]:
        """Whether no other server on the database does what is named, which it cannot meanwhile.

        It depends on a connection, which takes it along if it breaks or the server dies; so this
        may save work, but never keep anything true. A file has one server, which is always free.
        """
        if self.is_local:
            yield True
            return
        with translated(), self._writer.connect() as connection:
            alone = connection.execution_options(isolation_level=AUTOCOMMIT)
            if not try_name(alone, *name):
                yield False
                return
            try:
                yield True
            finally:
                let_go(alone, *name)

    def connections_in_use(self) -> dict[str, int]:
        """Connections that are checked out, by pool; on PostgreSQL one pool serves both."""
        pools = {"write": self._writer.pool, "read": self._reader.pool}
        return {
            name: pool.checkedout() for name, pool in pools.items() if isinstance(pool, QueuePool)
        }

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """The same without a session, for the few questions that are asked all the time."""
        with translated(), self._reader.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections, those in use as soon as they are not, and let go of the file."""
        for engine in (self._reader, self._writer):
            event.listen(engine.pool, "checkin", _close_late)
        self._reader.dispose()
        self._writer.dispose()  # the writer closes last: only it may checkpoint
        if self.notices is not None:
            self.notices.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def parse_url(url: str) -> URL:
    """A database URL with its driver; raises InvalidValue for a database that is not served."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InvalidValue("database", "...", ALLOWED_URLS) from error
    backend = parsed.get_backend_name()
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend == "sqlite" and parsed.database not in {None, "", ":memory:"}:
        return parsed.set(drivername="sqlite+pysqlite")
    raise InvalidValue("database", parsed.render_as_string(hide_password=True), ALLOWED_URLS)


def is_sqlite(url: URL) -> bool:
    """Whether the database is a file."""
    return url.get_backend_name() == "sqlite"


def writing_engine(url: URL, limits: Limits | None = None) -> Engine:
    """The engine all writes go through; on SQLite it owns exactly one connection."""
    if not is_sqlite(url):
        return _postgres_engine(url, limits)
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=BUSY_TIMEOUT_SECONDS,
        json_serializer=compact_json,
    )
    pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON")
    _set_up_sqlite(engine, "BEGIN IMMEDIATE", pragmas)
    return engine


def compact_json(value: object) -> str:
    """JSON in ASCII without spaces; raises ValueError for NaN and infinities."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def reading_engine(url: URL, writer: Engine | None = None) -> Engine:
    """An engine whose transactions change nothing, and see one moment each.

    On PostgreSQL it shares the pool of a `writer`; an SQLite file must be there.
    """
    if not is_sqlite(url):
        shared = writer or _postgres_engine(url, None)
        return shared.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    engine = create_engine(url, pool_size=READERS, max_overflow=0, json_serializer=compact_json)
    _set_up_sqlite(engine, "BEGIN", ("query_only=ON",))
    return engine


def _close_late(connection: DBAPIConnection | None, _record: object) -> None:
    """Close what comes back to a pool that is no more, as from a look that hung."""
    if connection is not None:  # else it was invalid
        connection.close()


def _set_up_sqlite(engine: Engine, begin: str, pragmas: tuple[str, ...]) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, _record: object) -> None:
        connection.isolation_level = None  # sqlite3 then leaves BEGIN to us
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={BUSY_TIMEOUT_SECONDS * 1000}", *pragmas):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql(begin)


def _postgres_engine(url: URL, limits: Limits | None) -> Engine:
    usual = limits or Limits()
    try:
        engine = create_engine(
            reaching(url, "glideslope"),
            pool_size=usual.connections,
            max_overflow=0,
            pool_pre_ping=True,
            pool_timeout=usual.lock_seconds,
            json_serializer=compact_json,
        )
    except ModuleNotFoundError as error:
        shown = url.render_as_string(hide_password=True)
        allowed = "PostgreSQL only with its driver: pip install 'glideslope[postgres]'"
        raise InvalidValue("database", shown, allowed) from error
    commands = ["SET TIME ZONE 'UTC'", *(() if limits is None else limits.commands())]

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("; ".join(commands))
        cursor.close()
        connection.commit()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != AUTOCOMMIT:
            reach.tell(connection)

    return engine


def _hold_file(url: URL) -> int:
    """Lock the database file for this process; the system lets go when the process dies."""
    path = Path(f"{url.database}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        allowed = f"a file in a folder that can be written ({error.strerror})"
        raise InvalidValue("database", url.database, allowed) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise StoreBusy(f"another server has {url.database} open") from error
    return handle
