"""Curves: what the runs of a study measured while they trained, for people.

The one idea: a curve is of the lease whose result counts; what an earlier training of the run
measured is not shown.
Not here: thinning for display (the API), taking reports (`measurements`).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from sqlalchemy import exists, func, select, tuple_
from sqlalchemy.orm import Session, aliased

from service.store import models, studies
from service.store.paging import Page, check_limit, read_cursor, write_cursor
from tuning.records import Phase, RunState


@dataclass(frozen=True, slots=True)
class Curve:
    """Measurements of a run: `values[name][i]` after `steps[i]` updates, None if not finite."""

    run: str
    trial: int
    phase: Phase
    seed: int
    steps: tuple[int, ...]
    values: Mapping[str, tuple[float | None, ...]]


def read(
    session: Session, project: str, study: str, trials: Collection[int] | None = None
) -> list[Curve]:
    """Curves of the runs of these trials, or of all; raises NotFound.

    Of a run that was trained more than once, only the last training's measurements are shown, and
    none while it waits for the next.
    """
    studies.check_exists(session, project, study)
    run, row = models.Run, models.Measurement
    query = (
        select(run, row.data)
        .join(row, (row.run == run.id) & (row.lease == run.lease))
        .where(row.project == project, row.study == study)
        .where(run.project == project, run.study == study, run.state != RunState.QUEUED)
        .order_by(run.generation, run.index, row.seq)
    )
    if trials is not None:
        query = query.where(run.trial.in_(trials))
    found = session.execute(query)
    return [
        _to_curve(run, [data for _, data in group])
        for run, group in groupby(found, key=lambda pair: pair[0])
    ]


def page(
    session: Session,
    project: str,
    study: str,
    *,
    trials: Collection[int] = (),
    names: Collection[str] = (),
    phases: Collection[Phase] = (),
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Curve]:
    """Curves of runs that measured something, in order of proposal, as `read` shows them.

    Of these trials, ids and phases, or of any. Raises NotFound, and InvalidValue for a bad cursor
    or limit.
    """
    studies.check_exists(session, project, study)
    run, row = models.Run, models.Measurement
    place = tuple_(run.generation, run.index)
    query = select(run).where(
        run.project == project,
        run.study == study,
        run.state != RunState.QUEUED,
        *(column.in_(ids) for column, ids in ((run.trial, trials), (run.id, names)) if ids),
        *((run.phase.in_(phases),) if phases else ()),
        exists().where(
            row.project == project, row.study == study, row.run == run.id, row.lease == run.lease
        ),
    )
    if cursor is not None:
        query = query.where(place > tuple_(*map(int, read_cursor(cursor, int, int))))
    query = query.order_by(run.generation, run.index).limit(check_limit(limit) + 1)
    found = list(session.scalars(query))
    rows = found[:limit]
    items = tuple(measured(session, project, study, rows))
    has_more = len(found) > limit
    return Page(items, write_cursor(rows[-1].generation, rows[-1].index) if has_more else None)


def measured(
    session: Session, project: str, study: str, rows: Collection[models.Run]
) -> list[Curve]:
    """Curves of these runs, of their last lease; a run that measured nothing has none."""
    row = models.Measurement
    reports = session.execute(
        select(row.run, row.lease, row.data)
        .where(row.project == project, row.study == study, row.run.in_([one.id for one in rows]))
        .order_by(row.run, row.lease, row.seq)
    )
    told: dict[tuple[str, int], list[Mapping[str, Any]]] = {}
    for name, lease, data in reports:
        told.setdefault((name, lease), []).append(data)
    return [_to_curve(one, told[one.id, one.lease]) for one in rows if (one.id, one.lease) in told]


def latest(session: Session, project: str, study: str) -> list[Curve]:
    """The last report of every run in training, as a curve of its steps; raises NotFound."""
    studies.check_exists(session, project, study)
    run, row, other = models.Run, models.Measurement, aliased(models.Measurement)
    newest = select(func.max(other.seq)).where(
        other.project == run.project,
        other.study == run.study,
        other.run == run.id,
        other.lease == run.lease,
    )
    found = session.execute(
        select(run, row.data)
        .join(row, (row.run == run.id) & (row.lease == run.lease))
        .where(row.project == project, row.study == study)
        .where(run.project == project, run.study == study, run.state == RunState.LEASED)
        .where(row.seq == newest.scalar_subquery())
        .order_by(run.generation, run.index)
    )
    return [_to_curve(run, [data]) for run, data in found if data["steps"]]


def _to_curve(row: models.Run, documents: Iterable[Mapping[str, Any]]) -> Curve:
    steps: list[int] = []
    columns: dict[str, list[float | None]] = {}
    for document in documents:
        before, count = len(steps), len(document["steps"])
        steps.extend(document["steps"])
        for name in {*columns, *document["values"]}:
            column = columns.setdefault(name, [None] * before)
            column.extend(document["values"].get(name, [None] * count))
    values = {name: tuple(column) for name, column in sorted(columns.items())}
    return Curve(row.id, row.trial, Phase(row.phase), row.seed, tuple(steps), values)
