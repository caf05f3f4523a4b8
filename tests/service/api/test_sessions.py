"""Signing in: a key once, then a cookie that no script reads and no other site may use."""

import json
from collections.abc import Callable
from http.cookies import SimpleCookie
from typing import Any

import pytest
from starlette.testclient import TestClient

from service.api.browsers import COOKIE, check_own, check_sign_in, session_token
from service.app import create_app
from service.errors import Foreign
from service.schemas.keys import Scope
from service.settings import Settings
from service.store.engine import Store
from service.store.sessions import LONGEST
from service.store.tokens import make_token
from tests.service.api.test_identity import Make, bearer, make

__all__ = ["make"]  # the fixture

OWN = {"Origin": "http://localhost"}
SESSIONS = "/v1/sessions"


@pytest.fixture
def browser(api: TestClient) -> TestClient:
    """Somebody who keeps cookies and shows no key."""
    return TestClient(api.app, base_url="http://localhost", raise_server_exceptions=False)


def sign_in(browser: TestClient, token: str, **headers: str) -> Any:  # noqa: ANN401 # a response
    """Show a key, as our own page does."""
    return browser.post(SESSIONS, json={"key": token}, headers={**OWN, **headers})


def cookie_of(response: Any) -> Any:  # noqa: ANN401 # a response; its cookie
    """The cookie that an answer sets."""
    return SimpleCookie(response.headers["Set-Cookie"])[COOKIE]


def test_a_key_is_shown_once_and_a_cookie_counts_as_it(make: Make, browser: TestClient) -> None:
    """The answer says who one is, and neither key nor session."""
    made = make(label="laptop", scopes=["studies:read"], project="desk")
    answer = sign_in(browser, made["token"])
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json()
    assert told == {
        "key": made["id"],
        "label": "laptop",
        "project": "desk",
        "scopes": ["studies:read"],
        "all_projects": False,
        "expires_at": "2026-01-02T00:00:00+00:00",
        "is_session": True,
    }
    assert browser.get("/v1/studies").status_code == 200
    assert browser.get(SESSIONS).json() == told
    assert browser.post("/v1/studies", json={}, headers=OWN).status_code == 403  # its scope
    assert browser.cookies[COOKIE] != made["token"]
    assert "gs_" not in answer.text + browser.get(SESSIONS).text


@pytest.mark.parametrize(
    ("base", "headers", "is_secure"),
    [
        ("http://localhost", {}, False),
        ("https://localhost", {"Origin": "https://localhost"}, True),
        ("http://desk.example", {"Origin": "https://desk.example"}, True),  # a proxy ends TLS
    ],
)
def test_the_cookie_is_out_of_reach(
    api: TestClient, make: Make, base: str, headers: dict[str, str], is_secure: bool
) -> None:
    """Of scripts, other sites, and of whoever listens where the browser speaks TLS."""
    browser = TestClient(api.app, base_url=base)
    cookie = cookie_of(sign_in(browser, make()["token"], **headers))
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "strict", "/")
    assert cookie["max-age"] == str(int(LONGEST.total_seconds()))
    assert cookie["domain"] == ""
    assert bool(cookie["secure"]) is is_secure


def test_a_session_ends_with_a_key_that_ends_sooner(make: Make, browser: TestClient) -> None:
    """The cookie, too."""
    answer = sign_in(browser, make(expires_at="2026-01-01T12:01:00Z")["token"])
    assert answer.json()["expires_at"] == "2026-01-01T12:01:00+00:00"
    assert cookie_of(answer)["max-age"] == "60"


def test_what_is_no_key_signs_nobody_in(api: TestClient, make: Make, browser: TestClient) -> None:
    """Nor does a link, a session, or the local worker's key; none is told why, or repeated."""
    made, revoked = make(), make()
    api.delete(f"/v1/keys/{revoked['id']}", headers=bearer(made["token"]))
    sign_in(browser, made["token"])
    session = browser.cookies[COOKIE]
    browser.cookies.clear()
    own = api.app.state.context.keyring.own_token  # type: ignore[attr-defined] # the application's
    for wrong in (
        "x",
        make_token()[1],
        made["token"][:-1],
        made["token"][:16] + make_token()[1][16:],
        revoked["token"],
        session,
        own,
        "gss_" + "a" * 20 + "_1800000000_" + "0" * 64,
    ):
        answer = sign_in(browser, wrong)
        assert answer.status_code == 401, wrong
        assert answer.json()["type"] == "urn:glideslope:problem:no-key"
        assert "Set-Cookie" not in answer.headers
        assert wrong == "x" or wrong not in answer.text


