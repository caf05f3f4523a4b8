"""The second wall between tenants: what PostgreSQL shows and takes, whatever a query forgets."""

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, func, insert, literal, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from service.cli.serving import _check_walls
from service.store import models, projects
from service.store.copying import copy_store
from service.store.engine import Store
from service.store.models import Base
from service.store.reach import EVERYTHING, NOTHING, reaching
from service.store.walls import breaches
from tests.chaos import older_rows

MINE, OTHER = older_rows.PROJECT, "b"
TABLES = Base.metadata.sorted_tables
WALLS = text(
    """
SELECT relname, relrowsecurity AND relforcerowsecurity AND EXISTS (
           SELECT FROM pg_policy
           WHERE polrelid = pg_class.oid AND polname = 'within_reach' AND polcmd = '*'
                 AND pg_get_expr(polqual, polrelid) LIKE '%glideslope.project%'
                 AND pg_get_expr(polwithcheck, polrelid) LIKE '%glideslope.project%'
       )
FROM pg_class
WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace
"""
)


@pytest.fixture
def walled(emptied_postgres_url: str) -> Iterator[Store]:
    """A store on PostgreSQL in which two projects have the same in every table."""
    with closing(Store(emptied_postgres_url)) as store:
        with store.write() as session:
            connection = session.connection()
            older_rows.fill(connection)
            for table in TABLES:
                owner = owner_of(table.name)
                row = [literal(OTHER) if one.name == owner else one for one in table.c]
                connection.execute(insert(table).from_select(table.c.keys(), select(*row)))
        yield store


def owner_of(table: str) -> str:
    """The column that says whose a row is."""
    return "id" if table == "projects" else "project"


def owners(store: Store) -> dict[str, set[str]]:
    """Whose rows a query finds that asks for nobody's, by table."""
    with store.read() as session:
        return {one.name: set(session.scalars(select(one.c[owner_of(one.name)]))) for one in TABLES}


def walls(connection: Connection) -> dict[str, bool]:
    """The tables there are, and whether each is walled."""
    return dict(connection.execute(WALLS).all())


def test_every_table_is_walled(postgres_database: str) -> None:
    """Whoever adds a table walls it, as 0025 does; of nobody is that of the version alone."""
    with closing(Store(postgres_database)) as store, store.look() as connection:
        assert walls(connection) == {
            **dict.fromkeys(Base.metadata.tables, True),
            "glideslope_version": False,
        }


def test_a_query_that_names_no_project_finds_what_is_within_reach(walled: Store) -> None:
    """In every table; nothing in any while it is not known who asks."""
    for reach, found in (
        (MINE, {MINE}),
        (OTHER, {OTHER}),
        ("c", set()),
        (NOTHING, set()),
        (EVERYTHING, {MINE, OTHER}),
    ):
        with reaching(reach):
            assert owners(walled) == {one.name: found for one in TABLES}, reach
    assert owners(walled) == {one.name: {MINE, OTHER} for one in TABLES}, "so does a server itself"


def test_no_row_beyond_reach_is_changed_or_removed(walled: Store) -> None:
    """By whichever statement, in every table: it finds none."""
    with reaching(MINE):
        for table in TABLES:
            beyond = table.c[owner_of(table.name)] == OTHER
            same = {owner_of(table.name): OTHER}
            with walled.write() as session:
                changed = session.connection().execute(update(table).where(beyond).values(same))
                removed = session.connection().execute(delete(table).where(beyond))
                assert (changed.rowcount, removed.rowcount) == (0, 0), table
    with reaching(OTHER):
        assert all(owners(walled).values())


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_no_row_is_written_beyond_reach(walled: Store, table: models.Base) -> None:
    """Neither as a new one nor by giving one's own away, in any table."""
    owner = owner_of(table.name)
    row = [literal("c") if one.name == owner else one for one in table.c]
    for statement in (
        insert(table).from_select(table.c.keys(), select(*row)),
        update(table).values({owner: "c"}),
    ):
        with (
            pytest.raises(ProgrammingError, match="violates row-level security policy"),
            reaching(MINE),
            walled.write() as session,
        ):
            session.connection().execute(statement)


def test_a_worker_of_all_projects_is_seen_by_all_and_changed_by_its_own(walled: Store) -> None:
    """Who trains for a project is its business; a request that nobody is behind sees none."""
    workers = models.table_of(models.Worker)
    with walled.write() as session:
        session.execute(update(workers).where(workers.c.project == OTHER).values(all_projects=True))
    with reaching(MINE):
        assert owners(walled)["workers"] == {MINE, OTHER}
        with walled.write() as session:
            changed = session.connection().execute(update(workers).values(all_projects=False))
            removed = session.connection().execute(delete(workers))
            assert (changed.rowcount, removed.rowcount) == (1, 1)
    with reaching(NOTHING):
        assert owners(walled)["workers"] == set()
    with reaching(OTHER):
        assert owners(walled)["workers"] == {OTHER}


def test_a_connection_reaches_nothing_between_transactions(walled: Store) -> None:
    """Nor does one that commits every statement: what it told is local to the transaction."""
    count = select(func.count()).select_from(models.Study)
    with walled.look() as connection:
        assert connection.scalar(count)
        connection.rollback()
        alone = connection.execution_options(isolation_level="AUTOCOMMIT")
        assert alone.scalar(count) == 0


@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_a_copy_is_walled(sqlite_template: Path, empty_database_url: str) -> None:
    """COPY goes through no wall, so they are let down meanwhile, and stand again afterwards."""
    copy_store(f"sqlite:///{sqlite_template}", empty_database_url)
    with closing(Store(empty_database_url)) as store, store.look() as connection:
        assert walls(connection)["studies"]
        assert sum(walls(connection).values()) == len(TABLES)


def test_whoever_serves_as_a_superuser_is_warned(
    walled: Store,
    emptied_postgres_url: str,
    postgres_server: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In one line, with what to do; a role of its own, whom the walls hold, is not."""
    with walled.read() as session:
        assert breaches(session) == []
    _check_walls(walled)
    assert caplog.records == []
    name = make_url(emptied_postgres_url).database
    mighty = make_url(postgres_server).set(database=name).render_as_string(hide_password=False)
    with closing(Store(mighty)) as store, reaching(MINE):
        with store.read() as session:
            assert breaches(session) == sorted(Base.metadata.tables)
        assert owners(store)["studies"] == {MINE, OTHER}
        _check_walls(store)
    (told,) = caplog.records
    assert told.levelno == logging.WARNING
    assert "every row of all tables; serve as a role of its own" in told.getMessage()


def test_sqlite_has_the_first_wall_alone(sqlite_template: Path, tmp_path: Path) -> None:
    """Nothing is asked of it, and nobody is warned."""
    file = tmp_path / "one.db"
    file.write_bytes(sqlite_template.read_bytes())
    with closing(Store(f"sqlite:///{file}")) as store, reaching(NOTHING):
        with store.write() as session:
            projects.ensure(session, MINE)
            assert breaches(session) == []
        assert owners(store)["projects"] == {MINE}
