"""A service whose every kind of caller holds a key: read, write, work, admin, and nobody.

The one idea: the keys are made in the database before the server starts, so whoever attacks it
knows them all, and the server is the one that users run: a process, over HTTP, on a real database.
Its log is JSON and tells every request, so that a test can count what it says.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from service.api.caller import DEFAULT_PROJECT
from service.app import open_store
from service.schemas.keys import Scope
from service.settings import Settings
from service.store import keys, projects
from tests.chaos.processes import Server, ended

# What each role may do; a writer looks at what it wrote.
ROLES: Mapping[str, Collection[Scope]] = {
    "read": (Scope.READ,),
    "write": (Scope.READ, Scope.WRITE),
    "work": (Scope.WORK,),
    "admin": tuple(Scope),
}
NOBODY = "none"
NEIGHBOUR = "neighbour"  # an admin of another project, whom nothing here may disturb
STOP_SECONDS = 120.0
TOLD = {"GLIDESLOPE_LOG_LEVEL": "info", "GLIDESLOPE_LOG_FORMAT": "json"}
SMALL: Mapping[str, Any] = {
    "objective": "realized_volatility",
    "horizon": 20,
    "space": {"families": ["cosine", "linear"]},
    "baselines": ["constant"],
    "budget": {"trials": 6},
    "seeds": 1,
    "confirm_seeds": 2,
}
# An objective that nobody here trains but the test itself, so that runs wait to be claimed.
EXTERNAL: Mapping[str, Any] = {
    "objective": "my_net",
    "external": {
        "metrics": [{"name": "val_loss", "direction": "minimize"}],
        "horizon": 100,
        "peak": [1e-4, 1.0],
    },
    "space": {"families": ["cosine", "linear"]},
    "baselines": ["constant"],
    "budget": {"trials": 60},
    "seeds": 1,
    "confirm_seeds": 2,
}


@dataclass(frozen=True)
class House:
    """A running service, the keys to it, and where it complains."""

    server: Server
    database: str
    log: Path
    tokens: Mapping[str, str] = field(repr=False)
    ids: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.server.url

    def stop(self) -> int:
        """End the server in order, however long that takes; returns its exit code."""
        self.server.process.terminate()
        self.server.process.wait(STOP_SECONDS)
        return self.server.stop()

    def headers(self, role: str) -> dict[str, str]:
        """What a role shows."""
        return {} if role == NOBODY else {"Authorization": f"Bearer {self.tokens[role]}"}

    def client(self, role: str, *, seconds: float = 60.0) -> httpx2.Client:
        """A client of a role; to be closed."""
        # Nothing is encrypted on loopback, and reading all authorities takes long.
        return httpx2.Client(
            base_url=self.url, headers=self.headers(role), timeout=seconds, verify=False
        )


@contextmanager
def serving(
    database: str,
    folder: Path,
    *,
    has_worker: bool = False,
    variables: Mapping[str, str] | None = None,
) -> Iterator[House]:
    """A server on an empty database, with a key of every role."""
    tokens, ids = make_keys(database)
    log = folder / "server.log"
    kept = {
        "GLIDESLOPE_DATASET_FOLDER": str(folder / "datasets"),
        "GLIDESLOPE_CACHE_FOLDER": str(folder / "cache"),
    }
    chosen = {**TOLD, **kept, **(variables or {})}
    server = Server(database, log, has_worker=has_worker, variables=chosen)
    with ended(server):
        yield House(server, database, log, tokens, ids)


def make_keys(database: str) -> tuple[dict[str, str], dict[str, str]]:
    """The token and the public id of a key of every role, made as the command line makes them."""
    store = open_store(Settings(database_url=database))
    tokens, ids = {}, {}
    with store.write() as session:
        for role, scopes in ROLES.items():
            key, tokens[role] = keys.create(session, DEFAULT_PROJECT, label=role, scopes=scopes)
            ids[role] = key.id
        projects.ensure(session, NEIGHBOUR)
        key, tokens[NEIGHBOUR] = keys.create(
            session, NEIGHBOUR, label=NEIGHBOUR, scopes=tuple(Scope)
        )
        ids[NEIGHBOUR] = key.id
    store.close()
    return tokens, ids


def create(client: httpx2.Client, body: Mapping[str, Any] = SMALL, **changes: object) -> str:
    """Create a study; returns its id."""
    response = client.post("/v1/studies", json={**body, **changes})
    assert response.status_code == 202, response.text
    study: str = response.json()["id"]
    return study


def claim(client: httpx2.Client, name: str, study: str) -> dict[str, Any]:
    """Runs of an external study under lease, once the planner has proposed some."""
    asked = {"worker": "w", "claim": name, "objectives": [EXTERNAL["objective"]]}
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        told = client.post("/v1/work:claim", json={**asked, "wait_seconds": 20}).json()["block"]
        if told is not None and told["study"] == study:
            block: dict[str, Any] = told
            return block
    raise AssertionError("nothing was planned")
