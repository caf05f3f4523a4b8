"""The audit log: who was refused, in one short line each, whatever strangers write."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from service import audit, logs
from service.errors import QuotaExceeded
from service.floods import MOST
from service.store.tokens import make_token
from tests.service.api.test_identity import Make, bearer, make

__all__ = ["make"]  # the fixture

STUDIES = "/v1/studies"
EVIL = "evil\n2026-11-26 INFO service.audit: all is well\x1b[2K\u202e" + "x" * 5000

Lines = Callable[[], list[str]]


@pytest.fixture(params=["text", "json"])
def lines(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """What the audit log has said since, as a server of the default level writes it."""
    stream = io.StringIO()
    monkeypatch.setenv(logs.FORMAT, request.param)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers = []
    logs.start(stream)

    def told() -> list[str]:
        return [line for line in stream.getvalue().splitlines() if "service.audit" in line]

    yield told
    root.handlers = handlers
    root.setLevel(level)


def message(line: str) -> str:
    """The sentence of a line in either form."""
    if line.startswith("{"):
        sentence: str = json.loads(line)["message"]
        return sentence
    return line


def test_a_refusal_says_who_and_why(api: TestClient, make: Make, lines: Lines) -> None:
    """Without any key, with one that opens nothing, without the scope, from another site."""
    made = make(scopes=["studies:read"])
    name, unknown = make_token()
    begun = len(lines())
    api.get(STUDIES)
    api.get(STUDIES, headers={"Authorization": f"Bearer {unknown}"})
    api.post(STUDIES, json={}, headers=bearer(made["token"]))
    api.post("/v1/sessions", json={"key": made["token"]}, headers={"Origin": "http://evil.test"})
    told = lines()[begun:]
    expected = [
        ("GET none", "no key: 401", "an API key is needed"),
        ("GET none", f"key {name}: 401", "this key opens nothing"),
        (f"POST {STUDIES}", f"key {made['id']}: 403", "this needs the scope 'studies:write'"),
        ("POST /v1/sessions", "no key: 403", ""),
    ]
    for line, words in zip(told, expected, strict=True):
        assert all(word in message(line) for word in words), (line, words)
    assert not any(made["token"][17:60] in line or unknown[17:60] in line for line in told)


def test_too_much_is_told(
    api: TestClient, make: Make, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the key that asked, though no route was reached."""
    mine = make()

    def refuse(_: object) -> None:
        raise QuotaExceeded("requests_per_minute", used=9, limit=9, asked=1, retry_after=3)

    monkeypatch.setattr(api.app.state.context.meter, "count", refuse)  # type: ignore[attr-defined] # the application's
    assert api.get(STUDIES, headers=bearer(mine["token"])).status_code == 429
    assert f"key {mine['id']}: 429, 'quota requests_per_minute: 9 of 9" in message(lines()[-1])


def test_keys_and_who_signs_in_are_told(api: TestClient, make: Make, lines: Lines) -> None:
    """At the default level, with ids alone."""
    made = make(label="laptop")
    signed = api.post(
        "/v1/sessions", json={"key": made["token"]}, headers={"Origin": "http://localhost"}
    )
    assert signed.status_code == 201
    api.delete(f"/v1/keys/{made['id']}", headers=bearer(made["token"]))
    created, opened, revoked = map(message, lines()[-3:])
    assert f"key {made['id']} ('laptop') of project" in created
    assert "was created by" in created
    assert f"was opened with key {made['id']} ('laptop')" in opened
    assert "was revoked by" in revoked


def test_strangers_write_no_lines_of_their_own(api: TestClient, lines: Lines) -> None:
    """Their words are written out and cut, wherever they stand."""
    for text in (EVIL, "y" * 5000):
        begun = len(lines())
        audit.refused(403, "foreign", text, method="GET", route="none", client=text, key=None)
        (line,) = lines()[begun:]
        assert not {"\x1b", "\u202e"} & set(line)
        assert len(message(line)) < 2 * audit.LONGEST_TEXT + 200
    begun = len(lines())
    api.get(STUDIES, headers={"Host": "z" * 9000})
    (line,) = lines()[begun:]
    assert "403, " in line
    assert len(line) < audit.LONGEST_TEXT + 500


def test_a_flood_of_refusals_is_counted(api: TestClient, make: Make, lines: Lines) -> None:
    """While what becomes of keys is told, however much is refused."""
    make()
    begun = len(lines())
    for _ in range(5 * MOST):
        audit.refused(401, "no-key", "x", method="GET", route="none", client=None, key=None)
    made = make()
    told = lines()[begun:]
    assert len(told) <= 2 * MOST + 3  # a slow machine may see a second begin
    assert sum(f"key {made['id']}" in line for line in told) == 1
