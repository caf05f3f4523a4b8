"""Request ids, and the line that every request leaves in the log."""

import logging
import re
from pathlib import Path
from typing import NoReturn

import pytest
from starlette.testclient import TestClient

from service.app import create_app
from service.settings import Settings
from service.store.engine import Store

LOGGER = "service.api.requests"


@pytest.mark.parametrize("given", ["abc-123", "A.b_c", "x" * 64])
def test_a_sane_id_is_kept(api: TestClient, given: str) -> None:
    """In the header of the answer and in its problem document."""
    answer = api.get("/v1/studies/st_none", headers={"X-Request-Id": given})
    assert answer.headers["X-Request-Id"] == given
    assert answer.json()["instance"] == f"urn:glideslope:request:{given}"


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "a\tb", "ä".encode(), "<script>"])
def test_any_other_is_replaced(api: TestClient, given: str | bytes) -> None:
    """By a random one: it goes into logs and documents."""
    answer = api.get("/v1/studies/st_none", headers={"X-Request-Id": given})
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["X-Request-Id"])
    assert answer.json()["instance"].endswith(answer.headers["X-Request-Id"])


def fail(*_: object, **__: object) -> NoReturn:
    """Fail as nobody foresaw."""
    raise ZeroDivisionError("secret")


def test_an_unforeseen_error_has_its_id_too(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In header, document and log, so that a user can name it."""
    app = create_app(store, Settings(dataset_folder=tmp_path), survey=fail)
    client = TestClient(app, base_url="http://localhost", raise_server_exceptions=False)
    address = "/v1/datasets?kind=ohlcv&name=x"
    answer = client.post(address, content=b"x", headers={"X-Request-Id": "mine"})
    assert (answer.status_code, answer.headers["X-Request-Id"]) == (500, "mine")
    assert answer.json()["instance"].endswith(":mine")
    assert [one.request for one in caplog.records if one.exc_info] == ["mine"]


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/studies", 200), ("/livez", 200), ("/nowhere", 404), ("/v1/studies?limit=x", 422)],
)
def test_every_answer_is_its_readers_alone(api: TestClient, path: str, status: int) -> None:
    """And what its type says; whoever has a reason says something else."""
    answer = api.get(path)
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "private, no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    kept = api.get("/static/site.css").headers
    assert (kept["cache-control"], kept["x-content-type-options"]) == ("no-cache", "nosniff")


def test_a_request_leaves_a_line(api: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """Method, template, status, time and ids; neither the address as typed nor its query."""
    caplog.set_level(logging.INFO, LOGGER)
    api.get("/v1/studies/st_none?wait=0&mine=s3cr3t")
    api.get("/nothing/s3cr3t")
    first, second = (one for one in caplog.records if one.name == LOGGER)

    assert first.getMessage().startswith("GET /v1/studies/{study} 404 ")
    told = {name: vars(first)[name] for name in ("method", "route", "status", "study")}
    assert told == {
        "method": "GET",
        "route": "/v1/studies/{study}",
        "status": 404,
        "study": "st_none",
    }
    assert first.seconds >= 0
    assert second.getMessage().startswith("GET none 404 ")
    assert "s3cr3t" not in str(vars(first)) + str(vars(second))
