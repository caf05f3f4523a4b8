"""A database as it is after years: a study that was really made, copied as rows.

The one idea: every copy has its own id, seed and times, its trials and its runs; so what a read
meets (rows, indexes, documents) is what it would meet had they all been searched.
"""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

MICROSECONDS = 1_000_000
Row = dict[str, object]


def fill(file: Path, study: str, studies: int, trials: int) -> list[str]:
    """Copy a study of a database that nobody has open; returns the ids of all copies.

    Args:
        file: an SQLite database of ours.
        study: the id of one that is completed.
        studies: copies.
        trials: of each copy.
    """
    with closing(sqlite3.connect(file)) as connection:
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")
        (origin,) = _rows(connection, "studies", "id", study)
        scored = [row for row in _rows(connection, "trials", "study", study) if row["value"]]
        runs = {row["trial"]: row for row in _rows(connection, "runs", "study", study)}
        names = [f"st_{number:020d}" for number in range(studies)]
        _insert(connection, "studies", (_study(origin, name, n) for n, name in enumerate(names)))
        _insert(connection, "trials", _trials(scored, names, trials))
        _insert(connection, "runs", _runs(scored, runs, names, trials))
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return names


def _rows(connection: sqlite3.Connection, table: str, column: str, value: str) -> list[Row]:
    query = f"SELECT * FROM {table} WHERE {column} = ?"  # noqa: S608 # names of our own
    return [dict(row) for row in connection.execute(query, (value,))]


def _insert(connection: sqlite3.Connection, table: str, rows: Iterator[Row]) -> None:
    first = next(rows)
    names, marks = ", ".join(f'"{name}"' for name in first), ", ".join("?" for _ in first)
    statement = f"INSERT INTO {table} ({names}) VALUES ({marks})"  # noqa: S608 # likewise
    connection.execute(statement, tuple(first.values()))
    connection.executemany(statement, (tuple(row.values()) for row in rows))


def _study(origin: Row, name: str, number: int) -> Row:
    spec = {**json.loads(str(origin["spec"])), "seed": number}
    created = int(str(origin["created"])) - (number + 1) * MICROSECONDS
    return {**origin, "id": name, "spec": json.dumps(spec), "created": created}


def _trials(scored: list[Row], names: list[str], count: int) -> Iterator[Row]:
    """Those of the origin first, under their numbers, then the last one again and again."""
    for name in names:
        for number in range(count):
            yield {**scored[min(number, len(scored) - 1)], "study": name, "number": number}


def _runs(
    scored: list[Row], runs: dict[object, Row], names: list[str], count: int
) -> Iterator[Row]:
    for name in names:
        for number in range(count):
            origin = runs[scored[min(number, len(scored) - 1)]["number"]]
            place = {"study": name, "trial": number, "generation": number, "index": 0}
            yield {**origin, **place, "id": f"{name}-{number}"}
