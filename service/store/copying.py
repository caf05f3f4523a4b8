"""Copies of a whole store, between SQLite and PostgreSQL or from like to like.

The one idea: the source is read as it stood at one moment, table by table in the order of their
references, and written to an empty target in ONE transaction, which begins with the migrations and
ends only if what is read back is the same; so a copy is whole, or the target is as it was.
Documents travel as the text they are stored as, and never through memory as a whole: a table's
digest is the sum of the hashes of its rows, so it asks for no order.
Not here: backups of one file (`backup`), one study (`exports`), files of datasets.
"""

import math
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    URL,
    Column,
    Connection,
    Double,
    MetaData,
    Table,
    Text,
    cast,
    delete,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.orm import Session

from service.errors import ServiceError
from service.store import figures, migrations
from service.store.clock import now
from service.store.engine import Store, is_sqlite, parse_url, reading_engine
from service.store.faults import translated
from service.store.models import Base
from service.store.walls import let_down
from tuning.errors import InvalidValue

BATCH = 500  # rows
LOCK_SECONDS = 10  # that whoever writes to the target may take to be done
SUMS = 2**256
# What is left of a service that served nothing: it makes room for the source's.
TRACES = ("workers", "request_counts", "deleted_studies", "projects")

Rows = list[tuple[Any, ...]]
Progress = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class CopiedTable:
    """A table that is the same on both sides: its rows, and a digest of them in any order."""

    name: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class Copy:
    """What was copied: the source at this moment, which went on or not.

    `studies` had not ended then, and `leased_runs` were being trained; the files of `datasets` are
    not in a database.
    """

    source: str
    target: str
    at: datetime
    tables: Sequence[CopiedTable]
    studies: int
    leased_runs: int
    datasets: int
    dataset_bytes: int


def copy_store(
    source: str,
    target: str,
    begin: Callable[[int], None] = lambda _: None,
    progress: Progress = lambda _, __: None,
) -> Copy:
    """Copy a store to an empty database; the source is only read, also beside its server.

    Args:
        source: its URL.
        target: URL of a database without any row of ours but traces of a service.
        begin: told how many steps there will be: every row is copied, and then checked.
        progress: told what is done to which table, and how many steps more are.

    Raises InvalidValue for a database that cannot be copied from or to, StoreBusy if one cannot
    answer or is served, ServiceError if the copy fails; the target then is as it was.
    """
    old, new = parse_url(source), parse_url(target)
    _check_apart(old, new)
    with _moment(old) as reading:
        with Session(reading) as session:
            at, standing = now(session), figures.take(session)
        begin(2 * sum(_count(reading, table) for table in _tables()))
        with closing(Store(target)) as store, store.upgraded() as writing:
            _make_room(writing, new)
            with let_down(writing):
                copied = [_copy(reading, writing, table, progress) for table in _tables()]
            for one in copied:
                _compare(writing, one, progress)
            _gather_statistics(writing)
    return Copy(
        source=_shown(old),
        target=_shown(new),
        at=at,
        tables=copied,
        studies=sum(standing.studies[state] for state in ("running", "confirming", "paused")),
        leased_runs=standing.leased_runs,
        datasets=standing.datasets,
        dataset_bytes=standing.dataset_bytes,
    )


def _shown(url: URL) -> str:
    """A URL as people write it, without its password."""
    return url.set(drivername=url.get_backend_name()).render_as_string(hide_password=True)


def _tables() -> list[Table]:
    """Every table, after those it refers to."""
    return Base.metadata.sorted_tables


def _check_apart(old: URL, new: URL) -> None:
    if _place(old) == _place(new):
        raise InvalidValue("TARGET_URL", _shown(new), "another database than the source")


def _place(url: URL) -> tuple[Any, ...]:
    """Where a database is, whoever opens it."""
    if is_sqlite(url):
        return (Path(str(url.database)).resolve(),)
    return url.host, url.port or 5432, url.database, url.query


@contextmanager
def _moment(url: URL) -> Iterator[Connection]:
    """The source at one moment, for one who cannot change it."""
    if is_sqlite(url) and not Path(str(url.database)).is_file():
        raise InvalidValue("SOURCE_URL", _shown(url), "a database that exists")
    engine = reading_engine(url)
    try:
        with translated(), engine.connect() as connection, connection.begin():
            _check_version(connection, url)
            yield connection
    finally:
        engine.dispose()


def _check_version(connection: Connection, url: URL) -> None:
    try:
        is_ours = inspect(connection).has_table(migrations.VERSION_TABLE)
    except DatabaseError as error:
        if type(error.orig) is not sqlite3.DatabaseError:  # but one of its subclasses
            raise
        allowed = f"a database of this program ({error.orig})"
        raise InvalidValue("SOURCE_URL", _shown(url), allowed) from error
    if not is_ours:
        raise InvalidValue("SOURCE_URL", _shown(url), "a database of this program")
    found, newest = migrations.revisions(connection), migrations.newest()
    if found != newest:
        allowed = (
            f"tables of version {newest[0]}, not {', '.join(found) or 'none'}: bring them up to "
            "date with `glideslope db upgrade`, or copy with the version that serves them"
        )
        raise InvalidValue("SOURCE_URL", _shown(url), allowed)


