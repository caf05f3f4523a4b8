"""What compose.yaml starts, without an engine: database, migration, servers, proxy, worker."""

import json
import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import make_url

from tests.docker import image
from tests.docker.stack import SERVERS, Launch, Stack, from_checkout, from_image, why_not
from tests.docker.tools import tool

STUDY = {
    "objective": "noisy_quadratic",
    "horizon": 20,
    "space": {"families": ["cosine"]},
    "baselines": ["constant"],
    "budget": {"trials": 4},
    "seeds": 1,
    "confirm_seeds": 2,
}

pytestmark = [
    pytest.mark.full,
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True),
]


@pytest.fixture(params=["checkout", "image"])
def launch(request: pytest.FixtureRequest, empty_database_url: str, tmp_path: Path) -> Launch:
    """Where programs come from."""
    if request.param == "checkout":
        return from_checkout
    folder = os.environ.get(image.FOLDER)
    if not folder:
        pytest.skip("no image: `make image-check` builds one")
    sockets = str(make_url(empty_database_url).query["host"])
    Path(sockets).chmod(0o711)  # another user is to find the socket, and nothing else there
    return partial(from_image, Path(folder), tmp_path, sockets)


@pytest.fixture
def stack(launch: Launch, empty_database_url: str, tmp_path: Path) -> Iterator[Stack]:
    """Everything but a worker, the schema brought up to date by its own command."""
    if reason := why_not():
        pytest.skip(reason)
    caddy = tool("caddy")
    stack = Stack(launch, empty_database_url, tmp_path)
    try:
        assert "up to date" in stack.run("db", "upgrade")
        stack.serve()
        stack.proxy(caddy)
        yield stack
    finally:
        stack.end()


def follow(client: httpx2.Client, study: str) -> Iterator[tuple[str, Any]]:
    """The events of a study, as they come."""
    with client.stream("GET", f"/v1/studies/{study}/events", timeout=90) as lines:
        kind = ""
        for line in lines.iter_lines():
            if line.startswith("event: "):
                kind = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield kind, json.loads(line.removeprefix("data: "))


def requests_of(stack: Stack, host: str) -> float:
    """How many requests for studies a server answered; it tells whoever asks it directly."""
    text = httpx2.get(f"http://{host}:{stack.port}/metrics", trust_env=False).text
    return sum(
        float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if line.startswith("glideslope_request_seconds_count") and "/v1/studies" in line
    )


def test_a_study_through_the_proxy(stack: Stack) -> None:
    """From nobody let in, over the first key, to a verdict, which survives the loss of a server."""
    with httpx2.Client(base_url=stack.url, trust_env=False) as nobody:
        assert nobody.get("/livez").status_code == 200
        assert nobody.get("/v1/studies").status_code == 401
        assert nobody.get("/metrics").status_code == 401, "open, but not through a proxy"
    key = stack.run("key", "create", "--label", "user").strip()
    worker = stack.work(stack.run("key", "create", "--all-projects", "--scope", "work").strip())
    check_browser(stack, key)
    shown = {"Authorization": f"Bearer {key}"}
    with httpx2.Client(base_url=stack.url, headers=shown, trust_env=False, timeout=30) as client:
        study = client.post("/v1/studies", json=STUDY).json()["id"]
        for _ in range(10):
            assert client.get(f"/v1/studies/{study}").status_code == 200
        assert all(requests_of(stack, host) >= 4 for host in SERVERS), "both servers are asked"

        events = follow(client, study)
        next(events)
        state = client.get(f"/v1/studies/{study}").json()["state"]
        assert state == "running", "the first event came while there was more to come"
        events.close()

        assert stack.stop(stack.servers[0]) == 0
        for _ in range(20):
            assert client.get(f"/v1/studies/{study}").status_code == 200, "the other one is asked"
        kinds = [kind for kind, _ in follow(client, study)]
        told = client.get(f"/v1/studies/{study}").json()
        assert (told["state"], kinds[-1]) == ("completed", "completed")
        assert client.get(f"/v1/studies/{study}/verdict").status_code == 200
    assert stack.stop(worker) == 0


def check_browser(stack: Stack, key: str) -> None:
    """A browser signs in: its origin is the proxy's, which passes on the host; others' are not."""
    with httpx2.Client(base_url=stack.url, trust_env=False) as browser:
        foreign = {"Origin": "http://elsewhere.example.com"}
        assert browser.post("/v1/sessions", json={"key": key}, headers=foreign).status_code == 403
        own = {"Origin": stack.url}
        assert browser.post("/v1/sessions", json={"key": key}, headers=own).status_code == 201
        page = browser.get("/", headers={"Accept": "text/html"})
        assert (page.status_code, "Studies" in page.text) == (200, True)
