"""The schema, brought up to date under a lock.

The one idea: whoever comes first migrates, in ONE transaction, and the others wait for the lock
and find nothing left to do; a process that dies half-way leaves the schema as it was. The lock is
an advisory lock on PostgreSQL and a file lock on SQLite: both end with their holder.
The scripts are in `alembic/` of a checkout and beside this module in a wheel.
Not here: the tables as the code sees them (`models`).
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text
from sqlalchemy.orm import Session

from service.store import (
    dataset_models,
    failure_models,
    identity_models,
    list_models,
    models,
    webhook_models,
)
from service.store.timeouts import lift
from tuning.errors import InvalidValue

TABLES = (
    models,
    identity_models,
    dataset_models,
    failure_models,
    list_models,
    webhook_models,
)  # every module with tables: the schema is all of them
VERSION_TABLE = "glideslope_version"
ADVISORY_LOCK = 0x676C6964  # "glid"; any constant, the same in every process


def upgrade(engine: Engine) -> None:
    """Bring the schema to the newest revision; does nothing if it is there already."""
    with upgraded(engine):
        pass


@contextmanager
def upgraded(engine: Engine) -> Iterator[Connection]:
    """The transaction that does so, for what must be there together with the schema or not at all.

    Whoever else would migrate waits for its end. Raises InvalidValue, with nothing changed, for
    tables of a later version of this program.
    """
    with _alone(engine), _transaction(engine) as connection:
        _check_known(connection)
        command.upgrade(_config(connection), "head")
        yield connection


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take the schema back to a revision; `base` drops every table and all data."""
    _run(engine, lambda config: command.downgrade(config, revision))


def is_current(session: Session) -> bool:
    """Whether the schema is at the newest revision."""
    return revisions(session.connection()) == newest()


def revisions(connection: Connection) -> tuple[str, ...]:
    """The revision that the schema is at; none of a database without our tables."""
    options = {"version_table": VERSION_TABLE}
    return MigrationContext.configure(connection, opts=options).get_current_heads()


def scripts() -> Path:
    """Where the migration scripts are."""
    packaged = Path(__file__).parent / "migrations"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "alembic"


@cache
def newest() -> tuple[str, ...]:
    """The newest revision."""
    return tuple(ScriptDirectory(str(scripts())).get_heads())


@cache
def _known() -> frozenset[str]:
    """Every revision that there is a script for."""
    return frozenset(one.revision for one in ScriptDirectory(str(scripts())).walk_revisions())


def _check_known(connection: Connection) -> None:
    for revision in revisions(connection):
        if revision not in _known():
            allowed = (
                f"{newest()[0]} or older; a newer version of this program made these, use that one"
            )
            raise InvalidValue("database", f"tables of revision {revision}", allowed)


def _run(engine: Engine, act: Callable[[Config], None]) -> None:
    with _alone(engine), _transaction(engine) as connection:
        act(_config(connection))


@contextmanager
def _transaction(engine: Engine) -> Iterator[Connection]:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            lift(connection, locks=True)
            connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
        yield connection


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    return config


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Keep other processes from opening the same SQLite file for the first time."""
    if engine.dialect.name != "sqlite":
        yield
        return
    handle = os.open(f"{engine.url.database}.migrate", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
