"""Glances: studies as they stand, for whoever polls or pages.

The one idea: a status is one row, read by a statement that was made once; what is dear to read and
seldom changes (the spec, the verdict, the best trial) is kept by its text or, as it never changes,
by its name. What is kept only saves work: it is found by what the database said a moment ago, so no
answer is older than its transaction.
Not here: changes (`studies`, `lifecycle`), everything else about trials (`history`, `trials`).
"""

import json
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import JSON, Connection, Row, Select, String, Text, bindparam, select, tuple_
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.store import history, models
from service.store.paging import Page, check_limit, read_cursor, write_cursor
from service.store.studies import Study, to_study
from tuning.documents import read_spec, write_spec
from tuning.records import StudySpec, StudyState, Trial

KEPT_SPECS, KEPT_VERDICTS, KEPT_TRIALS = 1024, 64, 1024

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Glance:
    """A study and the trial that is its best now: the verdict's winner, or the search's leader.

    `document` is its spec as `write_spec` writes it.
    """

    study: Study
    best: Trial | None
    document: Mapping[str, Any]


class Kept(Generic[T]):
    """The values last asked for, by name; safe to share between threads."""

    def __init__(self, most: int) -> None:
        """Keep at most so many."""
        self._most = most
        self._lock = threading.Lock()
        self._values: dict[Hashable, T] = {}

    def get(self, name: Hashable, make: Callable[[], T]) -> T:
        """The value of this name, made if it is not kept."""
        with self._lock:
            if name in self._values:
                value = self._values[name] = self._values.pop(name)
                return value
        value = make()
        with self._lock:
            self._values[name] = value
            while len(self._values) > self._most:
                del self._values[next(iter(self._values))]
        return value


_trials: Kept[Trial] = Kept(KEPT_TRIALS)

_table = models.Study.__table__
_asked = [column for column in _table.columns if column.name != "request"]
# Documents as text: they are read here, and most of them were read before.
_DOCUMENTS = [column.name for column in _asked if isinstance(column.type, JSON)]
_COLUMNS = [
    sql_cast(column, Text).label(column.name) if column.name in _DOCUMENTS else column
    for column in _asked
]
_THIS = (_table.c.project == bindparam("project"), _table.c.id == bindparam("study"))
_ONE = select(*_COLUMNS).where(*_THIS)


def read(connection: Connection, project: str, study: str) -> Glance:
    """A study of this project; raises NotFound."""
    row = connection.execute(_ONE, {"project": project, "study": study}).first()
    if row is None:
        raise NotFound("study", study)
    return _to_glance(connection, row)


def page(
    session: Session,
    project: str,
    *,
    state: StudyState | None = None,
    objective: str | None = None,
    label: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Glance]:
    """Studies of a project, newest first; raises InvalidValue for a bad cursor or limit."""
    wanted = {"state": state, "objective": objective, "label": label}
    query = select(*_COLUMNS).where(
        _table.c.project == project,
        *(_table.c[name] == value for name, value in wanted.items() if value is not None),
    )
    if cursor is not None:
        query = _before(query, cursor)
    order = (_table.c.created.desc(), _table.c.id.desc())
    connection = session.connection()
    rows = connection.execute(query.order_by(*order).limit(check_limit(limit) + 1)).all()
    items = tuple(_to_glance(connection, row) for row in rows[:limit])
    return Page(items, _cursor(items[-1].study) if len(rows) > limit else None)


def _to_glance(connection: Connection, row: Row[Any]) -> Glance:
    values = dict(zip(row._fields, row, strict=True))
    spec, document = _read_spec(values["spec"])
    for name in _DOCUMENTS:
        text = values[name]
        if text is not None and name != "spec":
            values[name] = _read_verdict(text) if name == "verdict" else json.loads(text)
    study = to_study(cast("models.Study", SimpleNamespace(**values)), spec)
    arm = study.winner
    number = study.best_trial if arm is None else int(arm["trial"])
    if number is None:
        return Glance(study, None, document)
    place = (study.project, study.id, number)
    return Glance(study, _trials.get(place, lambda: _read_trial(connection, *place)), document)


def _read_trial(connection: Connection, project: str, study: str, number: int) -> Trial:
    with Session(connection) as session:
        return history.trial(session, project, study, number).trial


@lru_cache(KEPT_SPECS)
def _read_spec(text: str) -> tuple[StudySpec, Mapping[str, Any]]:
    spec = read_spec(json.loads(text))
    return spec, write_spec(spec)


@lru_cache(KEPT_VERDICTS)
def _read_verdict(text: str) -> dict[str, Any] | None:
    verdict: dict[str, Any] | None = json.loads(text)  # JSON's null is stored for none
    return verdict


def _before(query: Select[Any], cursor: str) -> Select[Any]:
    microseconds, last = read_cursor(cursor, int, str)
    created = models.EPOCH + timedelta(microseconds=int(microseconds))
    key = tuple_(_table.c.created, _table.c.id)
    return query.where(key < tuple_(created, last, types=(models.UtcTime(), String())))


def _cursor(study: Study) -> str:
    return write_cursor((study.created - models.EPOCH) // models.MICROSECOND, study.id)
