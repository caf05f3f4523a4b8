"""Client: the SDK, and how workers and the command line reach the service.

The one idea: every call may be repeated without harm (creation carries an idempotency key, the
worker protocol its own ids), so every call is repeated until it is answered or patience ends.

    client.studies    create, validate, list, get, wait, events, changes, pause, stop, cancel, …
    client.trials     list, runs, cancel
    client.results    best, best_code, verdict, report
    client.schedules  preview, lint, convert, schema
    client.catalogue  objectives, families
    client.work       claim, heartbeat, report, tell
    client.workers    list
    client.keys       create, list, revoke
    client.shares     create, revoke
    client.health     livez, readyz

How it is built: a resource (one file, one final class) describes calls as values (`calls`) or, if
it takes several, as flows of steps (`flows`, `stream`); `methods` turns a description into a
method of `Client` and of `AsyncClient`; `drivers` perform the steps, blocking or awaited.
Not here: anything that trains, plans or stores; importing this stays light.
"""

from service.client.client import AsyncClient, Client
from service.client.errors import (
    BadAnswer,
    ClientError,
    Conflict,
    Forbidden,
    GaveUp,
    Invalid,
    NotAuthenticated,
    NotFound,
    Outdated,
    ProblemError,
    QuotaExceeded,
    TooLarge,
    Unavailable,
    Unreachable,
)
from service.client.patience import Patience

__all__ = [
    "AsyncClient",
    "BadAnswer",
    "Client",
    "ClientError",
    "Conflict",
    "Forbidden",
    "GaveUp",
    "Invalid",
    "NotAuthenticated",
    "NotFound",
    "Outdated",
    "Patience",
    "ProblemError",
    "QuotaExceeded",
    "TooLarge",
    "Unavailable",
    "Unreachable",
]
