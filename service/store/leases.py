"""Leases: a run in the hands of one worker, proved by a token.

The one idea: a token is made when a run is handed out and dies when the run is taken back or ends,
so whoever still presents it was fenced: nothing it says counts. Expiry alone does not fence; taking
back does (`work.sweep`), hence a late but untaken worker, say after a restart of the server, loses
nothing.
Not here: transactions and batches (`work`), what an end means for trial and study (`outcomes`).
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import bindparam, literal_column, update
from sqlalchemy.orm import Session

from service.store import models
from tuning.records import RunState, move

TOKEN_BYTES = 16

_run = models.table_of(models.Run)
# In words and not as a value: a database takes an index of some rows for nothing else.
IS_LEASED = _run.c.state == literal_column(f"'{RunState.LEASED}'")
_GRANT = (
    update(_run)
    .where(_run.c.id == bindparam("run"), _run.c.project == bindparam("of"))
    .values(
        state=move(RunState.QUEUED, RunState.LEASED),
        lease=_run.c.lease + 1,
        **{
            name: bindparam(name) for name in ("token", "worker", "claim", "lease_until", "started")
        },
    )
)


class Status(StrEnum):
    """What became of one item of a batch."""

    OK = "ok"
    DUPLICATE = "duplicate"
    STALE = "stale"


class Stop(StrEnum):
    """Why a worker should stop training a run."""

    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FENCED = "fenced"


class Isolation(StrEnum):
    """Beside which other runs a run may be trained: a suspect's next end shall be its own doing."""

    NONE = "none"
    BLOCK = "block"  # none in its process: its block crashed
    WORKER = "worker"  # none on its worker: a worker was lost over it, or over a neighbour


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to one item of a batch."""

    run: str
    status: Status
    stop: Stop | None = None


def grant(
    session: Session,
    runs: Iterable[str],
    *,
    project: str,
    worker: str,
    claim: str,
    at: datetime,
    until: datetime,
) -> dict[str, str]:
    """Hand queued runs of a project out, locked ones, each under a new token; these by run."""
    tokens = {run: secrets.token_hex(TOKEN_BYTES) for run in runs}
    same = {"of": project, "worker": worker, "claim": claim, "lease_until": until, "started": at}
    told = [{**same, "run": run, "token": token} for run, token in tokens.items()]
    session.execute(_GRANT, told)
    return tokens


def take_back(run: models.Run) -> None:
    """Queue a leased run again; its token dies."""
    run.state = move(RunState(run.state), RunState.QUEUED)
    run.token = None
    run.worker = None
    run.claim = None
    run.lease_until = None
    run.started = None


def is_held(run: models.Run, token: str) -> bool:
    """Whether this token holds the run now."""
    return run.state == RunState.LEASED and run.token == token


def refuse(runs: Mapping[str, models.Run], name: str, token: str) -> Reply | None:
    """Why an item is not taken: None if its token holds the run, else the reply."""
    run = runs.get(name)
    if run is None:
        return Reply(name, Status.STALE, Stop.FENCED)
    if is_held(run, token):
        return None
    if run.told_token == token:
        return Reply(name, Status.DUPLICATE)
    if run.state == RunState.CANCELLED:
        return Reply(name, Status.STALE, Stop.CANCELLED)
    if run.state == RunState.QUEUED:
        return Reply(name, Status.STALE, Stop.EXPIRED)
    return Reply(name, Status.STALE, Stop.FENCED)
