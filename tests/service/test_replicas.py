"""Two servers on one PostgreSQL database are one service.

Their own looks now and then are so rare here that nothing but a notice of the other one wakes a
request or stream; the first one plans nothing, for everything is asked of the second.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from service import app as application
from service.api import streams, studies, work
from service.api.browsers import COOKIE
from service.cli.serving import _listen, _server
from service.settings import Settings
from service.store import projects, quotas
from service.store.engine import Store
from service.store.notices import LISTENER
from tests.conftest import cut_connections
from tests.service.conftest import SMALL

NEVER = 3600.0
PATIENCE_SECONDS = 20.0
LIMIT = 40  # requests a minute
ALL = ["studies:read", "studies:write", "work", "admin"]


@dataclass(frozen=True, slots=True)
class Replica:
    """A server: its address, a client that shows an administrator's key, its store."""

    url: str
    client: httpx2.Client
    store: Store


@contextmanager
def serving(database: str, folder: Path) -> Iterator[Replica]:
    """A server in a thread of this process, so that how often it looks can be changed."""
    settings = Settings(
        database_url=database,
        port=0,
        sweep_seconds=NEVER,
        cache_folder=folder / "cache",
        dataset_folder=folder / "datasets",
    )
    store = application.open_store(settings)
    app = application.create_app(store, settings)
    with _listen(settings) as listener:
        server = _server(app, settings)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        host, port = listener.getsockname()[:2]
        url = f"http://{host}:{port}"
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            with httpx2.Client(base_url=url, timeout=PATIENCE_SECONDS) as client:
                yield Replica(url, client, store)
        finally:
            app.state.context.bell.close()
            server.should_exit = True
            thread.join()
            store.close()


@pytest.fixture(scope="module")
def replicas(
    shared_postgres_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Replica, Replica]]:
    """Both of them; the first key is made at the first one."""
    folder = tmp_path_factory.mktemp("replicas")
    with pytest.MonkeyPatch.context() as patch:
        for module in (streams, studies, work):
            patch.setattr(module, "POLL_SECONDS", NEVER)
        for name in ("PLAN_SECONDS", "TELL_SECONDS"):
            patch.setattr(application, name, NEVER)
        with (
            serving(shared_postgres_url, folder) as first,
            serving(shared_postgres_url, folder) as second,
        ):
            wish = {"label": "admin", "scopes": ALL, "all_projects": True}
            token = first.client.post("/v1/keys", json=wish).json()["token"]
            for one in (first, second):
                one.client.headers["Authorization"] = f"Bearer {token}"
            yield first, second


@pytest.fixture
def paused(replicas: tuple[Replica, Replica]) -> Iterator[str]:
    """A study that rests, so that nothing but the test changes it."""
    _, second = replicas
    study = second.client.post("/v1/studies", json=SMALL).json()["id"]
    assert second.client.post(f"/v1/studies/{study}:pause").status_code == 200
    yield study
    second.client.post(f"/v1/studies/{study}:cancel")


def messages(stream: httpx2.Response) -> Iterator[dict[str, Any]]:
    """What a stream tells, as it comes."""
    for line in stream.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def later(act: Callable[[], httpx2.Response]) -> threading.Timer:
    """Let something happen once a request that is made now waits."""
    timer = threading.Timer(0.5, act)
    timer.start()
    return timer


def test_a_stream_at_one_tells_what_happens_at_the_other(
    replicas: tuple[Replica, Replica],
) -> None:
    """Every revision once, in order, each when it happens; to the end of the study."""
    first, second = replicas
    study = second.client.post("/v1/studies", json=SMALL).json()["id"]
    seen: list[int] = []
    steps = iter(["pause", "resume", "pause", "resume", "cancel"])
    with first.client.stream("GET", f"/v1/studies/{study}/events") as stream:
        for message in messages(stream):
            seen.append(message["revision"])
            if message["kind"] in {"created", "paused", "resumed"}:  # else it would wait for ever
                moved = second.client.post(f"/v1/studies/{study}:{next(steps)}")
                assert moved.status_code == 200
    revision = second.client.get(f"/v1/studies/{study}").json()["revision"]
    assert seen == list(range(1, revision + 1))
    assert not list(steps)


def test_an_answer_that_waits_at_one_comes_with_a_change_at_the_other(
    replicas: tuple[Replica, Replica], paused: str
) -> None:
    """Long before its own time is up, and before the client's."""
    first, second = replicas
    etag = first.client.get(f"/v1/studies/{paused}").headers["ETag"]
    change = later(lambda: second.client.patch(f"/v1/studies/{paused}", json={"label": "new"}))
    told = first.client.get(f"/v1/studies/{paused}?wait=30", headers={"If-None-Match": etag})
    change.join()
    assert (told.status_code, told.json()["label"]) == (200, "new")


