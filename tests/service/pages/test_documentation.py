"""The page that describes the API: all of it, for everybody, from this server alone."""

import re
from collections.abc import Callable

from starlette.testclient import TestClient

from service.api.documentation import operations
from service.ui.documentation import kind

Holder = Callable[..., TestClient]


def test_every_call_and_every_object_is_described(api: TestClient) -> None:
    """With its summary, its parameters and its errors; whatever is linked to is there."""
    description = api.get("/openapi.json").json()
    page = api.get("/docs").text
    for operation in operations(description):
        assert f'id="{operation["operationId"]}"' in page
        assert operation["summary"] in page
        for parameter in operation.get("parameters", []):
            assert f"<code>{parameter['name']}</code>" in page
    for name in description["components"]["schemas"]:
        assert f'id="{name}"' in page
    pointed = set(re.findall(r'href="#([^"]+)"', page))
    assert pointed <= set(re.findall(r'id="([^"]+)"', page))


def test_it_needs_nobody_else(api: TestClient) -> None:
    """No script, style or picture of another host, and a policy that allows none."""
    answer = api.get("/docs")
    assert not re.findall(r'(?:src|href)="(?!/|#)[^"]*"', answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_it_is_for_everybody(api: TestClient, holder: Holder) -> None:
    """Also for who has no key yet; who has one sees the menu, too."""
    holder("default").post("/v1/keys", json={"label": "first", "scopes": ["admin"]})
    stranger = api.get("/docs", headers={"Authorization": ""})
    assert stranger.status_code == 200
    assert 'aria-label="Site"' not in stranger.text


def test_kinds_are_told_in_words() -> None:
    """What is named is a link to it."""
    held = {"$ref": "#/components/schemas/RunView"}
    assert (kind(held).words, kind(held).shape) == ("RunView", "RunView")
    many = kind({"anyOf": [{"type": "array", "items": held}, {"type": "null"}]})
    assert (many.words, many.shape) == ("list of RunView or null", "RunView")
    assert kind({"enum": ["a", "b"], "type": "string"}).words == "a | b"
    named = {"type": "object", "additionalProperties": {"type": "number"}}
    assert kind(named).words == "number by name"
    assert kind({}).words == "anything"
