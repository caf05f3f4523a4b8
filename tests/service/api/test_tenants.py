"""Two tenants: whatever is the one's, is not there for the other, by whatever route."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from service.schemas.webhooks import QUIET
from service.store import webhooks
from service.store.engine import Store
from service.store.models import Base
from tests.service.api.test_datasets import bars
from tests.service.api.test_identity import routes
from tests.service.conftest import SMALL

Holder = Callable[..., TestClient]
Rows = dict[str, set[str]]

BODIES: dict[str, dict[str, Any]] = {
    "/v1/studies/{study}:extend": {"budget": {"trials": 100}},
    "/v1/studies/{study}:suggest": {
        "schedule": {
            "format": "glideslope/schedule@1",
            "family": "linear",
            "horizon": 10,
            "peak": 0.1,
        }
    },
    "/v1/studies/{study}": {"label": "theirs"},
}
# Lists and searches of one's own: nothing of the path can be another's.
OWN = re.compile(
    r"^/v1/(studies|datasets|keys|sessions|webhooks|objectives|families|schemas/schedule)$"
)

CHART = "search"  # of a study; there is one for everybody


@dataclass(frozen=True)
class Belongings:
    """What the first tenant has, by the names that paths give it, and of its runs."""

    ids: dict[str, str]
    held: dict[str, str]  # a run with the token that proves it

    @property
    def words(self) -> set[str]:
        """Everything that must not be told to the other."""
        return {*self.ids.values(), *self.held.values(), "secret plan"} - {"0", CHART}


@pytest.fixture
def theirs(
    api: TestClient,
    store: Store,
    holder: Holder,
    submit: Callable[..., dict[str, Any]],
    plan: Callable[[], int],
    claim: Callable[..., dict[str, Any] | None],
) -> Belongings:
    """A study in training, a dataset, a webhook and a key of the first tenant."""
    study = submit(label="secret plan")["id"]
    plan()
    block = claim(lanes=1)
    assert block is not None
    held = {name: block["runs"][0][name] for name in ("run", "token")}
    dataset = api.post("/v1/datasets?kind=ohlcv&name=secret plan", content=bars()).json()["id"]
    with store.write() as session:
        hook, _ = webhooks.create(
            session, "default", url="https://a.example", study=None, kinds=QUIET
        )
    holder("default")
    key = api.get("/v1/keys").json()["items"][0]["id"]
    ids = {"study": study, "number": "0", "dataset": dataset, "webhook": hook.id, "key": key}
    return Belongings({**ids, "run": held["run"], "name": CHART}, held)


@pytest.fixture
def rows(store: Store) -> Callable[[], Rows]:
    """Every row of the first tenant, by table, but for what only counts requests."""

    def read() -> Rows:
        with store.read() as session:
            return {
                name: {
                    repr(tuple(row))
                    for row in session.execute(select(table))
                    if row._mapping.get("project", row._mapping.get("id")) == "default"
                }
                for name, table in Base.metadata.tables.items()
                if name not in {"request_counts", "workers", "api_keys"}
            }

    return read


def test_nothing_is_there_for_another_tenant(
    api: TestClient, holder: Holder, theirs: Belongings, rows: Callable[[], Rows]
) -> None:
    """404 wherever a path names something, with every method; nothing is changed or told."""
    other, before, attempts = holder("b"), rows(), 0
    for method, path, _ in routes(api, placeholders=True):
        if "{" not in path:
            continue
        address = path.format(**theirs.ids)
        body = BODIES.get(path, {}) if method in {"POST", "PATCH"} else None
        response = other.request(method, address, json=body)
        assert response.status_code == 404, (method, path, response.text)
        told = response.text.replace(address, "")
        for name in theirs.ids.values():  # what was asked for may be said again
            told = told.replace(name, "")
        assert not any(word in told for word in theirs.words)
        attempts += 1
    assert attempts >= 25
    assert rows() == before


def test_lists_tell_a_tenant_of_its_own(
    api: TestClient, holder: Holder, theirs: Belongings
) -> None:
    """Whole, filtered, and gone on with a cursor of the other's."""
    submitted = [api.post("/v1/studies", json={**SMALL, "label": "secret plan"}) for _ in range(2)]
    assert {one.status_code for one in submitted} == {202}
    cursor = api.get("/v1/studies?limit=1").json()["next"]
    other = holder("b")
    for _, path, _ in routes(api):
        if not OWN.match(path):
            continue
        for query in ("", "?limit=1", f"?cursor={cursor}", "?label=secret plan"):
            response = other.get(path + query)
            assert response.status_code in {200, 422}, path
            assert not any(word in response.text for word in theirs.words), path
    assert other.get("/v1/studies").json()["items"] == []


def test_bodies_reach_nothing_of_another_tenant(
    holder: Holder, theirs: Belongings, rows: Callable[[], Rows]
) -> None:
    """Neither a warm start nor a dataset nor runs with their very tokens."""
    other, before = holder("b"), rows()
    warm = other.post("/v1/studies", json={**SMALL, "warm_start": [theirs.ids["study"]]})
    assert warm.status_code in {404, 422}
    dataset = {**SMALL, "config": {"dataset": theirs.ids["dataset"]}}
    assert other.post("/v1/studies", json=dataset).status_code == 422
    end = {"outcome": "completed", "metrics": {"validation": {"mse": 0.1}}}
    report = {"seq": 0, "steps": [1], "values": {"mse": [1.0]}}
    for path, item in (
        ("heartbeat", {"runs": [theirs.held]}),
        ("report", {"reports": [{**theirs.held, **report}]}),
        ("tell", {"results": [{**theirs.held, **end}]}),
    ):
        response = other.post(f"/v1/runs:{path}", json={"worker": "w", **item})
        assert response.status_code == 409
        assert response.json()["replies"][0]["stop"] == "fenced"
    for name in ("c0", "new"):  # the first tenant's own claim, and another
        asked = {"worker": "w", "claim": name, "lanes": 8}
        assert other.post("/v1/work:claim", json=asked).json()["block"] is None
    assert rows() == before


def test_an_idempotency_key_is_its_tenants(
    api: TestClient, holder: Holder, theirs: Belongings
) -> None:
    """The same key of another makes a study of its own, whatever its body."""
    headers = {"Idempotency-Key": "the-same"}
    mine = api.post("/v1/studies", json=SMALL, headers=headers).json()["id"]
    other = holder("b")
    made = other.post("/v1/studies", json={**SMALL, "seed": 8}, headers=headers)
    assert made.status_code == 202
    assert made.json()["id"] != mine
    assert [one["id"] for one in other.get("/v1/studies").json()["items"]] == [made.json()["id"]]


def test_a_worker_of_all_projects_serves_both(
    api: TestClient,
    holder: Holder,
    theirs: Belongings,
    plan: Callable[[], int],
    claim: Callable[..., dict[str, Any] | None],
) -> None:
    """And one of a project only that."""
    other = holder("b")
    made = other.post("/v1/studies", json=SMALL).json()["id"]
    plan()
    own = other.post("/v1/work:claim", json={"worker": "w", "claim": "x"}).json()["block"]
    assert own["study"] == made
    served = set()
    while (block := claim(lanes=8)) is not None:
        served.add(block["study"])
    assert served == {theirs.ids["study"], made}
