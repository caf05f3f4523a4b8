"""Every route says what its caller must be allowed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from service.api.caller import CALLER, PUBLIC, Caller, Needs
from service.app import create_app
from service.schemas.keys import Scope
from service.settings import Settings
from service.store.engine import Store


def needs(dependant: Dependant) -> set[Scope]:
    """The scopes that a route asks for, in its signature or its router's."""
    own = {dependant.call.scope} if isinstance(dependant.call, Needs) else set()
    return own.union(*map(needs, dependant.dependencies))


@pytest.fixture
def routes(tmp_path: Path) -> dict[tuple[str, str], set[Scope]]:
    """The scopes by method and path, of all there is to ask for."""
    store = Store(f"sqlite:///{tmp_path / 'empty.db'}")
    app = create_app(store, Settings())
    store.close()
    return {
        (method, str(one.path)): needs(one.dependant)
        if isinstance(one.original_route, APIRoute)
        else set()
        for one in iter_route_contexts(app.routes)
        for method in one.methods or {"ANY"}
    }


def test_every_route_asks_for_one_scope(routes: dict[tuple[str, str], set[Scope]]) -> None:
    """But those that are listed as public, which ask for none."""
    assert len(routes) > 30
    assert {path for (_, path), scopes in routes.items() if not scopes} == PUBLIC
    assert {len(scopes) for scopes in routes.values()} == {0, 1}


def test_a_scope_fits_the_method(routes: dict[tuple[str, str], set[Scope]]) -> None:
    """Whoever may only read studies changes nothing; whoever may only work reads none."""
    reading = {route for route, scopes in routes.items() if scopes == {Scope.READ}}
    assert {
        path
        for method, path in reading
        if method not in {"GET", "HEAD"} and not path.startswith("/v1/schedules:")
    } == set()
    working = {path for (_, path), scopes in routes.items() if scopes == {Scope.WORK}}
    work = ("/v1/work:", "/v1/runs:", "/v1/datasets/{dataset}/content")
    assert all(path.startswith(work) for path in working)


class Posing:
    """Makes every request one of a given caller."""

    def __init__(self, app: ASGIApp, caller: Caller) -> None:
        """Stand before the application."""
        self._app = app
        self._caller = caller

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await self._app({**scope, CALLER: self._caller}, receive, send)


def test_a_caller_without_the_scope_is_refused(api: TestClient) -> None:
    """Whatever the route is asked, with the scope it needs."""
    reader = Caller("default", "abc", frozenset({Scope.READ}))
    posing = TestClient(Posing(api.app, reader))
    assert posing.get("/v1/studies").status_code == 200
    for path in ("/v1/studies/st_x:pause", "/v1/work:claim", "/v1/runs:tell"):
        problem = posing.post(path, json={}).json()
        assert (problem["status"], problem["type"]) == (403, "urn:glideslope:problem:forbidden")
    assert "'work'" in problem["detail"]


def test_another_projects_study_is_not_there(
    api: TestClient,
    submit: Callable[..., dict[str, Any]],
    plan: Callable[[], int],
    claim: Callable[..., dict[str, Any] | None],
) -> None:
    """Nor are its runs to claim, or to speak of, even by who knows their tokens."""
    study = submit()["id"]
    plan()
    block = claim(lanes=1)
    assert block is not None
    held = {"run": block["runs"][0]["run"], "token": block["runs"][0]["token"]}
    other = TestClient(Posing(api.app, Caller("other", "abc", frozenset(Scope))))
    for path in ("", "/best", "/trials", "/events"):
        assert other.get(f"/v1/studies/{study}{path}").status_code == 404
    assert other.post(f"/v1/studies/{study}:cancel").status_code == 404
    assert other.get("/v1/studies").json()["items"] == []
    beat = other.post("/v1/runs:heartbeat", json={"worker": "w", "runs": [held]})
    assert beat.status_code == 409
    assert beat.json()["replies"][0]["status"] == "stale"
    own = TestClient(Posing(api.app, Caller("default", "abc", frozenset(Scope))))
    assert own.post("/v1/runs:heartbeat", json={"worker": "w", "runs": [held]}).status_code == 200
    again = {"worker": "w", "claim": "c0", "lanes": 8}
    mine = own.post("/v1/work:claim", json=again).json()["block"]
    assert held["run"] not in {run["run"] for run in mine["runs"]}, "its worker is another one"
    row = own.get(f"/v1/studies/{study}/trials/0/runs").json()["items"]
    assert {one["worker"] for one in row} <= {"w", "default/w"}
