"""Trials as people look for them: filtered, sorted by any figure, in pages that stay in place.

The one idea: a figure is a column of the query, whatever it comes from: the trial's row, one of its
parameters, or the mean of a metric over the runs that score it. So filters, order and cursor are
the database's, and a page costs what it shows.
Not here: the planner's view of trials (`history`), what a trial's score is (`outcomes`).
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true
from sqlalchemy.orm import Session, aliased

from service.errors import NotFound
from service.store import history, models
from service.store.history import TrialRow
from service.store.paging import Page, check_limit, read_key, write_cursor
from tuning.checks import check_number
from tuning.errors import InvalidValue
from tuning.evidence.arms import HELD_OUT
from tuning.evidence.measured import mean_of
from tuning.records import Comparator, Phase, RunState, TrialState
from tuning.schedules import PARAMETERS

BY_NUMBER = ("number", "-number")
MAX_BOUNDS = 16
LONGEST = 200  # characters of a bound or an order
LARGEST = 1e300
# No quotes or backslashes: in the path of a JSON value databases do not agree on them.
FIGURE = r"[^\"\\<>=\s](?:[^\"\\<>=]*[^\"\\<>=\s])?"
BOUND = re.compile(rf"\s*({FIGURE})\s*(<=|>=)\s*([-+.0-9eE]+)\s*")
OWN = {"number": models.Trial.number, "value": models.Trial.value}
ALLOWED = "number, value, a numeric parameter as peak, or SPLIT.METRIC as test.mse"


@dataclass(frozen=True, slots=True)
class Bound:
    """A demand on a figure of a trial; a trial that has none does not meet it."""

    figure: str
    comparator: Comparator
    value: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which trials, in which order.

    Args:
        states: any of them; all if empty, likewise the others.
        families: of schedules.
        phases: what the trials are for.
        bounds: all of which hold.
        sort: a figure, `-` before it turns the order around; trials without it come last, equal
            ones by number.
    """

    states: Sequence[TrialState] = ()
    families: Sequence[str] = ()
    phases: Sequence[Phase] = ()
    bounds: Sequence[Bound] = ()
    sort: str = "number"


def parse_bounds(texts: Sequence[str]) -> tuple[Bound, ...]:
    """Read bounds; raises InvalidValue naming `where[i]`.

    >>> parse_bounds(["validation.mse <= 0.5"])[0].figure
    'validation.mse'
    """
    if len(texts) > MAX_BOUNDS:
        raise InvalidValue("where", len(texts), f"at most {MAX_BOUNDS}")
    return tuple(_parse(f"where[{place}]", text) for place, text in enumerate(texts))


def _parse(field: str, text: str) -> Bound:
    allowed = f"FIGURE <= NUMBER or FIGURE >= NUMBER; a figure is {ALLOWED}"
    found = BOUND.fullmatch(text) if len(text) <= LONGEST else None
    if found is None:
        raise InvalidValue(field, text[:LONGEST], allowed)
    figure, comparator, number = found.groups()
    try:
        value = float(number)
    except ValueError:
        raise InvalidValue(field, text, allowed) from None
    check_number(field, value, -LARGEST, LARGEST)
    return Bound(figure, Comparator(comparator), value)


