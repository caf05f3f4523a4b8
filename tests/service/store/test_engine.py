"""What is particular to each database: durability settings, locks, and who may open it."""

import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from service.errors import StoreBusy
from service.store import engine, migrations, projects
from service.store.clock import now
from service.store.engine import Store
from service.store.models import UtcTime
from tuning.errors import InvalidValue

HOLD = """
import sys
from service.store.engine import Store
store = Store(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet, in a folder that does not either."""
    return f"sqlite:///{tmp_path / 'var' / 'glideslope.db'}"


def test_sqlite_is_durable_and_has_one_writer(sqlite_url: str) -> None:
    """WAL, synchronous=FULL, foreign keys; the writing pool holds one connection."""
    store = Store(sqlite_url)
    with store.write() as session:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        told = [session.scalar(text(f"PRAGMA {name}")) for name in asked]
    with store.read() as session:
        assert session.scalar(text("PRAGMA query_only")) == 1
    assert told == ["wal", 2, 1, 30_000]
    assert (store._writer.pool.size(), store._writer.pool._max_overflow) == (1, 0)
    store.close()


def test_two_servers_never_share_a_file(sqlite_url: str) -> None:
    """A second server is refused while the first lives, and let in when it was killed."""
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, sqlite_url], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with child:
        assert child.stdout.readline() == b"open\n"
        with pytest.raises(StoreBusy, match="another server"):
            Store(sqlite_url)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    Store(sqlite_url).close()


def test_a_closed_store_lets_go_of_its_file(sqlite_url: str) -> None:
    """Closing is enough to open again in the same process."""
    Store(sqlite_url).close()
    Store(sqlite_url).close()


def test_a_question_under_way_outlives_the_store_and_leaves_nothing_open(database_url: str) -> None:
    """Its connection is closed once it comes back; nobody waits for it."""
    store = Store(database_url)
    with store.look() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
        driver = connection.connection.driver_connection
        assert driver is not None
        store.close()
        assert connection.scalar(text("SELECT 2")) == 2
    if "sqlite" in database_url:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            driver.execute("SELECT 3")
    else:
        assert driver.closed


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://root:secret@host/db", "var/x.db", ""]
)
def test_refuses_a_database_it_does_not_serve(url: str) -> None:
    """The error names the field and what is allowed, and never a password."""
    with pytest.raises(InvalidValue, match=r"^database") as caught:
        Store(url)
    assert "secret" not in str(caught.value)


def test_a_database_that_does_not_answer_is_busy(tmp_path: Path) -> None:
    """A lost server is StoreBusy, with the driver's first line as the reason."""
    store = Store(f"postgresql://nobody@/nothing?host={tmp_path}")
    with pytest.raises(StoreBusy, match="did not answer"), store.write() as session:
        session.execute(text("SELECT 1"))
    store.close()


def test_a_locked_file_is_busy(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that another program keeps waiting too long is told to try again."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_SECONDS", 0)
    store = Store(sqlite_url)
    store.upgrade()
    intruder = engine.writing_engine(engine.parse_url(sqlite_url))
    with intruder.begin(), pytest.raises(StoreBusy, match="locked"), store.write() as session:
        session.execute(text("SELECT 1"))
    intruder.dispose()
    store.close()


def test_time_is_the_databases_and_in_utc(database_url: str) -> None:
    """Without a replaced clock, time is close to ours, aware, and advances in a transaction."""
    store = Store(database_url)
    with store.write() as session:
        first, second = now(session), now(session)
    store.close()
    assert first.tzinfo is UTC
    assert first < second
    assert abs((first - datetime.now(UTC)).total_seconds()) < 60


def test_the_zone_of_a_session_does_not_matter(postgres_database: str) -> None:
    """A moment is the same moment, in UTC, whatever a session's zone is."""
    store = Store(postgres_database)
    with store.write() as session:
        session.execute(text("SET LOCAL TIME ZONE 'Asia/Tokyo'"))
        moment = now(session)
        stored = projects.ensure(session, "zone").created
        session.expire_all()
        read = projects.get(session, "zone").created
        session.rollback()
    store.close()
    assert moment.tzinfo is UTC
    assert abs((moment - datetime.now(UTC)).total_seconds()) < 60
    assert read == stored
    assert read.tzinfo is UTC


def test_time_can_be_replaced(store: Store, advance: Callable[[float], None]) -> None:
    """A test moves the store's clock."""
    with store.write() as session:
        before = now(session)
        advance(90)
        assert (now(session) - before).total_seconds() == 90


def test_a_moment_without_a_zone_is_refused(store: Store) -> None:
    """Nobody knows when a naive moment was, so it is not stored."""
    with store.read() as session:
        dialect = session.get_bind().dialect
    naive = datetime(2026, 1, 1)  # noqa: DTZ001 # the point
    with pytest.raises(ValueError, match="without a time zone"):
        UtcTime().process_bind_param(naive, dialect)


def test_knows_whether_its_schema_is_current(empty_database_url: str) -> None:
    """Readiness: not before the migrations ran."""
    store = Store(empty_database_url)
    with store.read() as session:
        assert not migrations.is_current(session)
    store.upgrade()
    with store.read() as session:
        assert migrations.is_current(session)
    store.close()
