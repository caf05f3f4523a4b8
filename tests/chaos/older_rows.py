"""Rows of a database of an earlier version: some in every table that it had.

The one idea: the tables are asked what columns they have, and each column gets what it would hold
by its name, or else anything of its type; so a new migration needs nothing here, unless it reads
what is stored. Not here: who upgrades them (`test_upgrades`).
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, Connection, MetaData, Table

from service.store import migrations

PROJECT, STUDIES = "a", ("st_done", "st_going", "st_gone")
MOMENT = datetime(2100, 1, 1, tzinfo=UTC)  # so that a server lets nothing go for its age
MICROSECONDS = 4_102_444_800_000_000  # that moment, as SQLite has it
RESULT = {
    "state": "completed",
    "metrics": {"validation": {"mse": 1.0}, "test": {"mse": 2.0}},
    "blocks": {},
    "reason": "",
}
KNOWN: dict[str, Any] = {  # by name, in whatever table
    "project": PROJECT,
    "spec": {
        "objective": "o",
        "config": {"dataset": "ds_" + "ab" * 16},
        "metric": {"name": "mse", "direction": "minimize"},
        "label": "",
        "seed": 1,
        "budget": {"trials": 1, "steps": None, "seconds": None},
        "horizon": 5,
    },
    "labels": {"team": "rates"},
    "splits": ["validation", "test"],
    "result": RESULT,
    "phase": "confirm",
    "state": "completed",
    "isolation": "none",
    "scopes": [],
    "response": {"id": "st_gone", "notes": "secret"},
}
OWN: dict[tuple[str, str], Any] = {  # of a table alone
    ("study_words", "labels"): "\nteam=rates\n",
    ("studies", "extensions"): [],
    ("studies", "conditions"): [],
    ("studies", "leads"): [],
    ("webhooks", "scopes"): "",
}
MOMENTS = {"created", "at", "seen", "due", "expires"}  # on SQLite they are large integers
OF_TYPE: dict[type[Any], Any] = {
    sa.JSON: {},
    sa.DateTime: MOMENT,
    sa.Boolean: False,
    sa.Integer: 0,
    sa.Float: 1.0,
    sa.Numeric: 1.0,
}


def fill(connection: Connection) -> dict[str, int]:
    """Put rows into every table; returns how many, by table."""
    tables = MetaData()
    tables.reflect(connection)
    counts = {}
    for table in tables.sorted_tables:
        if table.name != migrations.VERSION_TABLE:
            rows = _rows(table)
            connection.execute(sa.insert(table), rows)
            counts[table.name] = len(rows)
    return counts


def count(connection: Connection) -> dict[str, int]:
    """How many rows there are, by table."""
    tables = MetaData()
    tables.reflect(connection)
    query = {
        name: sa.select(sa.func.count()).select_from(one) for name, one in tables.tables.items()
    }
    return {name: connection.scalar(one) or 0 for name, one in query.items()}


def shape(connection: Connection) -> dict[str, Any]:
    """Tables, columns and indexes as they are, and the revision that they say they have."""
    look = sa.inspect(connection)
    tables = {
        name: (
            sorted(
                f"{one['name']} {one['type']} {one['nullable']}" for one in look.get_columns(name)
            ),
            sorted(str(one["name"]) for one in look.get_indexes(name)),
        )
        for name in look.get_table_names()
    }
    return {**tables, "revision": migrations.revisions(connection)}


def _rows(table: Table) -> list[dict[str, Any]]:
    """One row per study, if the table has such; else one."""
    if table.name == "projects":
        return [_row(table, PROJECT, 0)]
    names = STUDIES if table.name == "studies" or "study" in table.c else STUDIES[:1]
    return [_row(table, study, place) for place, study in enumerate(names)]


def _row(table: Table, study: str, place: int) -> dict[str, Any]:
    return {
        column.name: _value(table, column, study, place)
        for column in table.c
        if not column.nullable or column.name in KNOWN
    }


def _value(table: Table, column: Column[Any], study: str, place: int) -> Any:  # noqa: ANN401
    name = column.name
    if (table.name, name) in OWN:
        return OWN[table.name, name]
    if name == "study" or (table.name in {"studies", "projects"} and name == "id"):
        return study
    if name == "run" or (table.name == "runs" and name == "id"):
        return f"{study}.0.0"
    if name in KNOWN:
        return KNOWN[name]
    for key in column.foreign_keys:
        return _value(key.column.table, key.column, study, place)
    return _any_of(column, place)


def _any_of(column: Column[Any], place: int) -> Any:  # noqa: ANN401
    """A value of the type of a column."""
    if isinstance(column.type, sa.BigInteger) and column.name in MOMENTS:
        return MICROSECONDS
    for kind, value in OF_TYPE.items():
        if isinstance(column.type, kind):
            return value
    return f"{column.name}-{place}"
