"""What a request reaches behind the second wall: by who asks, and by what its route needs."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from starlette.testclient import TestClient

from service.api.caller import Admin, KeyHolder, Reader, Trainer, Writer
from service.api.context import Context, Here
from service.store import models
from tests.service.api.test_datasets import bars

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

Holder = Callable[..., TestClient]
OWN, OTHER, DEFAULT = "mine", "other", "default"


def projects(here: Context) -> list[str]:
    """What a query finds that names no project."""
    with here.store.read() as session:
        return sorted(session.scalars(select(models.Project.id)))


def nobody(here: Here) -> list[str]:
    """A route that forgot to ask."""
    return projects(here)


def reader(here: Here, _: Reader) -> list[str]:
    """As all that show something."""
    return projects(here)


async def writer(here: Here, _: Writer) -> list[str]:
    """On the event loop, and in a thread."""
    return [*projects(here), *await run_in_threadpool(projects, here)]


async def stream(here: Here, _: Reader) -> StreamingResponse:
    """Asks while it is sent."""

    async def sent() -> AsyncIterator[str]:
        yield ",".join(await run_in_threadpool(projects, here))

    return StreamingResponse(sent())


def trainer(here: Here, _: Trainer) -> list[str]:
    """As the calls of workers."""
    return projects(here)


def admin(here: Here, _: Admin) -> list[str]:
    """As those that make keys."""
    return projects(here)


def anybody(here: Here, _: KeyHolder) -> list[str]:
    """By any key."""
    return projects(here)


@pytest.fixture
def forgetful(api: TestClient) -> TestClient:
    """The application with routes whose queries name no project."""
    assert isinstance(api.app, FastAPI)
    for route in (nobody, reader, writer, stream, trainer, admin, anybody):
        api.app.add_api_route(f"/forgetful/{route.__name__}", route)
    return api


def ask(client: TestClient) -> dict[str, Any]:
    """What each of these routes finds for a client."""
    names = ("nobody", "reader", "writer", "trainer", "admin", "anybody")
    found = {name: client.get(f"/forgetful/{name}").json() for name in names}
    return {**found, "stream": client.get("/forgetful/stream").text}


def test_a_request_reaches_its_callers_project(forgetful: TestClient, holder: Holder) -> None:
    """And what it was nobody's business to ask for, nothing; on the loop, in threads, in streams.

    Whoever works and administers for all projects reaches them for that alone.
    """
    mine = holder(OWN)
    holder(OTHER)
    assert ask(mine) == {
        "nobody": [],
        **{name: [OWN] for name in ("reader", "trainer", "admin", "anybody")},
        "writer": [OWN, OWN],
        "stream": OWN,
    }
    assert ask(forgetful) == {  # with a key of all projects
        "nobody": [],
        **{name: [DEFAULT] for name in ("reader", "anybody")},
        "writer": [DEFAULT, DEFAULT],
        "stream": DEFAULT,
        **{name: [DEFAULT, OWN, OTHER] for name in ("trainer", "admin")},
    }
    assert ask(mine)["reader"] == [OWN], "a request leaves its reach to no other"


def test_where_no_key_is_needed_it_is_the_default_project(forgetful: TestClient) -> None:
    """A server that serves this machine alone has one tenant, but its administrator is all's."""
    assert forgetful.get("/forgetful/nobody").json() == []
    assert forgetful.get("/forgetful/reader").json() == [DEFAULT]


def test_the_file_of_two_projects_stays_when_one_lets_it_go(
    api: TestClient, holder: Holder
) -> None:
    """A request looks beyond its project where it must: the content is kept once for all."""
    clients = holder(OWN), holder(OTHER)
    for client in clients:
        made = client.post("/v1/datasets?kind=ohlcv&name=x", content=bars(400))
        assert made.status_code == 201, made.text
    place = f"/v1/datasets/{made.json()['id']}"
    assert clients[0].delete(place).status_code == 204
    assert clients[0].get(f"{place}/content").status_code == 404
    assert clients[1].get(f"{place}/content").status_code == 200
    assert clients[1].delete(place).status_code == 204
    assert api.app.state.context.uploads.path(made.json()["id"]).exists() is False


def test_workers_of_all_projects_are_seen_by_each(
    api: TestClient, holder: Holder, submit: Callable[..., Any]
) -> None:
    """And every worker by whoever holds a key of all projects."""
    submit()
    mine = holder(OWN)
    claim = {"claim": "c", "lanes": 1, "wait_seconds": 0}
    assert mine.post("/v1/work:claim", json={"worker": "own", **claim}).status_code == 200
    assert api.post("/v1/work:claim", json={"worker": "common", **claim}).status_code == 200
    for client, names in ((mine, {"own", "common"}), (api, {"own", "common"})):
        for path in ("/v1/workers", "/workers"):
            told = client.get(path, headers={"Accept": "text/html"}).text
            assert {one for one in names if one in told} == names, path
    told = holder(OTHER).get("/v1/workers").json()["items"]
    assert [one["name"] for one in told] == ["common"]