def test_the_stream_of_a_project_tells_what_happens_at_the_other(
    replicas: tuple[Replica, Replica], paused: str
) -> None:
    """Studies made, moved and deleted there."""
    first, second = replicas
    with first.client.stream("GET", "/v1/events") as stream:
        told = (one for message in messages(stream) for one in message["studies"])
        mine = ((one["state"], one["revision"]) for one in told if one["study"] == paused)
        assert next(mine)[0] == "paused"
        second.client.post(f"/v1/studies/{paused}:cancel")
        assert next(mine)[0] == "cancelled"
        second.client.delete(f"/v1/studies/{paused}")
        assert next(mine) == ("deleted", None)


def test_a_claim_that_waits_at_one_gets_what_the_other_plans(
    replicas: tuple[Replica, Replica],
) -> None:
    """The worker of one server trains what is asked of the other."""
    first, second = replicas
    body = {"worker": "w", "claim": "c", "wait_seconds": 20}
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(first.client.post, "/v1/work:claim", json=body)
        time.sleep(0.5)
        study = second.client.post("/v1/studies", json=SMALL).json()["id"]
        block = waiting.result().json()["block"]
    assert block["study"] == study
    assert second.client.post(f"/v1/studies/{study}:cancel").status_code == 200
    run = {key: block["runs"][0][key] for key in ("run", "token")}
    beat = first.client.post("/v1/runs:heartbeat", json={"worker": "w", "runs": [run]})
    assert beat.status_code == 409  # stale
    assert beat.json()["replies"][0]["stop"] == "cancelled"


def test_a_stream_outlives_the_connection_that_listens(
    replicas: tuple[Replica, Replica], paused: str, shared_postgres_url: str
) -> None:
    """What happens at the other while this one does not hear is told when it hears again."""
    first, second = replicas
    with first.client.stream("GET", f"/v1/studies/{paused}/events") as stream:
        told = (message["data"].get("label") for message in messages(stream))
        for number in range(3):
            assert cut_connections(shared_postgres_url, LISTENER) == 2
            change = {"label": f"cut {number}"}
            second.client.patch(f"/v1/studies/{paused}", json=change)
            assert change["label"] in told  # reads on until it comes
            wait_for_listeners(first.store, 2)


def wait_for_listeners(store: Store, count: int) -> None:
    """Until so many servers listen again."""
    query = text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with store.read() as session:
            if session.scalar(query, {"name": LISTENER}) == count:
                return
        time.sleep(0.05)
    raise AssertionError("nobody listens")


def until_refused(
    ask: Callable[[], httpx2.Response], status: int, pause_seconds: float = 0.1
) -> int:
    """Ask until it is refused; returns how often it was not."""
    deadline, granted = time.monotonic() + PATIENCE_SECONDS, 0
    while (answer := ask()).status_code != status:
        assert answer.status_code == 200, answer.text
        assert time.monotonic() < deadline, granted
        granted += 1
        time.sleep(pause_seconds)
    return granted


def test_a_key_of_one_opens_the_other_until_it_is_revoked(
    replicas: tuple[Replica, Replica],
) -> None:
    """At once, and within a second or so."""
    first, second = replicas
    made = first.client.post("/v1/keys", json={"label": "x", "scopes": ["studies:read"]}).json()
    shown = {"Authorization": f"Bearer {made['token']}"}

    def ask() -> httpx2.Response:
        return httpx2.get(f"{second.url}/v1/studies", headers=shown)

    assert ask().status_code == 200
    assert first.client.delete(f"/v1/keys/{made['id']}").status_code == 204
    until_refused(ask, 401)


def test_who_signed_in_at_one_is_known_at_the_other_until_signed_out(
    replicas: tuple[Replica, Replica],
) -> None:
    """A browser may be sent to either by whatever is in front of them."""
    first, second = replicas
    token = first.client.headers["Authorization"].removeprefix("Bearer ")
    with httpx2.Client() as browser:
        answer = browser.post(f"{first.url}/v1/sessions", json={"key": token})
        shown = {"Cookie": f"{COOKIE}={answer.cookies[COOKIE]}", "Sec-Fetch-Site": "same-origin"}
        browser.cookies.clear()

        def ask() -> httpx2.Response:
            return browser.get(f"{second.url}/v1/sessions", headers=shown)

        assert answer.status_code == 201
        assert ask().json() == answer.json()
        ended = browser.request("DELETE", f"{first.url}/v1/sessions", headers=shown)
        assert ended.status_code == 204
        until_refused(ask, 401)


def test_requests_at_both_count_together(replicas: tuple[Replica, Replica]) -> None:
    """What was used up at one server is missing at the other a second later."""
    first, second = replicas
    with first.store.write() as session:
        projects.ensure(session, "few")
        quotas.set_own(session, "few", {"requests_per_minute": LIMIT})
    wish = {"label": "x", "scopes": ["studies:read"], "project": "few"}
    token = first.client.post("/v1/keys", json=wish).json()["token"]

    def ask(one: Replica) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.get(f"{one.url}/v1/studies", headers=headers)

    minute, granted = -1, 0
    while minute != (minute := int(time.time()) // 60):  # once more if it turned meanwhile
        assert until_refused(lambda: ask(first), 429, 0.0) <= LIMIT
        granted = until_refused(lambda: ask(second), 429)
    assert granted < LIMIT
