"""Those who judge find what is wrong: each is shown what is bad, and what only looks so.

A judge that finds nothing in a bad page, log or answer would let the whole programme pass.
"""

import json
from pathlib import Path

import httpx2
import pytest

from tests.fuzz import html_pages, loglines
from tests.fuzz.corpus import ALL, FORGED, PRODUCT
from tests.fuzz.places import Place, attack, find, put
from tests.fuzz.test_exhaustion import MOST_MIB, Watch
from tests.fuzz.test_exhaustion import judge as judge_attack
from tests.fuzz.test_injection import judge
from tests.fuzz.test_secrets import Search

CALL = f"{FORGED}()"
LINE = {"time": "t", "level": "info", "message": "m", "process": 1}
PLACE = Place("GET", "/v1/studies", "query", ("q",), frozenset({200, 422}))


@pytest.mark.parametrize(
    "page",
    [
        f"<p><script>{CALL}</script>",
        f"<img src=x onerror={CALL}>",
        f'<a href="JavaScript:{CALL}">x</a>',
        f'<iframe srcdoc="<script>{CALL}</script>"></iframe>',
        f"<p>{PRODUCT}</p>",
        '<a href="//forged.example/a">x</a>',
    ],
)
def test_a_page_that_runs_what_is_stored_is_found(page: str) -> None:
    """In an element, an attribute, or an address."""
    assert html_pages.check(page, "a page")


@pytest.mark.parametrize(
    "page",
    [
        f"<p>&lt;script&gt;{CALL}&lt;/script&gt;</p>",
        f'<input value="&#34; onfocus=&#34;{CALL}">',
        f'<script type="application/json">{json.dumps(CALL)}</script>',
        "<p>{{31337*31337}} javascript:</p>",
    ],
)
def test_a_page_that_shows_what_is_stored_is_right(page: str) -> None:
    """As a text, a value, or data."""
    assert html_pages.check(page, "a page") == []


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([{**LINE, "logger": "service.api.requests", "request": "a"}], "request b has 0 lines"),
        ([{**LINE, "logger": FORGED}], "no logger"),
        ([{"logger": "service", "message": "m"}], "without its time"),
        (["not JSON"], "no object"),
        ([["a", "list"]], "no object"),
    ],
)
def test_a_log_with_a_forged_or_missing_line_is_found(
    lines: list[object], words: str, tmp_path: Path
) -> None:
    """Whatever is wrong with the line."""
    log = tmp_path / "log"
    log.write_text(
        "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines)
    )
    assert any(words in one for one in loglines.check(log, ["b"]))


SAID = "2026-01-01 12:00:00,000 INFO service.api.requests: GET / 200 1.0 ms request=a"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([SAID], "request b has 0 lines"),
        ([SAID, SAID], "request a has 2 lines"),
        ([SAID.replace("service.api.requests", FORGED)], "no logger"),
        ([SAID, "and so on"], "none of ours"),
        ([f"{SAID}\x85{SAID}"], "request a has 2 lines"),
        ([f"{SAID}\x1b[2K"], "none of ours"),
    ],
)
def test_a_log_for_people_with_a_forged_or_missing_line_is_found(
    lines: list[str], words: str, tmp_path: Path
) -> None:
    """Whatever is wrong with it."""
    log = tmp_path / "log"
    log.write_text("\n".join(lines) + "\n", "utf-8")
    assert any(words in one for one in loglines.check(log, ["a", "b"], "text"))


def test_a_log_for_people_that_tells_of_each_request_is_right(tmp_path: Path) -> None:
    """Also of what a request said of itself."""
    log = tmp_path / "log"
    log.write_text(f"{SAID} label=x\\n request=b\n")
    assert list(loglines.check(log, ["a"], "text")) == []


def test_a_line_may_hold_ends_of_other_lines(tmp_path: Path) -> None:
    """As long as they are escaped, it is one."""
    log = tmp_path / "log"
    line = {**LINE, "logger": "service.api.requests", "request": "a", "label": "x\n{}\n"}
    log.write_text(json.dumps(line) + "\n")
    assert list(loglines.check(log, ["a"])) == []


@pytest.mark.parametrize(
    ("status", "headers", "body", "words"),
    [
        (500, {}, b"", "answered 500"),
        (503, {}, b"", "answered 503"),
        (418, {}, b"", "not described"),
        (200, {f"X-{FORGED}": "yes"}, b"", "header was forged"),
        (200, {}, PRODUCT.encode(), "computed"),
        (422, {}, b"Traceback (most recent call last)", "traceback"),
        (200, {"Content-Type": "application/json"}, b'{"a": ', "no JSON"),
    ],
)
def test_a_bad_answer_is_found(
    status: int, headers: dict[str, str], body: bytes, words: str
) -> None:
    """By its status, headers or body."""
    assert any(words in one for one in judge(PLACE, status, httpx2.Headers(headers), body))


def test_a_good_answer_is_none(tmp_path: Path) -> None:
    """Nor one that says when to come again."""
    told = httpx2.Headers({"Content-Type": "application/json", "Retry-After": "1"})
    assert list(judge(PLACE, 200, told, b"{}")) == []
    found = list(judge(PLACE, 503, told, b"{}"))
    assert found == ["answered 503, which is not described: b'{}'"]


def test_a_secret_is_found_in_every_form() -> None:
    """As it is, cut, quoted and encoded; where it belongs it is no leak."""
    search = Search()
    search.add("key", "gs_public_abcdefghijklmnopq+/")
    for text in ("x abcdefghijklmnopq+/ y", "cut: bcdefghijklmnopq+/", "bcdefghijklmnopq%2B%2F"):
        search.look(text, "a text")
    search.look("abcdefghijklmnopq+/", "its table", frozenset({"key"}))
    search.look("gs_public_", "a list of keys")
    assert search.found == ["a key in a text"] * 3


def test_an_exhausted_server_is_found() -> None:
    """One that answers wrongly, grows, or lets others wait."""
    before = Watch(seconds=[0.001] * 100, highest=0)
    slow = Watch(seconds=[1.0] * 100, failures=["answered 500"], highest=(MOST_MIB + 1) * 2**20)
    found = list(judge_attack("cursors", {"answers": {"500": 3, "200": 1}}, before, slow))
    assert len(found) == 4
    well = {"answers": {"200": 1, "500": 0}}
    assert list(judge_attack("cursors", well, before, before)) == []


def test_places_are_found_in_every_kind_of_schema() -> None:
    """Through references, lists, maps and choices; and every payload gets there as it is."""
    schema = {
        "properties": {
            "plain": {"type": "string"},
            "many": {"type": "array", "items": {"$ref": "#/components/schemas/Inner"}},
            "map": {"type": "object", "additionalProperties": {"type": "number"}},
            "choice": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        }
    }
    inner = {"type": "object", "properties": {"deep": {"type": "string"}}}
    body = {"content": {"application/json": {"schema": schema, "example": {"plain": "a"}}}}
    document = {
        "paths": {"/a/{b}": {"post": {"responses": {"200": {}}, "requestBody": body}}},
        "components": {"schemas": {"Inner": inner}},
    }
    places = list(find(document, {}))
    steps = {one.steps for one in places if one.part == "body"}
    assert steps == {("plain",), ("many", 0, "deep"), ("map", "k"), ("choice",)}
    for payload in ALL:
        for place in places:
            request = attack(place, payload, {"b": "c"})
            if place.part == "body":
                assert request is not None
                assert payload.literal.encode() in request.content
    assert put({"a": [1]}, ("a", 1, "b"), 2) == {"a": [1, {"b": 2}]}
