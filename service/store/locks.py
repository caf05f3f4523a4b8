"""Locks: who waits for whom, in one order for the whole store.

The one idea: a transaction takes locks in the order names, studies by (project, id), runs by id;
so no two ever wait for each other. On SQLite a writing transaction is alone, and these are reads.
Not here: the locks of migrations and of the SQLite file.
"""

from collections.abc import Collection
from contextlib import suppress
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select, text
from sqlalchemy.orm import Session

from service.errors import NotFound
from service.store import models

_run = models.table_of(models.Run).c
# Made once, for a training asks with every chunk.
_HELD: Select[Any] = (
    select(
        _run["id"],
        _run.project,
        _run.study,
        _run.state,
        _run.lease,
        _run.token,
        _run.told_token,
        _run.horizon,
        _run.updates,
    )
    .where(_run["id"].in_(bindparam("runs", expanding=True)))
    .order_by(_run["id"])
    .with_for_update(key_share=True)
)
_HELD_WITHIN = _HELD.where(_run.project == bindparam("project"))


_NAME = "hashtextextended(:name, 0)"


def hold_name(session: Session, *parts: str) -> None:
    """Make a second transaction that holds the same name wait until this one ends."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({_NAME})"), {"name": "\n".join(parts)})


def try_name(connection: Connection, *parts: str) -> bool:
    """Hold a name until `let_go`, or until a connection to PostgreSQL ends, if it is free."""
    query = text(f"SELECT pg_try_advisory_lock({_NAME})")
    return bool(connection.execute(query, {"name": "\n".join(parts)}).scalar_one())


def let_go(connection: Connection, *parts: str) -> None:
    """Let go of what `try_name` holds."""
    connection.execute(text(f"SELECT pg_advisory_unlock({_NAME})"), {"name": "\n".join(parts)})


def lock_study(session: Session, project: str, study: str) -> models.Study:
    """The row of a study, fresh and locked until the transaction ends; raises NotFound."""
    # Not FOR UPDATE: rows that merely refer to the study need not wait.
    row = session.get(models.Study, (project, study), with_for_update={"key_share": True})
    if row is None:
        raise NotFound("study", study)
    return row


def lock_study_if_free(session: Session, project: str, study: str) -> models.Study | None:
    """Like `lock_study`, but None instead of waiting if another transaction holds the study."""
    options = {"key_share": True, "skip_locked": True}
    return session.get(models.Study, (project, study), with_for_update=options)


def lock_studies_of(
    session: Session, runs: Collection[str], project: str | None = None
) -> dict[str, models.Study]:
    """The studies of these runs by id, locked; runs that do not exist are passed over.

    Of one project, if it is named: what belongs to another one does not exist.
    """
    run = models.Run
    keys = session.execute(
        select(run.project, run.study).where(run.id.in_(runs), *_within(project)).distinct()
    )
    locked = {}
    for owner, study in sorted(keys):
        with suppress(NotFound):  # deleted in the meantime, with its runs
            locked[study] = lock_study(session, owner, study)
    return locked


def lock_runs(
    session: Session, runs: Collection[str], project: str | None = None
) -> dict[str, models.Run]:
    """These runs by id, fresh and locked; runs that do not exist are passed over, as above."""
    rows = session.scalars(
        select(models.Run)
        .where(models.Run.id.in_(runs), *_within(project))
        .order_by(models.Run.id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    )
    return {row.id: row for row in rows}


def hold_runs(
    session: Session, runs: Collection[str], project: str | None = None
) -> dict[str, models.Run]:
    """The same for who changes none of them: what is known of their leases, as values."""
    query = _HELD if project is None else _HELD_WITHIN
    found = session.execute(query, {"runs": list(runs), "project": project})
    return {row.id: cast("models.Run", row) for row in found}


def _within(project: str | None) -> list[ColumnElement[bool]]:
    return [] if project is None else [models.Run.project == project]
