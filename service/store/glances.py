"""Glances: studies as they stand, for whoever polls or pages.

The one idea: a status is one row, read by a statement that was made once; what is dear to read and
seldom changes (the spec, the verdict, the best trial) is kept by its text or, as it never changes,
by its name. What is kept only saves work: it is found by what the database said a moment ago, so no
answer is older than its transaction.
Not here: changes (`studies`, `lifecycle`), which studies a page has (`listing`), everything else
about trials (`history`, `trials`).
"""

import json
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Generic, TypeAlias, TypeVar, cast

from sqlalchemy import JSON, Connection, Row, Text, bindparam, select, tuple_
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.store import history, listing, models
from service.store.listing import Wanted
from service.store.paging import Page
from service.store.studies import Study, to_study
from tuning.documents import read_spec, write_spec
from tuning.records import StudySpec, Trial

KEPT_SPECS, KEPT_VERDICTS, KEPT_TRIALS = 1024, 64, 1024

Place: TypeAlias = tuple[str, str, int]  # of a trial: project, study, number

T = TypeVar("T")
Name = TypeVar("Name", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Glance:
    """A study and the trial that is its best now: the verdict's winner, or the search's leader.

    `document` is its spec as `write_spec` writes it.
    """

    study: Study
    best: Trial | None
    document: Mapping[str, Any]


class Kept(Generic[Name, T]):
    """The values last asked for, by name; safe to share between threads."""

    def __init__(self, most: int) -> None:
        """Keep at most so many."""
        self._most = most
        self._lock = threading.Lock()
        self._values: dict[Name, T] = {}

    def get(self, name: Name, make: Callable[[], T]) -> T:
        """The value of this name, made if it is not kept."""
        with self._lock:
            if name in self._values:
                value = self._values[name] = self._values.pop(name)
                return value
        value = make()
        self._keep({name: value})
        return value

    def get_all(
        self, names: Sequence[Name], make: Callable[[Sequence[Name]], Mapping[Name, T]]
    ) -> dict[Name, T]:
        """The values of these names; those that are not kept are made at once."""
        with self._lock:
            known = {name: self._values[name] for name in names if name in self._values}
        missing = [name for name in names if name not in known]
        made = make(missing) if missing else {}
        self._keep(known | dict(made))
        return known | dict(made)

    def _keep(self, values: Mapping[Name, T]) -> None:
        with self._lock:
            for name, value in values.items():
                self._values.pop(name, None)
                self._values[name] = value
            while len(self._values) > self._most:
                del self._values[next(iter(self._values))]


_trials: Kept[Place, Trial] = Kept(KEPT_TRIALS)

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
_THESE = select(*_COLUMNS).where(
    _table.c.project == bindparam("project"),
    _table.c.id.in_(bindparam("studies", expanding=True)),
)


def read(connection: Connection, project: str, study: str) -> Glance:
    """A study of this project; raises NotFound."""
    row = connection.execute(_ONE, {"project": project, "study": study}).first()
    if row is None:
        raise NotFound("study", study)
    found, document = _to_study(row)
    place = _place(found)
    if place is None:
        return Glance(found, None, document)
    return Glance(found, _trials.get(place, lambda: _read_trial(connection, *place)), document)


def page(
    session: Session,
    project: str,
    wanted: Wanted | None = None,
    *,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Glance]:
    """Studies of a project, newest first unless another order is wanted.

    Raises InvalidValue for a bad order, cursor or limit.
    """
    found = listing.find(session, project, wanted or Wanted(), cursor=cursor, limit=limit)
    return Page(tuple(of(session, project, found.items)), found.next)


def of(session: Session, project: str, studies: Sequence[str]) -> list[Glance]:
    """These studies of a project in this order; one that is not there is left out."""
    connection = session.connection()
    rows = connection.execute(_THESE, {"project": project, "studies": list(studies)})
    read = {row.id: _to_study(row) for row in rows}
    places = {name: place for name, (study, _) in read.items() if (place := _place(study))}
    best = _trials.get_all(list(places.values()), lambda missing: _read_trials(session, missing))
    return [
        Glance(study, best[places[study.id]] if study.id in places else None, document)
        for study, document in (read[name] for name in studies if name in read)
    ]


def _to_study(row: Row[Any]) -> tuple[Study, Mapping[str, Any]]:
    values = dict(zip(row._fields, row, strict=True))
    spec, document = _read_spec(values["spec"])
    for name in _DOCUMENTS:
        text = values[name]
        if text is not None and name != "spec":
            values[name] = _read_verdict(text) if name == "verdict" else json.loads(text)
    return to_study(cast("models.Study", SimpleNamespace(**values)), spec), document


def _place(study: Study) -> Place | None:
    """Where its best trial is, if it has one."""
    arm = study.winner
    number = study.best_trial if arm is None else int(arm["trial"])
    return None if number is None else (study.project, study.id, number)


def _read_trial(connection: Connection, project: str, study: str, number: int) -> Trial:
    with Session(connection) as session:
        return history.trial(session, project, study, number).trial


def _read_trials(session: Session, places: Sequence[Place]) -> dict[Place, Trial]:
    trial = models.Trial
    place = tuple_(trial.project, trial.study, trial.number)
    rows = session.scalars(select(trial).where(place.in_(places)))
    return {(row.project, row.study, row.number): history.to_trial_row(row).trial for row in rows}


@lru_cache(KEPT_SPECS)
def _read_spec(text: str) -> tuple[StudySpec, Mapping[str, Any]]:
    spec = read_spec(json.loads(text))
    return spec, write_spec(spec)


@lru_cache(KEPT_VERDICTS)
def _read_verdict(text: str) -> dict[str, Any] | None:
    verdict: dict[str, Any] | None = json.loads(text)  # JSON's null is stored for none
    return verdict