def _make_room(connection: Connection, url: URL) -> None:
    """Refuse a target that holds anything; what a service left that served nothing goes."""
    if not is_sqlite(url):  # the file of the other is ours alone
        names = ", ".join(table.name for table in _tables())
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        connection.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))
    counts = {table.name: _count(connection, table) for table in _tables()}
    room = {name: 1 if name == "projects" else counts[name] for name in TRACES}
    held = [f"{rows:,} {name}" for name, rows in counts.items() if rows > room.get(name, 0)]
    if held:
        allowed = f"a database without studies or anything else; it has {', '.join(held)}"
        raise InvalidValue("TARGET_URL", _shown(url), allowed)
    for name in TRACES:
        connection.execute(delete(Base.metadata.tables[name]))


def _count(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def _copy(
    reading: Connection, writing: Connection, table: Table, progress: Progress
) -> CopiedTable:
    sums = _Sums(table)

    write = _pour if writing.dialect.name == "postgresql" else _insert
    with _telling(table, writing), closing(_read(reading, table)) as batches:

        def passing() -> Iterator[Rows]:
            for rows in batches:
                sums.add(rows)
                yield rows
                progress(f"copying {table.name}", len(rows))

        write(writing, table, passing())
    return CopiedTable(table.name, sums.rows, sums.digest)


def _compare(connection: Connection, copied: CopiedTable, progress: Progress) -> None:
    """Read a table back; raises ServiceError unless it is what was written."""
    table = Base.metadata.tables[copied.name]
    sums = _Sums(table)
    with _telling(table, connection), closing(_read(connection, table)) as batches:
        for rows in batches:
            sums.add(rows)
            progress(f"checking {table.name}", len(rows))
    if (sums.rows, sums.digest) != (copied.rows, copied.digest):
        raise ServiceError(
            f"table {table.name} is not the same in the target: {sums.rows:,} rows, digest "
            f"{sums.digest}; the source has {copied.rows:,}, digest {copied.digest}"
        )


class _Sums:
    """Counts rows and adds up their hashes."""

    def __init__(self, table: Table) -> None:
        self.rows = 0
        self._sum = 0
        self._table = table
        self._numbers = [
            place for place, one in enumerate(table.columns) if isinstance(one.type, Double)
        ]

    def add(self, rows: Rows) -> None:
        """Take rows as `_read` gives them, which are the same texts on every database."""
        self.rows += len(rows)
        for row in rows:
            known = row
            for place in self._numbers:
                if row[place] is not None and not math.isfinite(row[place]):
                    name = self._table.columns.keys()[place]
                    raise ServiceError(
                        f"{self._table.name}.{name} of the source holds {row[place]}, which no "
                        f"store keeps: {row[:2]!r}"
                    )
                if row[place] == 0.0:  # SQLite knows no negative zero
                    known = (*known[:place], 0.0, *known[place + 1 :])
            self._sum += int.from_bytes(sha256(repr(known).encode()).digest())

    @property
    def digest(self) -> str:
        """The sum, in hexadecimal digits."""
        return f"{self._sum % SUMS:064x}"


def _read(connection: Connection, table: Table) -> Generator[Rows, None, None]:
    """The rows of a table in batches; documents as their text, moments in UTC."""
    columns: list[Any] = [
        cast(one, Text) if isinstance(one.type, JSON) else one for one in table.columns
    ]
    options = {"yield_per": BATCH}
    with closing(connection.execute(select(*columns), execution_options=options)) as found:
        for batch in found.partitions():
            yield [tuple(row) for row in batch]


def _pour(connection: Connection, table: Table, batches: Iterator[Rows]) -> None:
    """Write rows by PostgreSQL's COPY, ten times as fast as inserts."""
    quote = connection.dialect.identifier_preparer
    names = ", ".join(quote.quote(one.name) for one in table.columns)
    command = f"COPY {quote.format_table(table)} ({names}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor, cursor.copy(command) as stream:
        for rows in batches:
            for row in rows:
                stream.write_row(row)


def _insert(connection: Connection, table: Table, batches: Iterator[Rows]) -> None:
    """Write rows whose documents are texts already."""
    names = table.columns.keys()
    plain: list[Column[Any]] = [
        Column(one.name, Text() if isinstance(one.type, JSON) else one.type)
        for one in table.columns
    ]
    command = insert(Table(table.name, MetaData(), *plain))
    for rows in batches:
        connection.execute(command, [dict(zip(names, row, strict=True)) for row in rows])


@contextmanager
def _telling(table: Table, connection: Connection) -> Iterator[None]:
    """Name the table in an error of either database."""
    driver: Any = connection.dialect.loaded_dbapi
    try:
        yield
    except (DBAPIError, driver.Error) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error
        told = (str(cause).strip().splitlines() or ["no reason"])[0]
        raise ServiceError(f"table {table.name} cannot be copied: {told}") from error


def _gather_statistics(connection: Connection) -> None:
    """Let PostgreSQL know what it holds now, and not only once it looks by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE " + ", ".join(table.name for table in _tables())))
