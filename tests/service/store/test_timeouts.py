"""What hangs on PostgreSQL ends by itself, as a store that is busy; what may take long does."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url, text

from service.errors import StoreBusy
from service.store import migrations, projects
from service.store.engine import Store, parse_url, writing_engine
from service.store.timeouts import Limits, lift, reaching

SHORT = 0.2  # seconds


@contextmanager
def limited(url: str, **limits: float) -> Iterator[Store]:
    """A store of which one thing is short."""
    store = Store(url, limits=Limits(**limits))  # type: ignore[arg-type] # numbers all
    try:
        yield store
    finally:
        store.close()


def test_a_statement_has_its_time(postgres_database: str) -> None:
    """In a read as in a write, and the connection is as good as before."""
    with limited(postgres_database, statement_seconds=SHORT) as store:
        for begin in (store.read, store.write):
            with pytest.raises(StoreBusy, match="statement timeout"), begin() as session:
                session.execute(text("SELECT pg_sleep(60)"))
            with begin() as session:
                assert session.scalar(text("SELECT 1")) == 1


def test_what_may_take_long_does(postgres_database: str) -> None:
    """For one transaction; the next one is as short as ever."""
    with limited(postgres_database, statement_seconds=SHORT) as store:
        with store.read() as session:
            lift(session.connection())
            session.execute(text(f"SELECT pg_sleep({2 * SHORT})"))
        with pytest.raises(StoreBusy, match="statement timeout"), store.read() as session:
            session.execute(text("SELECT pg_sleep(60)"))


def test_a_lock_is_waited_for_no_longer(emptied_postgres_url: str) -> None:
    """A row's, and that of a name."""
    with (
        limited(emptied_postgres_url) as holder,
        limited(emptied_postgres_url, lock_seconds=SHORT) as store,
        holder.write() as session,
    ):
        projects.ensure(session, "a")
        with pytest.raises(StoreBusy, match="lock timeout"), store.write() as other:
            projects.ensure(other, "a")


def test_a_free_connection_is_waited_for_no_longer(postgres_database: str) -> None:
    """There are as many as there may be."""
    with (
        limited(postgres_database, connections=2, lock_seconds=SHORT) as store,
        store.write() as one,
        store.read() as other,
    ):
        assert one.scalar(text("SELECT 1")) == other.scalar(text("SELECT 1"))
        with pytest.raises(StoreBusy, match="QueuePool limit of size 2"), store.read() as third:
            third.execute(text("SELECT 1"))
        assert store.connections_in_use() == {"write": 2, "read": 2}  # it is one pool


def hang(session: Any) -> None:  # noqa: ANN401 # the store's own
    """Do something, and nothing for a while, and go on."""
    projects.ensure(session, "a")
    time.sleep(3 * SHORT)
    session.scalar(text("SELECT 1"))


def test_a_server_that_hangs_loses_its_transaction(emptied_postgres_url: str) -> None:
    """And with it its locks, for which others wait."""
    with limited(emptied_postgres_url, idle_seconds=SHORT) as hanging:
        with pytest.raises(StoreBusy), hanging.write() as session:
            hang(session)
        with hanging.write() as session:
            assert projects.names(session) == []


def test_migrations_wait_for_each_other_however_long(shared_postgres_url: str) -> None:
    """A replica that starts while another one migrates neither fails nor is cut short."""
    holder = writing_engine(parse_url(shared_postgres_url))
    lock = text(f"SELECT pg_advisory_xact_lock({migrations.ADVISORY_LOCK})")
    with limited(shared_postgres_url, statement_seconds=SHORT, lock_seconds=SHORT) as store:
        with holder.begin() as connection:
            connection.execute(lock)
            starting = threading.Thread(target=store.upgrade)
            starting.start()
            time.sleep(3 * SHORT)
            assert starting.is_alive()
        starting.join(60)
        with store.read() as session:
            assert migrations.is_current(session)
    holder.dispose()


def test_a_url_says_more_than_we_do() -> None:
    """Who connects and how long that may take, unless the URL says so itself."""
    plain = reaching(make_url("postgresql://h/d"), "glideslope")
    assert plain.query["application_name"] == "glideslope"
    assert plain.query["connect_timeout"] == "10"
    own = reaching(make_url("postgresql://h/d?application_name=x&connect_timeout=3"), "glideslope")
    assert (own.query["application_name"], own.query["connect_timeout"]) == ("x", "3")


def test_a_database_without_an_encoding_is_one_of_utf8(
    postgres_server: str, postgres_url: str
) -> None:
    """Which is what a server makes that was set up without a locale: text comes as text."""
    name = "glideslope_without_encoding"
    administrator = create_engine(parse_url(postgres_server), isolation_level="AUTOCOMMIT")
    owned = make_url(postgres_url).set(database=name)
    kind = "ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0"
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
        connection.execute(text(f"CREATE DATABASE {name} OWNER {owned.username} {kind}"))
    url = owned.render_as_string(hide_password=False)
    store = Store(url)
    store.upgrade()
    with store.write() as session:
        projects.ensure(session, "Größe")
    with store.read() as session:
        assert session.scalars(text("SELECT id FROM projects")).all() == ["Größe"]
    store.close()
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    administrator.dispose()
