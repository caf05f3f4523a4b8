"""The client and the API are two ends of one contract: a route without a method is half a route."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from inspect import isawaitable
from operator import attrgetter
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.app import create_app, open_store
from service.client import AsyncClient, Client, ClientError, Patience
from service.client.methods import Listing, Method
from service.schemas.work import ClaimRequest, HeartbeatRequest, ReportRequest, TellRequest
from service.settings import Settings


def args(*positional: object, **named: object) -> tuple[tuple[object, ...], dict[str, object]]:
    """How a method is called."""
    return positional, named


# How every method of both clients is called.
CALLS = {
    "studies.create": args({"objective": "x"}),
    "studies.validate": args({"objective": "x"}),
    "studies.list": args(),
    "studies.get": args("st_x"),
    "studies.pause": args("st_x"),
    "studies.resume": args("st_x"),
    "studies.stop": args("st_x"),
    "studies.cancel": args("st_x"),
    "studies.extend": args("st_x", trials=100),
    "studies.suggest": args("st_x", {"format": "glideslope/schedule@1"}),
    "studies.clone": args("st_x"),
    "studies.describe": args("st_x", label="x"),
    "studies.delete": args("st_x"),
    "studies.events": args("st_x"),
    "studies.changes": args(),
    "studies.wait": args("st_x"),
    "trials.list": args("st_x", sort="value"),
    "trials.get": args("st_x", 0),
    "trials.curves": args("st_x", trial=[1, 2]),
    "trials.runs": args("st_x", 0),
    "trials.cancel": args("st_x", 0),
    "results.best": args("st_x"),
    "results.best_code": args("st_x", "torch"),
    "results.verdict": args("st_x"),
    "results.families": args("st_x"),
    "results.importances": args("st_x"),
    "transfers.export": args("st_x"),
    "transfers.import_study": args(Path(__file__)),
    "results.report": args("st_x"),
    "schedules.preview": args({}),
    "schedules.lint": args({}),
    "schedules.convert": args({}),
    "schedules.schema": args(),
    "catalogue.objectives": args(),
    "catalogue.families": args(),
    "datasets.add": args(Path(__file__), "ohlcv"),
    "datasets.list": args(),
    "datasets.get": args("ds_x"),
    "datasets.content": args("ds_x"),
    "datasets.delete": args("ds_x"),
    "webhooks.create": args("https://hooks.test/"),
    "webhooks.list": args(),
    "webhooks.delete": args("wh_0"),
    "webhooks.deliveries": args("wh_0"),
    "work.claim": args(ClaimRequest(worker="w", claim="c")),
    "work.heartbeat": args(HeartbeatRequest(worker="w", runs=[])),
    "work.report": args(ReportRequest(worker="w", reports=[])),
    "work.tell": args(TellRequest(worker="w", results=[])),
    "workers.list": args(),
    "shares.create": args("st_x"),
    "shares.revoke": args("st_x"),
    "keys.create": args("laptop", ["work"]),
    "keys.list": args(),
    "keys.revoke": args("abc"),
    "health.livez": args(),
    "health.readyz": args(),
    "health.metrics": args(),
}
# Signing in is for browsers: what it gives is a cookie. A program shows its key itself.
FOR_BROWSERS = {"/v1/sessions"}
URL = "http://service.test"
ONCE = Patience(seconds=0)


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Paths of the API with their methods."""
    folder = tmp_path_factory.mktemp("contract")
    store = open_store(Settings(database_url=f"sqlite:///{folder / 'x.db'}"))
    paths: dict[str, dict[str, Any]] = create_app(store, Settings()).openapi()["paths"]
    store.close()
    return paths


class Refuses:
    """Refuses everything and notes method and path of what it was asked."""

    def __init__(self) -> None:
        """Nothing was asked yet."""
        self.asked: list[tuple[str, str]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Note a request."""
        self.asked.append((request.method, request.url.path))
        return httpx2.Response(404)


def asked() -> list[tuple[str, str]]:
    """Method and path of every request that the blocking client makes."""
    network = Refuses()
    with Client(URL, transport=httpx2.MockTransport(network), patience=ONCE) as client:
        for name, (positional, named) in CALLS.items():
            with suppress(ClientError):
                answer = attrgetter(name)(client)(*positional, **named)
                if isinstance(answer, Iterator):
                    list(answer)
    return network.asked


async def asked_asynchronously() -> list[tuple[str, str]]:
    """The same for the asynchronous client."""
    network = Refuses()
    async with AsyncClient(URL, transport=httpx2.MockTransport(network), patience=ONCE) as client:
        for name, (positional, named) in CALLS.items():
            with suppress(ClientError):
                answer = attrgetter(name)(client)(*positional, **named)
                if isinstance(answer, AsyncIterator):
                    assert [item async for item in answer]
                else:
                    assert isawaitable(answer)
                    await answer
    return network.asked


def methods(client: Client | AsyncClient) -> set[str]:
    """Every method of every resource."""
    return {
        f"{resource}.{name}"
        for resource, held in vars(client).items()
        for name, value in vars(type(held)).items()
        if isinstance(value, Method | Listing)
    }


def test_every_method_of_both_clients_is_tried_here() -> None:
    """A new method needs a line in the table above, a new resource a line in both clients."""
    transport = httpx2.MockTransport(Refuses())
    assert methods(Client(URL, transport=transport)) == set(CALLS)
    assert methods(AsyncClient(URL, transport=transport)) == set(CALLS)


def test_both_clients_ask_for_the_same() -> None:
    """Call by call, and every method says what it does."""
    assert asked() == asyncio.run(asked_asynchronously())
    assert len(asked()) == len(CALLS)


def test_every_route_has_a_method_and_every_method_a_route(
    routes: dict[str, dict[str, Any]],
) -> None:
    """Nothing of the API is out of reach of the client, and the client asks for nothing else."""
    patterns = {
        (method.upper(), path): re.compile(re.sub(r"\{\w+\}", "[^/:]+", path))
        for path, methods in routes.items()
        for method in methods
        if path not in FOR_BROWSERS
    }
    requests = set(asked())
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
