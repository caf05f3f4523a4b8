"""Listing: which studies of a project a list shows, in which order, and how many there are.

The one idea: whatever chooses and sorts stands in one index, or in the narrow table of words; so a
page is first found by its ids alone, and only what it shows is read. Every order ends with the id
and has no gaps, so a cursor is the key of the last study, whatever comes or goes meanwhile.
Not here: how a study is read (`glances`).
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Double,
    Float,
    Select,
    and_,
    case,
    cast,
    func,
    literal,
    select,
    tuple_,
)
from sqlalchemy.orm import Session

from service.store import models, words
from service.store.list_models import StudyWords
from service.store.paging import Key, Page, check_limit, read_cursor, write_cursor
from tuning.errors import InvalidValue
from tuning.records import StudyState

NEWEST = "newest"
_LARGEST = sys.float_info.max


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which studies, in which order.

    Args:
        state: all if None, likewise the others.
        objective: its name.
        label: the whole of it.
        labels: all of which a study must have.
        text: what id, label, labels or notes contain, in any case of letters.
        sort: one of `ORDERS`.
    """

    state: StudyState | None = None
    objective: str | None = None
    label: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    sort: str = NEWEST


@dataclass(frozen=True, slots=True)
class _Order:
    """A sort key, none of whose parts is ever missing, and which way it goes."""

    keys: tuple[ColumnElement[Any], ...]
    rises: bool = False


_study, _words = models.Study.__table__.c, StudyWords.__table__.c
_AGE = (_study.created, _study.id)
_UNDER_WAY = _study.state.in_([one for one in StudyState if not one.is_final])
# The one figure that is not in the index; so only studies that are under way are read for it.
_again = models.Study.__table__.alias().c
_SHARE = cast(_again.finished_runs, Double) / func.nullif(_again.expected_runs, 0)
_READ = (
    select(_SHARE)
    .where(_again.project == _study.project, _again.id == _study.id)
    .correlate(models.Study)
)
_PROGRESS = case((_UNDER_WAY, func.coalesce(_READ.scalar_subquery(), 0.0)), else_=-1.0)
_ENDED = func.coalesce(_study.finished, literal(models.EPOCH, models.UtcTime()))

# Studies without the figure come last.
ORDERS: Mapping[str, _Order] = {
    NEWEST: _Order(_AGE),
    "oldest": _Order(_AGE, rises=True),
    "name": _Order((_words.name, _study.id), rises=True),
    "progress": _Order((_PROGRESS, *_AGE)),
    "ended": _Order((_ENDED, *_AGE)),
    "lowest": _Order((func.coalesce(_study.best_value, _LARGEST), *_AGE), rises=True),
    "highest": _Order((func.coalesce(_study.best_value, -_LARGEST), *_AGE)),
}


def find(
    session: Session,
    project: str,
    wanted: Wanted,
    *,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[str]:
    """The ids of a page; raises InvalidValue for an unknown order, a bad cursor or limit."""
    query = query_of(project, wanted, cursor).limit(check_limit(limit) + 1)
    rows = session.execute(query).all()
    names = tuple(row[0] for row in rows[:limit])
    return Page(names, _cursor(rows[limit - 1][1:]) if len(rows) > limit else None)


def query_of(project: str, wanted: Wanted, cursor: str | None = None) -> Select[Any]:
    """Id and sort key of the studies beyond a cursor, in order."""
    order = ORDERS.get(wanted.sort)
    if order is None:
        raise InvalidValue("sort", wanted.sort, ", ".join(ORDERS))
    query = select(_study.id, *order.keys).where(*_chosen(project, wanted))
    if wanted.sort == "name":
        query = query.join(StudyWords, _mine)
    if cursor is not None:
        query = _beyond(query, order, cursor)
    return query.order_by(*(key.asc() if order.rises else key.desc() for key in order.keys))


def count(session: Session, project: str, wanted: Wanted) -> dict[StudyState, int]:
    """How many studies there are in each state, whichever of them is wanted."""
    query = select(_study.state, func.count()).where(*_chosen(project, replace(wanted, state=None)))
    found = {
        StudyState(state): total for state, total in session.execute(query.group_by(_study.state))
    }
    return {state: found.get(state, 0) for state in StudyState}


def objectives(session: Session, project: str) -> list[str]:
    """The objectives that a project has studies of."""
    query = select(_study.objective).where(_study.project == project).distinct()
    return sorted(session.scalars(query))


_mine = and_(_words.project == _study.project, _words.study == _study.id)


def _chosen(project: str, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    yield _study.project == project
    for name in ("state", "objective", "label"):
        value = getattr(wanted, name)
        if value is not None:
            yield _study[name] == value
    if wanted.labels:
        yield words.have(wanted.labels)
    if wanted.text:
        yield words.contain(wanted.text)


def _beyond(query: Select[Any], order: _Order, cursor: str) -> Select[Any]:
    key = read_cursor(cursor, *(_kind(part) for part in order.keys))
    values = [_value(part, told) for part, told in zip(order.keys, key, strict=True)]
    last = tuple_(*values, types=[part.type for part in order.keys])
    place = tuple_(*order.keys)
    return query.where(place > last if order.rises else place < last)


def _cursor(key: Sequence[Any]) -> str:
    parts = (
        (one - models.EPOCH) // models.MICROSECOND if isinstance(one, datetime) else one
        for one in key
    )
    return write_cursor(*parts)


def _kind(part: ColumnElement[Any]) -> type:
    """How a part of a sort key is told in a cursor."""
    if isinstance(part.type, models.UtcTime):
        return int
    return float if isinstance(part.type, Float) else str


def _value(part: ColumnElement[Any], told: Key) -> object:
    is_moment = isinstance(part.type, models.UtcTime)
    return models.EPOCH + int(told) * models.MICROSECOND if is_moment else told
