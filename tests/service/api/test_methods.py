"""A method that an address does not take is refused, and told are those that it takes."""

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/studies", "GET, POST"),
        ("PUT", "/v1/studies/{study}", "DELETE, GET, PATCH"),
        ("GET", "/v1/studies/{study}:cancel", "POST"),
        ("DELETE", "/v1/studies/{study}:share", "POST"),
        ("OPTIONS", "/v1/studies/{study}:pause", "POST"),
        ("GET", "/v1/studies/{study}/trials/0:cancel", "POST"),
        ("PATCH", "/v1/sessions", "DELETE, GET, POST"),
        ("POST", "/livez", "GET"),
    ],
)
def test_allow_tells_every_method_of_the_address(
    api: TestClient, submit: Callable[..., dict[str, Any]], method: str, path: str, allowed: str
) -> None:
    """Of all routes there, and of none that only looks as if it were there."""
    answer = api.request(method, path.replace("{study}", submit()["id"]))
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json()["type"] == "urn:glideslope:problem:no-method"


def test_what_is_not_there_is_still_not_found(api: TestClient) -> None:
    """With a method that the address takes, and where there is no address at all."""
    for method, path in (
        ("POST", "/v1/studies/st_none:cancel"),
        ("GET", "/v1/studies/st_none"),
        ("GET", "/v1/nothing"),
    ):
        answer = api.request(method, path)
        assert answer.status_code == 404, path
        assert "allow" not in answer.headers
