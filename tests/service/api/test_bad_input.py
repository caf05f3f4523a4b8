"""Whatever a client sends, it is told what is wrong, and nothing is stored."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from service.api.caller import DEFAULT_PROJECT
from service.app import create_app
from service.settings import Settings
from service.store import projects
from service.store.engine import Store
from service.store.models import Base
from tests.service.api.bad_requests import BAD, JSON, STUDIES, UNCHECKED, Bad
from tests.service.conftest import plan_all

SMALL = {
    "objective": "realized_volatility",
    "horizon": 20,
    "space": {"families": ["constant"]},
    "baselines": ["cosine"],
    "budget": {"trials": 4},
    "seeds": 1,
    "batch": 2,
    "label": "kept",
}


@dataclass(frozen=True)
class Target:
    """A service with one study, one of whose runs is leased."""

    client: TestClient
    store: Store
    names: dict[str, str]
    stored: dict[str, list[str]]

    def send(self, bad: Bad) -> httpx2.Response:
        """Send a request with the names of this service filled in."""
        path, content = bad.path, bad.content
        for mark, name in self.names.items():
            path = path.replace(mark, name)
            content = content.replace(mark, name) if isinstance(content, str) else content
        headers = {name: value.encode() for name, value in bad.headers.items()}
        return self.client.request(bad.method, path, content=content, headers=headers)


def rows(store: Store) -> dict[str, list[str]]:
    """Everything that is stored."""
    with store.read() as session:
        return {
            name: sorted(str(row) for row in session.execute(select(table)))
            for name, table in Base.metadata.tables.items()
        }


@pytest.fixture(scope="module", params=("sqlite", "postgresql"))
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, data_folder: Path
) -> Iterator[Target]:
    """One service per backend for all requests, since none of them may change it."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("bad") / "test.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        url = f"sqlite:///{path}"
    else:
        url = request.getfixturevalue("postgres_database")
    store = Store(url)
    _empty(store)
    app = create_app(store, Settings(data_folder=data_folder))
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    names = _begin(client, store)
    yield Target(client, store, names, rows(store))
    client.close()
    _empty(store)
    store.close()


def _empty(store: Store) -> None:
    with store.write() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())


def _begin(client: TestClient, store: Store) -> dict[str, str]:
    """Create a study, plan its first generation and claim one run; returns what marks stand for."""
    with store.write() as session:
        projects.ensure(session, DEFAULT_PROJECT)
    study = client.post(STUDIES, json=SMALL).json()["id"]
    assert plan_all(store) == 1
    claimed = client.post("/v1/work:claim", json={"worker": "w", "claim": "c"}).json()
    (run,) = claimed["block"]["runs"]
    return {"@study@": study, "@run@": run["run"], "@token@": run["token"]}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_a_mistake_is_explained_and_changes_nothing(target: Target, bad: Bad) -> None:
    """A problem document names the field, the value and what is allowed; the store is as before."""
    response = target.send(bad)
    problem = response.json()
    assert (response.status_code, problem["type"]) == (
        bad.status,
        f"urn:glideslope:problem:{bad.kind}",
    )
    assert response.headers["content-type"] == "application/problem+json"
    assert problem["status"] == bad.status
    assert problem["title"]
    assert 0 < len(problem["detail"]) <= 1100
    assert problem["instance"] == f"urn:glideslope:request:{response.headers['x-request-id']}"
    assert "Traceback" not in response.text
    if bad.pointer is None:
        assert problem["errors"] == []
    else:
        _check_field(bad, problem["errors"])
    assert rows(target.store) == target.stored


def _check_field(bad: Bad, errors: list[dict[str, Any]]) -> None:
    first = errors[0]
    if bad.pointer:
        assert first["pointer"] == bad.pointer
    assert all(one["allowed"] and one["detail"] for one in errors)
    if bad.value is not UNCHECKED:
        assert first["value"] == bad.value


def test_every_mistake_has_a_name_of_its_own() -> None:
    """A row that is there twice was meant to be another one."""
    names = [bad.name for bad in BAD]
    assert sorted(set(names)) == sorted(names)


def test_refusals_are_declared(target: Target) -> None:
    """OpenAPI lists every status a route refuses with."""
    paths = target.client.get("/openapi.json").json()["paths"]
    undeclared = {
        (bad.method, route, bad.status)
        for bad in BAD
        if bad.kind not in {"no-route", "no-method"}
        if (route := _route(bad.path, paths))
        if str(bad.status) not in paths[route][bad.method.lower()]["responses"]
    }
    assert undeclared == set()


def _route(path: str, paths: dict[str, Any]) -> str:
    """The route of a path, as OpenAPI spells it."""
    place = path.partition("?")[0]
    patterns = {route: re.sub(r"\{\w+\}", "[^/]+?", route) for route in paths}
    found = [route for route, pattern in patterns.items() if re.fullmatch(pattern, place)]
    # `/{study}` would take `x:cancel`, too.
    return min(found, key=lambda route: (route.count("{"), -len(route)), default=place)


def test_a_file_without_a_data_folder_is_refused_saying_so(target: Target) -> None:
    """An installation that allows no files tells that, not that this one is missing."""
    app = create_app(target.store, Settings(data_folder=None))
    body = {"objective": "realized_volatility", "config": {"file": "short.csv"}}
    problem = TestClient(app, base_url="http://localhost").post(STUDIES, json=body).json()
    assert problem["errors"][0]["pointer"] == "/config/file"
    assert "no data folder" in problem["errors"][0]["allowed"]


def test_a_body_is_counted_while_it_streams(target: Target) -> None:
    """A client that announces no length is stopped at the limit, not at the end."""
    sent = 0

    def stream() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(64):
            sent += 1
            yield b" " * 2**16

    response = target.client.post(STUDIES, content=stream(), headers=JSON)
    assert response.status_code == 413
    assert response.json()["type"] == "urn:glideslope:problem:too-large"
