"""The client and the API are two ends of one contract: a route without a method is half a route."""

import re
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from service.app import create_app, open_store
from service.client import Client, ClientError, Patience
from service.schemas.work import ClaimRequest, HeartbeatRequest, ReportRequest, TellRequest
from service.settings import Settings

# How every method of the client is called; `wait` and the health checks included.
CALLS: dict[str, Callable[[Client], object]] = {
    "create_study": lambda client: client.create_study({"objective": "x"}),
    "validate_study": lambda client: client.validate_study({"objective": "x"}),
    "studies": lambda client: list(client.studies()),
    "study": lambda client: client.study("st_x"),
    "pause": lambda client: client.pause("st_x"),
    "resume": lambda client: client.resume("st_x"),
    "stop": lambda client: client.stop("st_x"),
    "clone": lambda client: client.clone("st_x"),
    "describe": lambda client: client.describe("st_x", label="x"),
    "cancel_trial": lambda client: client.cancel_trial("st_x", 0),
    "delete": lambda client: client.delete("st_x"),
    "extend": lambda client: client.extend("st_x", trials=100),
    "cancel": lambda client: client.cancel("st_x"),
    "best": lambda client: client.best("st_x"),
    "best_code": lambda client: client.best_code("st_x", "torch"),
    "verdict": lambda client: client.verdict("st_x"),
    "trials": lambda client: list(client.trials("st_x")),
    "runs": lambda client: client.runs("st_x", 0),
    "report": lambda client: client.report("st_x"),
    "events": lambda client: list(client.events("st_x")),
    "wait": lambda client: client.wait("st_x"),
    "preview_schedule": lambda client: client.preview_schedule({}),
    "lint_schedule": lambda client: client.lint_schedule({}),
    "convert_schedule": lambda client: client.convert_schedule({}),
    "schedule_schema": lambda client: client.schedule_schema(),
    "objectives": lambda client: client.objectives(),
    "families": lambda client: client.families(),
    "livez": lambda client: client.livez(),
    "readyz": lambda client: client.readyz(),
    "claim": lambda client: client.claim(ClaimRequest(worker="w", claim="c")),
    "heartbeat": lambda client: client.heartbeat(HeartbeatRequest(worker="w", runs=[])),
    "report_runs": lambda client: client.report_runs(ReportRequest(worker="w", reports=[])),
    "tell": lambda client: client.tell(TellRequest(worker="w", results=[])),
}


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Paths of the API with their methods."""
    folder = tmp_path_factory.mktemp("contract")
    store = open_store(Settings(database_url=f"sqlite:///{folder / 'x.db'}"))
    paths: dict[str, dict[str, Any]] = create_app(store, Settings()).openapi()["paths"]
    store.close()
    return paths


def asked() -> set[tuple[str, str]]:
    """Method and path of every request that the client makes."""
    found = set()

    def refuse(request: httpx2.Request) -> httpx2.Response:
        found.add((request.method, request.url.path))
        return httpx2.Response(404)

    transport = httpx2.MockTransport(refuse)
    with Client("http://service.test", transport=transport, patience=Patience(seconds=0)) as client:
        for call in CALLS.values():
            try:
                call(client)
            except ClientError:
                continue  # refused, as everything here is
    return found


def test_every_method_of_the_client_is_tried_here() -> None:
    """A new method needs a line in the table above."""
    public = {name for name, value in vars(Client).items() if callable(value) and name[0] != "_"}
    assert public - {"close"} == set(CALLS)


def test_every_route_has_a_method_and_every_method_a_route(
    routes: dict[str, dict[str, Any]],
) -> None:
    """Nothing of the API is out of reach of the client, and the client asks for nothing else."""
    patterns = {
        (method.upper(), path): re.compile(re.sub(r"\{\w+\}", "[^/:]+", path))
        for path, methods in routes.items()
        for method in methods
    }
    requests = asked()
    matched = {
        route: {
            request
            for request in requests
            if request[0] == route[0] and pattern.fullmatch(request[1])
        }
        for route, pattern in patterns.items()
    }
    assert {route for route, found in matched.items() if not found} == set()
    assert requests == set().union(*matched.values())
