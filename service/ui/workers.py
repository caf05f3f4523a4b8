"""Workers as their page lists them: what each trains, by study and phase, and until when.

The one idea: runs of one study and phase are trained side by side, so they are told together, with
the lease that ends first.
Not here: who sees which worker (`service.api.workers`).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from service.schemas.workers import LeaseView, WorkerList, WorkerView


@dataclass(frozen=True, slots=True)
class Block:
    """Runs of one study and phase; `left` seconds until the first of their leases ends."""

    study: str
    name: str
    project: str
    objective: str
    phase: str
    runs: tuple[LeaseView, ...]
    since: datetime | None
    until: datetime | None
    left: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A worker of the list."""

    view: WorkerView
    seen: datetime | None
    blocks: tuple[Block, ...]


def listed(found: WorkerList, now: datetime) -> list[Listed]:
    """The workers of a list at a moment."""
    return [Listed(one, _moment(one.seen_at), _blocks(one, now)) for one in found.items]


def summary(found: WorkerList) -> str:
    """How many there are, and what they do, in a sentence."""
    states = Counter(one.state for one in found.items)
    there = states["training"] + states["waiting"]
    runs = sum(len(one.runs) for one in found.items)
    told = [
        f"{_counted(there, 'worker')} {'is' if there == 1 else 'are'} there",
        f"{_counted(runs, 'run')} in training",
        f"{_counted(found.queued, 'run')} queued",
    ]
    return ", ".join(told) + "."


def _counted(many: int, what: str) -> str:
    return f"{many:,} {what}{'' if many == 1 else 's'}"


def _blocks(worker: WorkerView, now: datetime) -> tuple[Block, ...]:
    def place(run: LeaseView) -> tuple[str, str, str]:
        return run.project, run.study, run.phase

    runs = sorted(worker.runs, key=place)
    return tuple(_block(list(some), now) for _, some in groupby(runs, key=place))


def _block(runs: Sequence[LeaseView], now: datetime) -> Block:
    first = runs[0]
    ends = [at for run in runs if (at := _moment(run.lease_expires_at)) is not None]
    begun = [at for run in runs if (at := _moment(run.started_at)) is not None]
    until = min(ends, default=None)
    return Block(
        study=first.study,
        name=first.label or first.study,
        project=first.project,
        objective=first.objective,
        phase=first.phase,
        runs=tuple(sorted(runs, key=lambda run: (run.trial, run.run))),
        since=min(begun, default=None),
        until=until,
        left=0 if until is None else max(0, round((until - now).total_seconds())),
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
