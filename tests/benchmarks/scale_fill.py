"""A database as it is after years, on SQLite and PostgreSQL: a study that was made, copied there.

The one idea: the database copies the rows itself, table by table, under other ids; so a copy has
everything that the study has (trials, runs, curves, events, words it is found by), and three
million runs take minutes. An id of a study, or of a run within it, begins with the study's.
Not here: one column or table by name, so a new table needs nothing here.
"""

from collections.abc import Iterator

from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, insert, select
from sqlalchemy import func as sql

from service.store.models import Base

IDS = frozenset({"study", "run"})  # columns that hold an id; `id` in the tables of OWNERS
OWNERS = frozenset({"studies", "runs"})
KEYS = IDS | {"id"}  # one of them is in the key of all that can have a copy
AT_ONCE = 500  # copies in one transaction


def fill(engine: Engine, origin: str, studies: int) -> Iterator[list[str]]:
    """Copy a completed study; gives the ids of the copies, some at a time.

    Args:
        engine: of a database that no server has open.
        origin: the id of the study.
        studies: copies.
    """
    copies = Table("bench_copies", MetaData(), Column("id", String(23), primary_key=True))
    with engine.begin() as connection:
        copies.drop(connection, checkfirst=True)
        copies.create(connection)
    for start in range(0, studies, AT_ONCE):
        names = [f"st_{number:020d}" for number in range(start, min(start + AT_ONCE, studies))]
        with engine.begin() as connection:
            connection.execute(copies.delete())
            connection.execute(insert(copies), [{"id": name} for name in names])
            _copy(connection, copies, origin)
        yield names
    with engine.begin() as connection:
        copies.drop(connection)


def _copy(connection: Connection, copies: Table, origin: str) -> None:
    """What belongs to the study, in the order of foreign keys."""
    for table in Base.metadata.sorted_tables:
        owner = "id" if table.name == "studies" else "study"
        if owner not in table.c or not KEYS & set(table.primary_key.columns.keys()):
            continue  # what is remembered of a request has a key that the client chose
        renamed = IDS | ({"id"} if table.name in OWNERS else set())
        values = [
            copies.c.id + sql.substr(column, len(origin) + 1) if column.name in renamed else column
            for column in table.c
        ]
        rows = select(*values).join_from(table, copies, table.c[owner] == origin)
        connection.execute(insert(table).from_select(table.c.keys(), rows))