def page(
    session: Session,
    project: str,
    study: str,
    wanted: Wanted | None = None,
    *,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[TrialRow]:
    """Trials with the means of their metrics.

    Raises NotFound, and InvalidValue for a figure that no trial can have, a bad cursor or limit.
    """
    wanted = wanted or Wanted()
    check_limit(limit)
    table, horizon = models.Trial, _horizon(session, project, study)
    figures = _Figures(session, project, study, horizon)
    key = figures.column("sort", wanted.sort.removeprefix("-"))
    query = select(table, key).where(
        table.project == project,
        table.study == study,
        *(column.in_(values) for column, values in _choices(wanted) if values),
        *(
            _holds(figures.column(f"where[{place}]", one.figure), one)
            for place, one in enumerate(wanted.bounds)
        ),
    )
    for part in figures.parts:
        query = query.outerjoin(part, part.c.trial == table.number)
    if cursor is not None:
        query = query.where(_after(key, wanted.sort, cursor))
    found = session.execute(query.order_by(*_order(key, wanted.sort)).limit(limit + 1)).all()
    rows = [row for row, _ in found[:limit]]
    metrics = _metrics(session, project, study, rows, horizon)
    items = tuple(replace(history.to_trial_row(row), metrics=metrics[row.number]) for row in rows)
    return Page(items, _cursor(wanted.sort, *found[limit - 1]) if len(found) > limit else None)


def one(session: Session, project: str, study: str, number: int) -> TrialRow:
    """A trial with the means of its metrics; raises NotFound."""
    row = session.get(models.Trial, (project, study, number))
    if row is None:
        raise NotFound("trial", f"{study}/{number}")
    metrics = _metrics(session, project, study, [row], _horizon(session, project, study))
    return replace(history.to_trial_row(row), metrics=metrics[number])


def _horizon(session: Session, project: str, study: str) -> int:
    row = models.Study
    query = select(row.spec["horizon"].as_integer()).where(row.project == project, row.id == study)
    horizon: int | None = session.scalar(query)
    if horizon is None:
        raise NotFound("study", study)
    return horizon


def _choices(wanted: Wanted) -> list[tuple[ColumnElement[Any], Sequence[str]]]:
    table = models.Trial
    return [
        (table.state.expression, wanted.states),
        (table.phase.expression, wanted.phases),
        (table.params["family"].as_string(), wanted.families),
    ]


def spell(session: Session, name: str) -> str:
    """A name in a JSON value as the database looks for it: SQLite compares what is written."""
    is_sqlite = session.get_bind().dialect.name == "sqlite"
    return json.dumps(name)[1:-1] if is_sqlite else name


class _Figures:
    """Figures of trials as columns; `parts` are the tables that a query then has to join."""

    def __init__(self, session: Session, project: str, study: str, horizon: int) -> None:
        self._session = session
        self._mine = (models.Run.project == project, models.Run.study == study)
        self._horizon = horizon
        self._known: dict[str, Any] = {}  # Any: SQLAlchemy's own kinds of subqueries

    @property
    def parts(self) -> Iterable[Any]:
        return self._known.values()

    def column(self, field: str, figure: str) -> ColumnElement[Any]:
        """The column of a figure; raises InvalidValue naming `field` if there is no such figure."""
        table = models.Trial
        if figure in OWN:
            own: ColumnElement[Any] = OWN[figure].expression
            return own
        if figure in PARAMETERS and PARAMETERS[figure].kind != "choice":
            number: ColumnElement[Any] = table.params[figure].as_float()
            return number
        split, point, metric = figure.partition(".")
        if not point or len(figure) > LONGEST or re.fullmatch(FIGURE, figure) is None:
            raise InvalidValue(field, figure[:LONGEST], ALLOWED)
        if figure not in self._known:
            self._known[figure] = self._means(
                spell(self._session, split), spell(self._session, metric)
            )
        mean: ColumnElement[Any] = self._known[figure].c.mean
        return mean

    def _means(self, split: str, metric: str) -> Any:  # noqa: ANN401 # SQLAlchemy's own kind
        """The mean of a metric by trial, as `_metrics` has it."""
        run, trial = models.Run, aliased(models.Trial)
        told = run.result["metrics"][split]
        value = told[metric].as_float()
        return (
            select(
                run.trial, case((func.count(value) == func.count(), func.avg(value))).label("mean")
            )
            .join(
                trial,
                and_(
                    trial.project == run.project,
                    trial.study == run.study,
                    trial.number == run.trial,
                ),
            )
            .where(
                *self._mine,
                run.state == RunState.COMPLETED,
                run.updates == self._horizon,
                told.as_string().is_not(None),
                true() if split == HELD_OUT else run.phase == trial.phase,
            )
            .group_by(run.trial)
            .subquery()
        )


def _holds(column: ColumnElement[Any], bound: Bound) -> ColumnElement[bool]:
    is_upper = bound.comparator is Comparator.AT_MOST
    return column <= bound.value if is_upper else column >= bound.value


def _order(key: ColumnElement[Any], sort: str) -> list[ColumnElement[Any]]:
    directed = key.desc() if sort.startswith("-") else key.asc()
    return [directed] if sort in BY_NUMBER else [key.is_(None), directed, models.Trial.number.asc()]


def _after(key: ColumnElement[Any], sort: str, cursor: str) -> ColumnElement[bool]:
    """What comes after the trial that a cursor of this order names."""
    known, *values = read_key(cursor, (str, int), (str, float, int))
    if known != quote(sort):
        raise InvalidValue("cursor", cursor, f"a cursor of a list sorted by {sort}")
    first = values[0]
    further = key < first if sort.startswith("-") else key > first
    if sort in BY_NUMBER:
        return further
    later = models.Trial.number > values[-1]
    if len(values) == 1:  # where trials without the figure begin
        return and_(key.is_(None), later)
    return or_(further, and_(key == first, later), key.is_(None))


def _cursor(sort: str, row: models.Trial, value: float | None) -> str:
    known = () if value is None or sort in BY_NUMBER else (float(value),)
    return write_cursor(quote(sort), *known, row.number)


def _metrics(
    session: Session, project: str, study: str, rows: Sequence[models.Trial], horizon: int
) -> Mapping[int, Mapping[str, Mapping[str, float | None]]]:
    """By trial and split the mean of every metric over the runs that score the trial.

    These are its completed runs over the full horizon, on held-out data those of the confirmation;
    None if one of them is not finite.
    """
    phases = {row.number: row.phase for row in rows}
    found: dict[int, dict[str, dict[str, list[float | None]]]] = {n: {} for n in phases}
    run = models.Run
    ends = session.execute(
        select(run.trial, run.phase, run.result)
        .where(run.project == project, run.study == study, run.trial.in_(phases))
        .where(run.state == RunState.COMPLETED, run.updates == horizon)
        .order_by(run.trial, run.generation, run.index)
    )
    for number, phase, result in ends:
        for split, values in (result or {}).get("metrics", {}).items():
            if split == HELD_OUT or phase == phases[number]:
                for name, value in values.items():
                    found[number].setdefault(split, {}).setdefault(name, []).append(value)
    return {
        number: {
            split: {
                name: None if None in values else mean_of([v for v in values if v is not None])
                for name, values in named.items()
            }
            for split, named in splits.items()
        }
        for number, splits in found.items()
    }
