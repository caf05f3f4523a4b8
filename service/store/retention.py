"""Retention: curves of studies that ended long ago are let go, a batch at a time.

The one idea: a curve is for people to look at. Verdict, best, trials and tables stand on what runs
told at their end, which stays, so of a purged curve nothing remains. A batch is one short
transaction under the lock of its study, and the first one notes that curves are gone; so a purge
may be cut short anywhere, what is told of a study is true, and the next round goes on.
Not here: when that is done, and what is written down before (`service.api.archives`).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import ColumnElement, CursorResult, Text, delete, exists, func, or_, select, tuple_
from sqlalchemy import cast as sql_cast
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.store import models, quotas, sketches
from service.store.clock import now
from service.store.locks import lock_study
from service.store.quotas import ENDED
from service.store.studies import note, to_study

_told = models.table_of(models.Measurement).c


class Left(StrEnum):
    """What a study has left of its curves since it last ended."""

    SOME = "some"  # a purge is under way, or was cut short
    BEST = "best"  # those of the schedules that are compared
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Due:
    """A study whose curves may go, and whether there are any that may."""

    project: str
    study: str
    has_any: bool


@dataclass(frozen=True, slots=True)
class Batch:
    """What one transaction removed, and whether that was the last of its study."""

    reports: int
    is_last: bool


def due(session: Session, before: datetime, *, keep_best: bool) -> list[Due]:
    """Studies that ended before a moment, and came here before it, with curves that may go."""
    study = models.Study
    done = [Left.NONE, Left.BEST] if keep_best else [Left.NONE]
    rows = session.scalars(
        select(study)
        .where(*_is_old(before))
        .where(or_(study.curves_left.is_(None), study.curves_left.not_in(done)))
        .where(exists().where(_told.project == study.project, _told.study == study.id))
        .order_by(study.finished, study.project, study.id)
        .execution_options(yield_per=100)
    )
    return [Due(row.project, row.id, _has_any(session, row, keep_best=keep_best)) for row in rows]


def _has_any(session: Session, row: models.Study, *, keep_best: bool) -> bool:
    query = select(exists().where(*_which(session, row, keep_best=keep_best)))
    return bool(session.scalar(query))


def _is_old(before: datetime) -> tuple[ColumnElement[bool], ...]:
    study = models.Study
    return study.state.in_(ENDED), study.finished < before, study.created < before


def weigh(session: Session, one: Due, *, keep_best: bool) -> tuple[int, int]:
    """How many reports of a study may go, and of how many bytes; raises NotFound."""
    row = session.get(models.Study, (one.project, one.study))
    if row is None:
        raise NotFound("study", one.study)
    size = func.coalesce(func.sum(func.length(sql_cast(_told.data, Text))), 0)
    which = _which(session, row, keep_best=keep_best)
    reports, total = session.execute(select(func.count(), size).where(*which)).one()
    return int(reports), int(total)


def purge(
    session: Session, project: str, study: str, before: datetime, *, keep_best: bool, limit: int
) -> Batch:
    """Remove at most so many reports of a study, unless it is not due any more; raises NotFound."""
    row = lock_study(session, project, study)
    if row.state not in ENDED or row.finished is None or max(row.finished, row.created) >= before:
        return Batch(0, is_last=True)
    some = select(_told.run, _told.lease, _told.seq)
    some = some.where(*_which(session, row, keep_best=keep_best)).limit(limit)
    gone = session.execute(
        delete(models.table_of(models.Measurement)).where(
            _told.project == project,
            _told.study == study,
            tuple_(_told.run, _told.lease, _told.seq).in_(some),
        )
    )
    reports = cast("CursorResult[Any]", gone).rowcount
    is_last = reports < limit
    if reports and row.curves_left != Left.SOME:
        at = row.curves_purged_at = now(session)
        note(session, row, "purged", {"state": row.state, "keep_best": keep_best}, at)
    row.curves_left = (Left.BEST if keep_best else Left.NONE) if is_last else Left.SOME
    if is_last:
        quotas.settle(session, row)
    return Batch(reports, is_last)


def _which(
    session: Session, row: models.Study, *, keep_best: bool
) -> tuple[ColumnElement[bool], ...]:
    """What may go of the reports of a study."""
    mine = (_told.project == row.project, _told.study == row.id)
    kept = sketches.compared(session, to_study(row)) if keep_best else ()
    return (*mine, _told.run.not_in(_runs_of(row, kept))) if kept else mine


def _runs_of(row: models.Study, trials: Collection[int]) -> Any:  # noqa: ANN401 # a subquery
    run = models.Run
    return select(run.id).where(
        run.project == row.project, run.study == row.id, run.trial.in_(trials)
    )
