"""Workers: who trains, or asked for something to train, lately.

The one idea: a worker is there if it holds leases or asked a short while ago; a tenant sees its own
and those of all projects, but only what they train for it.
Not here: who gets which run (`claims`), what is done about those that are gone (`work`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from service.store import models, queues
from service.store.clock import now
from service.store.leases import IS_LEASED
from service.store.stalls import PRESENT_SECONDS


@dataclass(frozen=True, slots=True)
class Lease:
    """A run that is being trained."""

    run: str
    project: str
    study: str
    label: str
    objective: str
    trial: int
    phase: str
    horizon: int
    updates: int
    attempt: int
    started: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as it was last heard of.

    `objectives` are those it asks for, None for anything that is built in; `seen` is when it last
    asked, None if that was forgotten over what it trains.
    """

    name: str
    project: str
    all_projects: bool
    objectives: Sequence[str] | None
    seen: datetime | None
    leases: tuple[Lease, ...] = field(default=())

    def is_present(self, at: datetime) -> bool:
        """Whether it is there at a moment."""
        asked = self.seen is not None and self.seen >= at - timedelta(seconds=PRESENT_SECONDS)
        return asked or bool(self.leases)


def everyone(session: Session, project: str | None) -> tuple[datetime, list[Worker]]:
    """The workers that a project sees, or all of them, and the moment of that.

    Those that train come first, then who asked last.
    """
    at = now(session)
    leases = _leases(session, project)
    row = models.Worker
    query = select(row)
    if project is not None:
        query = query.where(or_(row.project == project, row.all_projects.is_(True)))
    found: dict[str, Worker] = {}
    for one in session.scalars(query.order_by(row.seen)):  # the newest of a name counts
        held = tuple(leases.get(one.name, ()))
        name = _own_name(one.name, one.project)
        found[one.name] = Worker(
            name, one.project, one.all_projects, one.objectives, one.seen, held
        )
    for name, runs in leases.items():
        if name not in found:
            found[name] = _forgotten(name, tuple(runs))
    order = sorted(
        found.values(), key=lambda one: (not one.leases, -(one.seen or at).timestamp(), one.name)
    )
    return at, order


def count_queued(session: Session, project: str | None) -> int:
    """Runs that wait for a worker."""
    return sum(one.runs for one in queues.of_active_studies(session, project))


def _leases(session: Session, project: str | None) -> dict[str, list[Lease]]:
    """What is being trained, by worker."""
    run, study = models.Run, models.Study
    query = (
        select(run, study.label, study.objective)
        .join(study, (study.project == run.project) & (study.id == run.study))
        .where(IS_LEASED)
        .order_by(run.started, run.id)
    )
    if project is not None:
        query = query.where(run.project == project)
    found: dict[str, list[Lease]] = {}
    for one, label, objective in session.execute(query):
        lease = Lease(
            run=one.id,
            project=one.project,
            study=one.study,
            label=label,
            objective=objective,
            trial=one.trial,
            phase=one.phase,
            horizon=one.horizon,
            updates=one.updates or one.horizon,
            attempt=one.attempt,
            started=one.started,
            until=one.lease_until,
        )
        found.setdefault(str(one.worker), []).append(lease)
    return found


def _forgotten(name: str, held: tuple[Lease, ...]) -> Worker:
    """A worker that has trained for so long that when it last asked was forgotten."""
    project = held[0].project
    is_own = name.startswith(f"{project}/")
    return Worker(_own_name(name, project), project, not is_own, None, None, held)


def _own_name(name: str, project: str) -> str:
    """What a worker calls itself."""
    return name.removeprefix(f"{project}/")
