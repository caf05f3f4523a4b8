"""Two tenants of one server: what the first one has, and a digest of every row of it.

The one idea: the first tenant has one of everything that an id can name, so whatever a route takes
can be asked for by the second one; and its rows are read beside the server, from the database.
Not here: the attempts (`tests.fuzz.test_cross_tenant`).
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

import httpx2
from sqlalchemy import select

from service.store.engine import parse_url, reading_engine
from service.store.models import Base
from tests.service.api.test_datasets import bars
from tests.service.conftest import SMALL, score

MINE, OTHER = "first-tenant", "second-tenant"  # projects
LABEL = "secret plan"
CLAIM = {"worker": "w", "claim": "of-the-first"}
PLAN_SECONDS = 60.0
STILL_SECONDS = 2
# Rows that only count or date requests, and columns of that kind.
COUNTED = frozenset({"request_counts"})
DATED = frozenset({"last_used"})


@dataclass(frozen=True)
class Belongings:
    """What the first tenant has.

    Args:
        ids: by the name that a path gives it, every id.
        held: a run with the token that proves its lease.
        claim: the worker and the claim that got it.
        cursors: of lists, each of which has a further page.
        share: a link to one of the studies.
        idempotency: the key that this study was made with, and the body.
        words: what must not be told to anybody else.
    """

    ids: Mapping[str, list[str]]
    held: Mapping[str, str]
    claim: Mapping[str, str]
    cursors: list[str]
    share: str
    idempotency: tuple[str, Mapping[str, Any]]
    words: set[str]

    def told(self, text: str, asked: str) -> list[str]:
        """What of it a text tells, beside what was asked for."""
        return [word for word in self.words if word not in asked and word in text]


def settle(client: httpx2.Client, hook: str) -> Belongings:
    """Have a study that has ended, one in training, datasets, webhooks, keys and a link."""
    done = submit(client, label=LABEL, labels={"team": LABEL})
    train(client, lambda: client.get(f"/v1/studies/{done}").json()["state"] == "completed")
    idempotency = ("the-key-of-the-first", {**SMALL, "label": LABEL, "seed": 8})
    header = {"Idempotency-Key": idempotency[0]}
    running: str = client.post("/v1/studies", json=idempotency[1], headers=header).json()["id"]
    held = lease(client)
    datasets = [
        client.post(f"/v1/datasets?kind=ohlcv&name={LABEL}", content=bars(hours)).json()["id"]
        for hours in (400, 401)
    ]
    hooks = [
        client.post("/v1/webhooks", json={"url": hook, "study": one, "events": ["purged"]}).json()
        for one in (None, running)
    ]
    shared = client.post(f"/v1/studies/{running}:share", json={"hours": 1}).json()["token"]
    runs = client.get(f"/v1/studies/{done}/trials/0/runs").json()["items"]
    ids = {
        "study": [done, running],
        "dataset": datasets,
        "webhook": [one["id"] for one in hooks],
        "key": [one["id"] for one in client.get("/v1/keys").json()["items"]],
        "run": [held["run"], runs[0]["id"]],
        "number": ["0", "3"],
        "name": ["search", "prices", "schedules"],
    }
    secrets = {LABEL, hook, shared, *held.values(), *(one["secret"] for one in hooks)}
    named = (one for kind, some in ids.items() if kind not in {"number", "name"} for one in some)
    cursors = take_cursors(client, done)
    return Belongings(ids, held, CLAIM, cursors, shared, idempotency, {*named, *secrets})


def lease(client: httpx2.Client) -> dict[str, str]:
    """Claim a run and measure once; returns it with the token that proves it."""
    asked = {**CLAIM, "lanes": 1}
    block = wait_for(lambda: client.post("/v1/work:claim", json=asked).json()["block"])
    held = {name: block["runs"][0][name] for name in ("run", "token")}
    report = {**held, "seq": 0, "steps": [1], "values": {"mse": [1.25]}}
    told = client.post("/v1/runs:report", json={"worker": "w", "reports": [report]})
    assert told.status_code == 200, told.text
    return held


def take_cursors(client: httpx2.Client, study: str) -> list[str]:
    """Cursors of lists that have a further page."""
    lists = ("/v1/studies", "/v1/datasets", f"/v1/studies/{study}/trials")
    cursors = [client.get(f"{one}?limit=1").json()["next"] for one in lists]
    assert all(cursors)
    return cursors


def submit(client: httpx2.Client, **changes: object) -> str:
    """A small study; returns its id."""
    answer = client.post("/v1/studies", json={**SMALL, **changes})
    assert answer.status_code == 202, answer.text
    name: str = answer.json()["id"]
    return name


def train(client: httpx2.Client, is_over: Callable[[], bool]) -> None:
    """Tell made-up results of whatever there is to train, until it is over."""
    number = 0
    while not is_over():
        number += 1
        claim = {"worker": "w", "claim": f"c{number}", "lanes": 8, "wait_seconds": 1}
        block = client.post("/v1/work:claim", json=claim).json()["block"]
        for run in [] if block is None else block["runs"]:
            end = {
                "run": run["run"],
                "token": run["token"],
                "outcome": "completed",
                "metrics": {split: {"mse": score(run)} for split in block["splits"]},
            }
            answer = client.post("/v1/runs:tell", json={"worker": "w", "results": [end]})
            assert answer.status_code == 200, answer.text
        assert number < 200, "a study does not end"


def wait_for(look: Callable[[], Any]) -> Any:  # noqa: ANN401 # whatever is waited for
    """What a look finds, once it finds something."""
    until = monotonic() + PLAN_SECONDS
    while not (found := look()):
        assert monotonic() < until, "nothing came"
    return found


def read_rows(database: str, project: str = MINE) -> dict[str, str]:
    """A digest of all rows of a project, by table; of itself its row in `projects`."""
    engine = reading_engine(parse_url(database))
    found = {}
    with engine.connect() as connection:
        for name, table in Base.metadata.tables.items():
            if name in COUNTED:
                continue
            owner = table.c.get("project", table.c.get("id"))
            kept = [column for column in table.c if column.name not in DATED]
            rows = sorted(map(repr, connection.execute(select(*kept).where(owner == project))))
            found[name] = f"{len(rows)} {hashlib.sha256(''.join(rows).encode()).hexdigest()}"
    engine.dispose()
    return found


def wait_until_still(client: httpx2.Client, studies: Sequence[str]) -> None:
    """Return once nothing happens to studies any more: a long poll tells of no change."""
    until = monotonic() + PLAN_SECONDS
    for study in studies:
        known = client.get(f"/v1/studies/{study}").headers["etag"]
        while True:
            header = {"If-None-Match": known}
            answer = client.get(f"/v1/studies/{study}?wait={STILL_SECONDS}", headers=header)
            if answer.status_code == 304:
                break
            known = answer.headers["etag"]
            assert monotonic() < until, "a study changes by itself"