MISFITS = [
    ('{"key": "SECRET", "more": 1}', 422),
    ('{"key": ["SECRET"]}', 422),
    ('{"SECRET": "x"}', 422),
    ('{"kee": "SECRET"}', 422),
    ('{"key": "SECRET\\u0000"}', 422),
    ('{"key": ""}', 422),
    ('["SECRET"]', 422),
    ('"SECRET"', 422),
    ('{"key": "SECRET', 400),
    (json.dumps({"key": "SECRET" + "x" * 300}), 422),
    (json.dumps({"key": "SECRET" + "x" * 1_024}), 413),
]


def test_a_refusal_repeats_nothing_of_what_was_sent(
    browser: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """It may be a key with a slip in it; and the body of a key is small."""
    caplog.set_level("DEBUG", "service")
    for content, status in MISFITS:
        json_type = {"Content-Type": "application/json"}
        answer = browser.post(SESSIONS, content=content, headers=json_type)
        assert answer.status_code == status, content
        assert "SECRET" not in answer.text + caplog.text


def test_signing_out_ends_the_session(make: Make, browser: TestClient) -> None:
    """At once, with its cookie, on the server too; the key still opens."""
    token = make()["token"]
    sign_in(browser, token)
    session = browser.cookies[COOKIE]
    answer = browser.delete(SESSIONS, headers=OWN)
    assert (answer.status_code, answer.content) == (204, b"")
    assert cookie_of(answer)["max-age"] == "0"
    assert COOKIE not in browser.cookies
    assert browser.get("/v1/studies", headers={"Cookie": f"{COOKIE}={session}"}).status_code == 401
    assert browser.get("/v1/studies", headers=bearer(session)).status_code == 401
    assert browser.get("/v1/studies", headers=bearer(token)).status_code == 200


def test_a_browser_has_one_session(make: Make, browser: TestClient) -> None:
    """Signing in again ends the one before; a key of its own is not hurt."""
    first, second = make()["token"], make(label="second")["token"]
    sign_in(browser, first)
    before = browser.cookies[COOKIE]
    sign_in(browser, second)
    assert browser.get(SESSIONS).json()["label"] == "second"
    for token, status in ((before, 401), (first, 200)):
        assert browser.get(SESSIONS, headers=bearer(token)).status_code == status
    assert sign_in(browser, "gs_wrong").status_code == 401
    assert browser.get(SESSIONS).json()["label"] == "second"


def test_whoever_shows_a_key_itself_signs_nothing_out(make: Make, browser: TestClient) -> None:
    """It is nobody's session, and stays as it is."""
    token = make(label="mine", scopes=["work"])["token"]
    told = browser.get(SESSIONS, headers=bearer(token)).json()
    assert (told["label"], told["scopes"], told["is_session"]) == ("mine", ["work"], False)
    assert told["expires_at"] is None
    assert browser.delete(SESSIONS, headers=bearer(token)).status_code == 204
    assert browser.get(SESSIONS, headers=bearer(token)).status_code == 200


def test_a_session_dies_with_its_key(
    api: TestClient, make: Make, browser: TestClient, store: Store
) -> None:
    """At once where it was revoked, elsewhere as soon as that is read; its own holder may do it."""
    made = make()
    sign_in(browser, made["token"])
    app = create_app(store, Settings())
    other = TestClient(app, base_url="http://localhost", cookies=dict(browser.cookies))
    assert other.get("/v1/studies").status_code == 200
    assert browser.delete(f"/v1/keys/{made['id']}", headers=OWN).status_code == 204
    assert browser.get("/v1/studies").status_code == 401
    app.state.context.keyring._read(float("inf"))  # as it does each second while it is asked
    assert other.get("/v1/studies").status_code == 401
    app.state.context.keyring.close()


def test_a_key_shown_counts_before_the_cookie(make: Make, browser: TestClient) -> None:
    """Also a wrong one; a cookie that opens nothing does not hinder a key that does."""
    mine, other = make(label="mine"), make(label="other")["token"]
    sign_in(browser, mine["token"])
    assert browser.get(SESSIONS, headers=bearer(other)).json()["label"] == "other"
    assert browser.get(SESSIONS, headers=bearer("gs_wrong")).status_code == 401
    browser.cookies.set(COOKIE, make_token()[1], domain="localhost.local", path="/")
    bad = {"Cookie": f"{COOKIE}={make_token()[1]}"}
    assert browser.get(SESSIONS, headers={**bad, **bearer(other)}).status_code == 200
    assert browser.get(SESSIONS, headers=bad).status_code == 401


# What a browser tells of where a request comes from, its method, and whether it is our own page's.
ASKED: list[tuple[dict[str, str], str, bool]] = [
    ({"Origin": "http://localhost"}, "POST", True),
    ({"Origin": "https://localhost"}, "POST", True),  # a proxy ends TLS before us
    ({"Sec-Fetch-Site": "same-origin"}, "POST", True),
    ({"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}, "POST", True),
    ({}, "POST", False),
    ({"Origin": "null"}, "POST", False),
    ({"Origin": "http://evil.example"}, "POST", False),
    ({"Origin": "http://localhost:9"}, "POST", False),
    ({"Origin": "http://localhost.evil.example"}, "POST", False),
    ({"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}, "POST", False),
    ({"Origin": "https://evil.example", "Referer": "http://localhost/"}, "POST", False),
    ({"Sec-Fetch-Site": "none"}, "POST", False),
    ({"Sec-Fetch-Site": "same-site"}, "POST", False),
    ({"Sec-Fetch-Site": "cross-site"}, "POST", False),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, "POST", False),
    ({}, "GET", True),
    ({"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors"}, "GET", True),
    ({"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"}, "GET", True),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, "GET", True),
    ({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}, "GET", False),
    ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors"}, "GET", False),
    ({"Sec-Fetch-Site": "cross-site"}, "GET", False),
]


def test_no_page_of_another_site_asks_with_the_cookie(make: Make, browser: TestClient) -> None:
    """Neither to change something nor to read it; with a key it may, for it has none."""
    token = make()["token"]
    sign_in(browser, token)
    for headers, method, is_own in ASKED:
        path = "/v1/studies" if method == "GET" else "/v1/schedules:preview"
        body = None if method == "GET" else {"schedule": {"family": "cosine", "peak": 0.1}}
        answer = browser.request(method, path, headers=headers, json=body)
        assert (answer.status_code != 403) is is_own, (headers, method)
        if not is_own:
            assert answer.json()["type"] == "urn:glideslope:problem:foreign"
            with_key = {**headers, **bearer(token)}
            assert browser.request(method, path, headers=with_key, json=body).status_code != 403


def test_a_request_without_a_host_is_nobodys_own() -> None:
    """An origin of nothing is no origin."""
    headers = [(b"origin", b"http://")]
    scope = {"type": "http", "method": "POST", "scheme": "http", "headers": headers}
    for check in (check_own, check_sign_in):
        with pytest.raises(Foreign):
            check(scope)


def test_no_page_of_another_site_signs_anybody_in(make: Make, browser: TestClient) -> None:
    """With a key of its own, so that they work in its project unawares."""
    token = make()["token"]
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        answer = browser.post(SESSIONS, json={"key": token}, headers=headers)
        assert answer.status_code == 403, headers
        assert "Set-Cookie" not in answer.headers


def test_programs_may_sign_in_too(make: Make, browser: TestClient) -> None:
    """They tell no origin."""
    assert browser.post(SESSIONS, json={"key": make()["token"]}).status_code == 201


def test_a_server_without_keys_stays_open(browser: TestClient) -> None:
    """Whatever cookie comes along; nobody can sign in, and nobody needs to."""
    for value in (make_token()[1], "gs_", "gss_x", "x", "", "x" * 5_000):
        cookie = {"Cookie": f"a=b; {COOKIE}={value}"}
        assert browser.get("/v1/studies", headers=cookie).status_code == 200, value
        assert browser.delete(SESSIONS, headers=cookie).status_code == 204
        foreign = {**cookie, "Origin": "http://evil.example"}
        assert browser.get("/v1/studies", headers=foreign).status_code == 403
    told = browser.get(SESSIONS).json()
    assert (told["key"], told["is_session"], told["scopes"]) == (None, False, list(Scope))
    assert sign_in(browser, make_token()[1]).status_code == 401


def test_a_bad_cookie_is_none_where_nobody_asks(make: Make, browser: TestClient) -> None:
    """Health, and signing in anew."""
    token = make()["token"]
    cookie = {"Cookie": f"{COOKIE}={make_token()[1]}"}
    assert browser.get("/livez", headers=cookie).status_code == 200
    assert browser.get("/v1/studies", headers=cookie).status_code == 401
    assert sign_in(browser, token, **cookie).status_code == 201


@pytest.mark.parametrize(
    ("cookies", "token"),
    [
        (b"", None),
        (b"glideslope_session=gs_x", "gs_x"),
        (b"a=1;glideslope_session=gs_x ;b=2", "gs_x"),
        (b"xglideslope_session=gs_x", None),
        (b"glideslope_session=gs_x; glideslope_session=gs_y", None),
        (b"glideslope_session=gs_x;glideslope_session=", None),
        (b"glideslope_session=gss_x", None),
        (b"glideslope_session=", None),
        (b"glideslope_session=gs_" + b"x" * 300, None),
        (b"glideslope_session=gs_\xe4", "gs_\xe4"),
    ],
)
def test_a_cookie_is_read_as_one(cookies: bytes, token: str | None) -> None:
    """Two of the name are none: one of them may be another's."""
    assert session_token(cookies) == token


def test_signing_in_and_out_is_logged_without_secrets(
    make: Make, browser: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    """With the ids of session and key."""
    caplog.set_level("DEBUG")
    made = make(label="laptop")
    caplog.clear()
    sign_in(browser, made["token"])
    session = browser.cookies[COOKIE]
    browser.delete(SESSIONS, headers=OWN)
    begun, ended = (one.getMessage() for one in caplog.records if one.name == "service.audit")
    assert begun.startswith(f"session {session[3:15]} of project default was opened with key ")
    assert f"key {made['id']} ('laptop')" in begun
    assert ended == (f"session {session[3:15]} of project default with key {made['id']} was ended")
    assert made["token"][16:] not in caplog.text
    assert session[16:] not in caplog.text


def test_a_key_tells_how_many_browsers_it_is_signed_in_with(
    make: Make, browser: TestClient, api: TestClient
) -> None:
    """And sessions are no keys of the list."""
    made = make()
    for _ in range(2):
        browser.cookies.clear()
        sign_in(browser, made["token"])
    listed = api.get("/v1/keys", headers=bearer(made["token"])).json()["items"]
    assert {one["id"]: one["sessions"] for one in listed}[made["id"]] == 2
    assert browser.cookies[COOKIE][3:15] not in {one["id"] for one in listed}


def test_signing_in_counts_as_a_request_of_the_project(
    make: Make, browser: TestClient, monkeypatch: pytest.MonkeyPatch, api: TestClient
) -> None:
    """So that whoever holds a key cannot fill the store with sessions faster than with others."""
    counted: list[str] = []
    meter = api.app.state.context.meter  # type: ignore[attr-defined] # the application's
    monkeypatch.setattr(meter, "count", lambda caller: counted.append(caller.project))
    token = make(project="desk")["token"]
    counted.clear()
    sign_in(browser, token)
    assert counted == ["desk"]


def test_another_projects_session_sees_nothing_of_ours(
    submit: Callable[..., dict[str, Any]], holder: Callable[..., TestClient], browser: TestClient
) -> None:
    """It is of the project of its key."""
    study = submit()["id"]
    other = holder("other").headers["Authorization"].removeprefix("Bearer ")
    sign_in(browser, other)
    assert browser.get(f"/v1/studies/{study}").status_code == 404
    assert browser.get("/v1/studies").json()["items"] == []
