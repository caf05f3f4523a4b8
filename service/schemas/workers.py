"""Workers on the wire: who is there and what is being trained."""

from typing import Literal

from service.schemas.base import Schema


class LeaseView(Schema):
    """A run that a worker trains; it is given to somebody else unless it is heard of until then."""

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
    started_at: str | None
    lease_expires_at: str | None


class WorkerView(Schema):
    """A worker: `training`, `waiting` (it asked for work within a minute), or `away`.

    It trains for its `project`, null for all of them; `objectives` are those it offers, null for
    all that the service knows. `runs` are those of the caller's project that it trains now.
    """

    name: str
    project: str | None
    state: Literal["training", "waiting", "away"]
    objectives: list[str] | None
    seen_at: str | None
    runs: list[LeaseView]


class WorkerList(Schema):
    """The workers of the last day, those that train first; `queued` runs wait for one."""

    items: list[WorkerView]
    queued: int
