"""Sites under test: real servers with real workers, and studies on them.

The one idea: everything is made as users make it, by the commands and through the API.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from service.client import Client
from tests.chaos.processes import Server, ended, environment

# Some seconds from the request to the verdict.
SMALL: dict[str, Any] = {
    "objective": "realized_volatility",
    "horizon": 40,
    "budget": {"trials": 12},
    "baselines": ["constant", "cosine"],
    "seeds": 2,
    "confirm_seeds": 4,
    "label": "small one",
    "seed": 7,
}
# Goes on until it is cancelled, and soon has something to show.
LONG: dict[str, Any] = {
    "objective": "noisy_quadratic",
    "horizon": 20_000,
    "budget": {"trials": 400},
    "label": "long one",
    "seed": 3,
}
ADMIN = ("studies:read", "studies:write", "work", "admin")
READER = ("studies:read",)
PATIENCE_SECONDS = 90
POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Site:
    """A service that is running.

    Args:
        url: where.
        client: of the API, with the key of an admin if there are keys.
        keys: tokens, `admin` and `reader`; none if the service asks for none.
    """

    url: str
    client: Client
    keys: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def serving(folder: Path, *, has_keys: bool = False) -> Iterator[Site]:
    """A server with its worker on a new store in a folder."""
    database = f"sqlite:///{folder / 'site.db'}"
    keys = {}
    if has_keys:
        keys = {"admin": _make_key(database, ADMIN), "reader": _make_key(database, READER)}
    server = Server(
        database,
        folder / "log",
        has_worker=True,
        # A machine under load must not lose a lease: no test here is about that.
        lease_seconds=60,
        variables={
            "GLIDESLOPE_CACHE_FOLDER": str(folder / "cache"),
            "GLIDESLOPE_DATASET_FOLDER": str(folder / "datasets"),
            "GLIDESLOPE_MAX_ATTEMPTS": "3",
        },
    )
    with ended(server), Client(server.url, key=keys.get("admin")) as client:
        yield Site(server.url, client, keys)
        assert server.stop() == 0, (folder / "log").read_text()
    complaints = (folder / "log").read_text()
    assert "Traceback" not in complaints, complaints


def finish(site: Site, request: Mapping[str, Any]) -> str:
    """Run a study to its verdict; returns its id."""
    study = site.client.studies.wait(site.client.studies.create(request).id)
    assert study.state == "completed", study.error
    return study.id


def wait_for_more(site: Site, study: str, count: int = 1) -> None:
    """Until so many more runs of a study have finished."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    enough = site.client.studies.get(study).progress.finished_runs + count
    while site.client.studies.get(study).progress.finished_runs < enough:
        assert time.monotonic() < deadline, site.client.studies.get(study)
        time.sleep(POLL_SECONDS)


@contextmanager
def running(site: Site, request: Mapping[str, Any]) -> Iterator[str]:
    """A study that has finished some runs and goes on; cancelled when the block ends."""
    study = site.client.studies.create(request).id
    try:
        wait_for_more(site, study, 3)
        yield study
    finally:
        if site.client.studies.get(study).state not in {"completed", "failed", "cancelled"}:
            site.client.studies.cancel(study)


def _make_key(database: str, scopes: tuple[str, ...]) -> str:
    words = [word for scope in scopes for word in ("--scope", scope)]
    command = ["key", "create", "--label", "tests", "--json", "--database", database, *words]
    done = subprocess.run(
        [sys.executable, "-m", "service.cli.main", *command],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    token: str = json.loads(done.stdout)["token"]
    return token
