"""A server that is about to end: it begins nothing new, and what was accepted stays accepted."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api.bell import Bell
from tests.service.conftest import SMALL

NEW = {"Idempotency-Key": "new"}
OLD = {"Idempotency-Key": "old"}


def close(api: TestClient) -> None:
    """Do what the server does first when it was told to end."""
    bell: Bell = api.app.state.context.bell  # type: ignore[attr-defined] # the application's
    bell.close()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/v1/studies", SMALL),
        ("POST", "/v1/work:claim", {"worker": "w", "claim": "c"}),
        ("POST", "/v1/work:claim", {"worker": "w", "claim": "c", "wait_seconds": 30}),
    ],
)
def test_nothing_new_begins(api: TestClient, method: str, path: str, body: dict[str, Any]) -> None:
    """The answer comes at once, and says when to ask again."""
    close(api)
    refused = api.request(method, path, json=body, headers=NEW)
    assert refused.status_code == 503, refused.text
    assert refused.json()["type"] == "urn:glideslope:problem:server-ends"
    assert refused.headers["Retry-After"] == "1"
    assert api.get("/v1/studies").json()["items"] == []


def test_it_says_that_it_is_not_ready(api: TestClient) -> None:
    """Whoever shares out requests sends no more here; it lives on until the last one is served."""
    close(api)
    ready = api.get("/readyz")
    assert (ready.status_code, ready.json()) == (503, {"status": "ending"})
    assert api.get("/livez").status_code == 200


def test_what_was_accepted_stays_accepted(api: TestClient) -> None:
    """A key that was answered gets the same answer, whatever the server is about to do."""
    made = api.post("/v1/studies", json=SMALL, headers=OLD)
    close(api)
    again = api.post("/v1/studies", json=SMALL, headers=OLD)
    assert (again.status_code, again.json()) == (202, made.json())
