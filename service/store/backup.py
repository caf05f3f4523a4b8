"""Backups of an SQLite store, also while a server is writing to it.

The one idea: SQLite's own backup reads one consistent moment beside the writer; the copy is made
under another name, checked, flushed, and only then given its own, so that a file of that name is
always a whole backup. To restore, stop the server and put the file in the database's place.
Not here: PostgreSQL, which brings `pg_dump`.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import URL

from service.errors import ServiceError
from service.store.engine import is_sqlite, parse_url
from service.store.migrations import VERSION_TABLE
from tuning.errors import InvalidValue


def back_up(url: str, file: Path, *, overwrite: bool = False) -> int:
    """Copy a store to a file; returns its size in bytes.

    Args:
        url: of the store.
        file: the backup; its folder must exist.
        overwrite: whether a file of that name is replaced, in one step.

    Raises InvalidValue for a database that is none of this program's or a file that cannot be
    written, ServiceError if the copy fails or is found damaged.
    """
    source = _source(parse_url(url))
    if file.exists() and not overwrite:
        raise InvalidValue("FILE", str(file), "a file that does not exist, or --overwrite")
    draft = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        _create(draft)
        _copy(source, draft)
        _check(draft)
        flush(draft)
        _publish(draft, file, overwrite=overwrite)
        flush(file.parent)
    except sqlite3.Error as error:
        raise ServiceError(f"the backup of {source} failed: {error}") from error
    finally:
        draft.unlink(missing_ok=True)
    return file.stat().st_size


def _source(url: URL) -> Path:
    if not is_sqlite(url):
        shown = URL.create(
            "postgresql", url.username, None, url.host, url.port, url.database
        ).render_as_string()
        allowed = (
            "SQLite; for PostgreSQL: PGOPTIONS='-c glideslope.project=*' pg_dump "
            f"--enable-row-security --format=custom --file=FILE '{shown}'"
        )
        raise InvalidValue("database", url.render_as_string(hide_password=True), allowed)
    path = Path(str(url.database))
    if not path.is_file():
        raise InvalidValue("database", str(path), "a database that exists")
    return path


def _create(draft: Path) -> None:
    """An empty file that only its owner may read, since keys and data go into it."""
    try:
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    except OSError as error:
        allowed = f"a file that can be written ({error.strerror})"
        raise InvalidValue("FILE", str(draft.parent), allowed) from error


def _copy(source: Path, draft: Path) -> None:
    with _opened(source) as old, _opened(draft) as new:
        try:
            known = old.execute(
                "SELECT count(*) FROM sqlite_master WHERE name = ?", (VERSION_TABLE,)
            )
            is_ours = known.fetchone()[0] == 1
        except sqlite3.DatabaseError as error:
            raise InvalidValue(
                "database", str(source), f"a database of this program ({error})"
            ) from error
        if not is_ours:
            raise InvalidValue("database", str(source), "a database of this program")
        old.backup(new)
        new.execute("PRAGMA journal_mode=DELETE")  # one file, whatever the original's mode


def _check(draft: Path) -> None:
    with _opened(draft) as copy:
        found = [str(row[0]) for row in copy.execute("PRAGMA integrity_check(5)")]
    if found != ["ok"]:
        raise ServiceError(f"the copy is damaged, and so may be the original: {'; '.join(found)}")


def flush(path: Path) -> None:
    """Have the disk write what it was given of a file, or of the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _publish(draft: Path, file: Path, *, overwrite: bool) -> None:
    if overwrite:
        draft.replace(file)
        return
    try:
        file.hardlink_to(draft)  # refuses a file that appeared meanwhile
    except FileExistsError as error:
        raise InvalidValue(
            "FILE", str(file), "a file that does not exist, or --overwrite"
        ) from error


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, timeout=30.0)) as connection:
        yield connection
