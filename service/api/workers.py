"""The route of workers: who is there, what they offer and train, and until when."""

from datetime import datetime
from typing import Any, Literal

from fastapi import APIRouter

from service.api.caller import Caller, Reader
from service.api.context import Here
from service.api.problems import responses
from service.schemas.workers import LeaseView, WorkerList, WorkerView
from service.store import workers
from service.store.reach import EVERYTHING, reaching

router = APIRouter(prefix="/v1/workers", tags=["work"])


@router.get("", responses=responses())
def list_workers(here: Here, caller: Reader) -> WorkerList:
    """Workers that asked for work within a day, and what they train now.

    A project sees its own and those of all projects; of these, only what they train for it.
    """
    with reaching(caller.reach or EVERYTHING), here.store.read() as session:
        return read_workers(session, caller)


def read_workers(session: Any, caller: Caller) -> WorkerList:  # noqa: ANN401 # the store's own
    """The workers that a caller sees."""
    at, found = workers.everyone(session, caller.reach)
    return WorkerList(
        items=[worker_view(one, at) for one in found],
        queued=workers.count_queued(session, caller.reach),
    )


def worker_view(worker: workers.Worker, at: datetime) -> WorkerView:
    """A worker as it stands at a moment."""
    return WorkerView(
        name=worker.name,
        project=None if worker.all_projects else worker.project,
        state=_state(worker, at),
        objectives=None if worker.objectives is None else list(worker.objectives),
        seen_at=_moment(worker.seen),
        runs=[_lease_view(one) for one in worker.leases],
    )


def _state(worker: workers.Worker, at: datetime) -> Literal["training", "waiting", "away"]:
    if worker.leases:
        return "training"
    return "waiting" if worker.is_present(at) else "away"


def _lease_view(lease: workers.Lease) -> LeaseView:
    return LeaseView(
        run=lease.run,
        project=lease.project,
        study=lease.study,
        label=lease.label,
        objective=lease.objective,
        trial=lease.trial,
        phase=lease.phase,
        horizon=lease.horizon,
        updates=lease.updates,
        attempt=lease.attempt,
        started_at=_moment(lease.started),
        lease_expires_at=_moment(lease.until),
    )


def _moment(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
