"""The table of problems: every foreseen error by its own status and type, any other as a 500."""

import logging
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.testclient import TestClient

from service.api.problems import KINDS, install
from service.api.requests import Requests
from service.errors import (
    Conflict,
    Forbidden,
    Foreign,
    HeadersTooLarge,
    KeyReused,
    NotFound,
    Outdated,
    QuotaExceeded,
    ServerEnds,
    StoreBusy,
    Unidentified,
)
from tuning.errors import DataError, IllegalMove, InvalidValue, UnknownName

RAISED: tuple[tuple[Exception, int, str], ...] = (
    (InvalidValue("budget.trials", 0, "at least 1"), 422, "invalid-value"),
    (UnknownName("family", "cosin", ["cosine"]), 422, "invalid-value"),
    (DataError("bars.csv, line 7: no number"), 422, "invalid-data"),
    (Unidentified(is_shown=True), 401, "no-key"),
    (Foreign("not from here"), 403, "foreign"),
    (Forbidden("admin"), 403, "forbidden"),
    (HeadersTooLarge(9), 431, "headers-too-large"),
    (NotFound("study", "st_x"), 404, "not-found"),
    (Conflict("no best yet"), 409, "conflict"),
    (IllegalMove("study", "completed", "cancelled"), 409, "illegal-move"),
    (Outdated("st_x", 9), 412, "outdated"),
    (KeyReused("k"), 422, "key-reused"),
    (
        QuotaExceeded("trials", used=9, limit=10, asked=2, retry_after=60),
        429,
        "quota-exceeded",
    ),
    (StoreBusy("the database did not answer"), 503, "store-busy"),
    (ServerEnds(), 503, "server-ends"),
    (ZeroDivisionError("secret"), 500, "internal"),
)


@pytest.fixture
def client() -> Iterator[TestClient]:
    """An application that raises the error whose position is asked for."""
    app = FastAPI()
    app.add_middleware(Requests)
    install(app)

    @app.get("/{position}")
    def fail(position: int) -> None:
        raise RAISED[position][0]

    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.mark.parametrize("position", range(len(RAISED)), ids=lambda i: type(RAISED[i][0]).__name__)
def test_an_error_is_answered_by_its_row(client: TestClient, position: int) -> None:
    """Status and type from the table, the error's own words as the detail."""
    error, status, kind = RAISED[position]
    response = client.get(f"/{position}")
    problem = response.json()
    assert (response.status_code, problem["status"]) == (status, status)
    assert problem["type"] == f"urn:glideslope:problem:{kind}"
    assert response.headers["content-type"] == "application/problem+json"
    assert (problem["detail"] == str(error)) == (status != 500)


def test_every_row_of_the_table_is_tested() -> None:
    """A new row needs a new example; misfits of the schema have a suite of their own."""
    tested = {type(error) for error, _, _ in RAISED}
    assert set(KINDS) - tested == {RequestValidationError}


def test_a_busy_store_says_when_to_come_back(client: TestClient) -> None:
    """503 carries Retry-After, as does 429; nothing else does."""
    busy = [isinstance(error, StoreBusy | ServerEnds | QuotaExceeded) for error, _, _ in RAISED]
    told = ["retry-after" in client.get(f"/{i}").headers for i in range(len(RAISED))]
    assert told == busy


def test_what_nobody_foresaw_is_logged_and_not_told(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The client gets the id under which the log has the traceback, and no word of it."""
    with caplog.at_level(logging.ERROR):
        response = client.get(f"/{len(RAISED) - 1}")
    assert "secret" not in response.text
    (record,) = [record for record in caplog.records if record.name == "service.api.problems"]
    assert record.exc_info is not None
    number = response.headers["X-Request-Id"]
    assert getattr(record, "request", None) == number
    assert response.json()["instance"] == f"urn:glideslope:request:{number}"


def test_a_long_value_is_cut_in_its_problem(client: TestClient) -> None:
    """A mistake of a megabyte is answered in a line."""
    response = client.get("/" + "x" * 4000)
    assert response.status_code == 422
    assert len(response.content) < 2000
