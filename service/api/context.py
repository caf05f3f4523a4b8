"""What routes need beside their body: the store, the settings, the study of the path.

The one idea: one frozen value, made by `service.app`, found at `app.state.context`; no globals.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import Depends, Request

from service.addresses import Allowed
from service.api.attendance import Attendance
from service.api.bell import Bell
from service.api.keyring import Keyring
from service.api.looks import Looks
from service.api.meter import Meter
from service.api.metrics import Metrics
from service.api.readiness import Readiness
from service.api.turns import Turns
from service.api.uploads import Uploads
from service.api.waits import Waits
from service.errors import NotFound, ServerEnds
from service.settings import Settings
from service.store.engine import Store
from service.tracing import OFF, Tracing
from tuning.objectives import Objective

LONGEST_ID = 64
READERS = 2  # of uploads at once: each may take a core and much memory


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of a running service.

    `on_progress` is called after a transaction that may let a study go on or put runs back;
    `readiness` tells whether this server can do its work; `bell` rings when a study may have
    changed or have runs to claim, for which the `waits` are; streams share their `looks` and take
    `turns`. `keyring` tells who has which key, `meter` counts what asks. `objectives`
    are those that can be tuned. `render_report` makes the HTML of a study, and `versions` are those
    of the libraries the planner depends on.
    `survey` tells what is in an upload, of which few are read at once (`reading`). `metrics` are
    the figures of this server, `tracing` makes its spans.
    """

    store: Store
    settings: Settings
    on_progress: Callable[[], None]
    readiness: Readiness
    keyring: Keyring
    meter: Meter
    bell: Bell
    waits: Waits
    objectives: Mapping[str, Objective]
    render_report: Callable[..., str]
    versions: Mapping[str, str]
    survey: Callable[..., Mapping[str, Any]]
    uploads: Uploads
    metrics: Metrics
    tracing: Tracing = OFF
    webhooks: Allowed = field(default_factory=Allowed)
    attendance: Attendance = field(default_factory=Attendance)
    looks: Looks = field(default_factory=Looks)
    turns: Turns = field(default_factory=Turns)
    reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READERS))

    def check_going_on(self) -> None:
        """Refuse to begin new work while the server drains; raises ServerEnds."""
        if self.bell.is_closed:
            raise ServerEnds


def context_of(request: Request) -> Context:
    """The context of a request, for a route that is asked so often that `Here` would cost it."""
    context: Context = request.app.state.context
    return context


def check_study_id(study: str) -> str:
    """The id in the path; one that no study can have is answered as one that none has."""
    if len(study) > LONGEST_ID or not study.isascii() or not study.isprintable():
        raise NotFound("study", study)
    return study


# Coroutines: a plain function would cost every request a thread of the pool.
async def _context(request: Request) -> Context:
    return context_of(request)


async def _study_id(study: str) -> str:
    return check_study_id(study)


Here = Annotated[Context, Depends(_context)]
StudyId = Annotated[str, Depends(_study_id)]
