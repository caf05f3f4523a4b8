"""The description of the API tells everything: words, examples that work, and every error."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api.caller import PUBLIC
from service.api.documentation import PARAMETERS, TAGS
from service.app import create_app
from service.settings import Settings
from service.store.engine import Store

Document = dict[str, Any]

PROBLEM = {"$ref": "#/components/schemas/Problem"}
MEDIA_TYPE = "application/problem+json"


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Document:
    """The description of the API."""
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('description') / 'none.db'}")
    found: Document = create_app(store, Settings()).openapi()
    store.close()
    return found


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Method, path and description of every route."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def bodies(document: Document, operation: Document) -> list[Any]:
    """The examples of a body, by what it may be."""
    found = []
    for content in operation.get("requestBody", {}).get("content", {}).values():
        schema = content["schema"]
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        named = [one["value"] for one in content.get("examples", {}).values()]
        alone = [content["example"]] if "example" in content else []
        found.append([*named, *alone, *schema.get("examples", [])])
    return found


def test_every_route_says_what_it_does(document: Document) -> None:
    """A summary, sentences, a group that is explained, and words for every parameter."""
    for method, path, operation in operations(document):
        place = f"{method} {path}"
        assert operation["summary"], place
        assert operation["description"].rstrip().endswith((".", "`")), place
        assert set(operation["tags"]) <= set(TAGS), place
        silent = [
            one["name"] for one in operation.get("parameters", []) if "description" not in one
        ]
        assert silent == [], place
    assert {one["name"] for one in document["tags"]} == {
        tag for _, _, operation in operations(document) for tag in operation["tags"]
    }


def test_words_are_for_parameters_that_there_are(document: Document) -> None:
    """What no route asks for any more is not explained any more."""
    names = {
        one["name"] for _, _, route in operations(document) for one in route.get("parameters", [])
    }
    assert set(PARAMETERS) - names == set()


def test_every_body_has_an_example(document: Document) -> None:
    """Whatever it may be sent as."""
    for method, path, operation in operations(document):
        assert all(bodies(document, operation)), f"{method} {path}"


def test_every_error_is_a_problem_document(document: Document) -> None:
    """With its schema and an example; which of them a route may answer with, it says."""
    for method, path, operation in operations(document):
        told = {int(status): one for status, one in operation["responses"].items()}
        place = f"{method} {path}"
        expected = {500}
        if path not in PUBLIC:
            expected |= {422, 503, 403} | ({401} if path != "/metrics" else set())
        if re.search(r"\{\w+\}", path):
            expected |= {404}
        if "requestBody" in operation:
            expected |= {400, 413, 422}
        assert expected <= set(told), place
        for status, response in told.items():
            assert response["description"], place
            if status >= 400 and path not in PUBLIC:
                (kind, content), *others = response["content"].items()
                assert (kind, others, content["schema"]) == (MEDIA_TYPE, [], PROBLEM), place
                assert content["example"]["status"] == status, place
                assert content["example"]["type"].startswith("urn:glideslope:problem:"), place


@pytest.mark.full
def test_examples_of_bodies_are_understood(
    api: TestClient, holder: Callable[..., TestClient], document: Document
) -> None:
    """What is shown can be sent: no example is refused for what it says."""
    holder("default")  # one of the examples makes a key, without which the others would be refused
    sent = 0
    for method, path, operation in operations(document):
        for example in (one for kind in bodies(document, operation) for one in kind):
            if path in {"/v1/studies:import", "/v1/datasets", "/v1/sessions"}:
                continue  # a whole study is no example, nor a key; a table is sent below
            address = path.replace("{study}", "st_x")
            answer = api.request(method, address, json=example)
            assert answer.status_code not in {400, 401, 413, 422}, f"{method} {path}: {answer.text}"
            sent += 1
    assert sent > 10
    content = document["paths"]["/v1/datasets"]["post"]["requestBody"]["content"]["text/csv"]
    table = content["examples"]["text/csv"]["value"]
    query = {"kind": "ohlcv", "name": "example"}
    assert api.post("/v1/datasets", params=query, content=table).status_code == 201


def test_examples_of_errors_are_as_errors_are(api: TestClient, document: Document) -> None:
    """The same fields in the same form as in a true one."""
    problem = api.get("/v1/studies/st_x").json()
    responses = document["paths"]["/v1/studies/{study}"]["get"]["responses"]
    shown = responses["404"]["content"][MEDIA_TYPE]["example"]
    assert list(shown) == list(problem)
    assert {name: shown[name] for name in ("type", "title", "status", "detail")} == {
        name: problem[name] for name in ("type", "title", "status", "detail")
    }
    assert json.dumps(document)  # nothing in it that JSON has no word for


def test_a_stream_is_described_event_by_event(document: Document) -> None:
    """With what its data hold, and without a reference that leads nowhere."""
    for path in ("/v1/studies/{study}/events", "/v1/events"):
        told = document["paths"][path]["get"]["responses"]["200"]["content"]["text/event-stream"]
        data = told["itemSchema"]["properties"]["data"]
        assert data["contentSchema"]["type"] == "object"
        assert "$ref" not in json.dumps(told)
