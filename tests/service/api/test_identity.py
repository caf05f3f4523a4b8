"""Who is let in: every route against every wrong key, and every project against the others."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from starlette.testclient import TestClient

from service.api.browsers import LONGEST_TOKEN
from service.api.caller import PUBLIC, is_public
from service.api.keyring import LATEST_SECONDS, Keyring
from service.app import create_app
from service.schemas.keys import Scope
from service.settings import Settings
from service.store.engine import Store
from service.store.tokens import make_token
from tests.service.api.test_scopes import needs

FOREIGN = "urn:glideslope:problem:foreign"
FILLED = {"study": "st_x", "number": "0", "key": "abc", "dataset": "ds_x"}

Make = Callable[..., dict[str, Any]]


Route = tuple[str, str, Scope | None]


def routes(api: TestClient, *, placeholders: bool = False) -> list[Route]:
    """Method, a path and the scope of every route that is not public; None if any scope will do.

    The names in a path are filled with what is not there, unless they are asked for.
    """
    found: list[Route] = []
    for one in iter_route_contexts(api.app.routes):  # type: ignore[attr-defined] # FastAPI's
        path = str(one.path)
        methods = {method for method in one.methods or () if not is_public(method, path)}
        if not methods:
            continue
        if not placeholders:
            path = re.sub(r"\{(\w+)\}", lambda name: FILLED.get(name[1], "x"), path)
        (scope,) = needs(one.dependant)
        found += [(method, path, scope) for method in sorted(methods)]
    return found


@pytest.fixture
def make(api: TestClient) -> Iterator[Make]:
    """Make keys by one of all projects: `make(scopes=["work"], project="b")`."""
    first = api.post(
        "/v1/keys", json={"label": "first", "scopes": list(Scope), "all_projects": True}
    )
    assert first.status_code == 201
    headers = bearer(first.json()["token"])

    def key(**wish: object) -> dict[str, Any]:
        body = {"label": "one", "scopes": list(Scope), **wish}
        response = api.post("/v1/keys", json=body, headers=headers)
        assert response.status_code == 201, response.text
        made: dict[str, Any] = response.json()
        return made

    yield key
    api.headers.pop("Authorization", None)


def bearer(token: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {token}"}


def wrong_headers(make: Make, api: TestClient) -> dict[str, list[tuple[bytes, bytes]]]:
    """Every way not to show a key."""
    good, revoked = make()["token"], make()
    assert api.delete(f"/v1/keys/{revoked['id']}", headers=bearer(good)).status_code == 204
    shown = {
        "garbage": "Bearer garbage",
        "no scheme": good,
        "wrong scheme": f"Basic {good}",
        "truncated": f"Bearer {good[:-1]}",
        "another prefix": f"Bearer xs_{good[3:]}",
        "nobody's": f"Bearer {make_token()[1]}",
        "another's secret": f"Bearer {good[:16]}{make_token()[1][16:]}",
        "revoked": f"Bearer {revoked['token']}",
        "empty": "Bearer ",
        "huge": "Bearer " + "x" * (LONGEST_TOKEN + 1),
        "odd": "Bearer g\xe4\x7f",
    }
    ways = {name: [(b"Authorization", text.encode("latin-1"))] for name, text in shown.items()}
    return {"none": [], "twice": [(b"Authorization", f"Bearer {good}".encode())] * 2, **ways}


def test_no_route_is_open_to_a_wrong_key(api: TestClient, make: Make) -> None:
    """401 before the body is read and whatever there is at the address, with a challenge."""
    attempts = 0
    asked = [*((method, path) for method, path, _ in routes(api)), ("GET", "/nowhere")]
    for way, headers in wrong_headers(make, api).items():
        for method, path in asked:
            sent = [*headers, (b"Content-Type", b"application/json")]
            response = api.request(method, path, headers=sent, content=b"{")
            assert response.status_code == 401, (way, method, path)
            assert response.headers["WWW-Authenticate"].startswith("Bearer ")
            assert response.json()["type"] == "urn:glideslope:problem:no-key"
            assert "st_x" not in response.text
            attempts += 1
    assert attempts > 400


def test_a_key_in_the_query_is_none(api: TestClient, make: Make) -> None:
    """What stands in an address ends up in logs."""
    token = make()["token"]
    for name in ("key", "api_key", "token", "access_token", "share"):
        assert api.get("/v1/studies", params={name: token}).status_code == 401


def test_every_route_refuses_a_key_without_its_scope(api: TestClient, make: Make) -> None:
    """403, naming the scope; nothing is said of what is there."""
    for missing in Scope:
        token = make(scopes=[one for one in Scope if one is not missing])["token"]
        refused = [(method, path) for method, path, scope in routes(api) if scope is missing]
        assert refused
        for method, path in refused:
            response = api.request(method, path, headers=bearer(token), json={})
            assert response.status_code == 403, (method, path)
            assert response.json()["detail"] == f"this needs the scope '{missing}'"


def test_public_routes_need_none(api: TestClient, make: Make) -> None:
    """Health, what the API looks like, the files of the pages, and signing in."""
    make()
    always = {*PUBLIC, "/static/site.css"} - {"/readyz", "/sign-in"}
    assert {path: api.get(path).status_code for path in always} == dict.fromkeys(always, 200)
    assert api.get("/readyz").status_code in {200, 503}
    assert api.get("/sign-in").status_code != 401
    assert api.get("/static/nothing").status_code == 404
    for near in ("/static", "/statical/x", "/sign-in/x", "/v1/sessions/x", "//static/x"):
        assert api.get(near).status_code == 401, near
    for inside in ("/static/%2e%2e/v1/studies", "/static//v1/studies"):
        assert api.get(inside).status_code == 404, inside


def test_a_token_is_told_once(
    api: TestClient, make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither lists nor logs show it; they name the key by its id."""
    caplog.set_level("DEBUG")
    made = make(label="mine")
    mine = bearer(made["token"])
    listed = api.get("/v1/keys", headers=mine).json()["items"]
    assert made["id"] in {one["id"] for one in listed}
    api.post("/v1/studies", json={"objective": made["token"]}, headers=mine)
    api.delete(f"/v1/keys/{made['id']}", headers=mine)
    told = [one.getMessage() for one in caplog.records if one.name == "service.audit"]
    assert [made["id"] in line for line in told].count(True) == 2
    assert "was created by key" in told[0]
    assert f"was revoked by key {made['id']}" in told[-1]
    assert made["token"] not in str(listed) + caplog.text


def test_a_revoked_key_opens_nothing_from_then_on(api: TestClient, make: Make) -> None:
    """On the server that revoked it with its very next request, also for its own holder."""
    made = make()
    mine = bearer(made["token"])
    assert api.get("/v1/studies", headers=mine).status_code == 200
    assert api.delete(f"/v1/keys/{made['id']}", headers=mine).status_code == 204
    assert api.get("/v1/studies", headers=mine).status_code == 401


def test_another_replica_knows_of_a_revoked_key_within_the_bound(
    api: TestClient, make: Make, store: Store
) -> None:
    """It was told by nobody; what it read is older than it may be."""
    made = make()
    mine = bearer(made["token"])
    app = create_app(store, Settings())
    keyring: Keyring = app.state.context.keyring
    other = TestClient(app, base_url="http://localhost", headers=mine)
    assert other.get("/v1/studies").status_code == 200
    assert api.delete(f"/v1/keys/{made['id']}", headers=mine).status_code == 204
    keyring._clock = lambda: time.monotonic() + LATEST_SECONDS
    assert other.get("/v1/studies").status_code == 401
    keyring.close()


def test_an_admin_is_one_of_its_project(api: TestClient, make: Make) -> None:
    """It sees, makes and revokes no other project's keys, and none of all projects."""
    other = make(project="b")
    mine = bearer(make(project="a")["token"])
    assert {one["project"] for one in api.get("/v1/keys", headers=mine).json()["items"]} == {"a"}
    assert api.delete(f"/v1/keys/{other['id']}", headers=mine).status_code == 404
    wish = {"label": "x", "scopes": ["work"]}
    for more, status in (
        ({}, 201),
        ({"project": "a"}, 201),
        ({"project": "b"}, 404),
        ({"all_projects": True}, 403),
    ):
        response = api.post("/v1/keys", json={**wish, **more}, headers=mine)
        assert response.status_code == status, more


@pytest.mark.parametrize(
    "body",
    [
        {"label": "x", "scopes": []},
        {"label": "x", "scopes": ["root"]},
        {"label": "", "scopes": ["work"]},
        {"label": "x\n", "scopes": ["work"]},
        {"label": "x", "scopes": ["work"], "expires_at": "2001-01-01T00:00:00Z"},
        {"label": "x", "scopes": ["work"], "expires_at": "tomorrow"},
        {"label": "x", "scopes": ["work"], "project": "../b"},
    ],
)
def test_what_cannot_be_a_key_is_refused(api: TestClient, body: dict[str, Any]) -> None:
    """With the field that is wrong, and the service stays as open as it was."""
    response = api.post("/v1/keys", json=body)
    assert response.status_code == 422
    assert response.json()["errors"][0]["pointer"]
    assert api.get("/v1/keys").json()["items"] == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Host": "127.0.0.1:8000"}, 200),
        ({"Host": "[::1]:8000"}, 200),
        ({"Host": "LocalHost:1"}, 200),
        ({"Origin": "http://localhost"}, 200),
        ({"Host": "127.0.0.1:8000", "Origin": "http://127.0.0.1:8000"}, 200),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost.evil.example"}, 403),
        ({"Host": "127.0.0.1.evil.example:8000"}, 403),
        ({"Host": "192.168.0.7:8000"}, 403),
        ({"Host": ""}, 403),
        ({"Host": "localhost,"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://localhost:9"}, 403),
        ({"Origin": "https://localhost"}, 403),
    ],
)
def test_without_keys_no_page_of_another_site_drives_the_service(
    api: TestClient, headers: dict[str, str], status: int
) -> None:
    """Neither under a name that points at this machine (DNS rebinding) nor from its own."""
    for method, path in (("GET", "/v1/studies"), ("POST", "/v1/keys")):
        response = api.request(method, path, headers=headers, json={})
        assert (response.status_code == 403) == (status == 403)
        assert "Access-Control-Allow-Origin" not in response.headers
        if status == 403:
            assert response.json()["type"] == FOREIGN


def test_with_a_key_the_name_does_not_matter(api: TestClient, make: Make) -> None:
    """No page of another site has one."""
    mine = {**bearer(make()["token"]), "Host": "glideslope.example", "Origin": "https://x.example"}
    assert api.get("/v1/studies", headers=mine).status_code == 200


def test_a_preflight_is_refused(api: TestClient, make: Make) -> None:
    """No other site is told that it may ask."""
    make()
    asked = {"Origin": "https://x.example", "Access-Control-Request-Method": "GET"}
    response = api.options("/v1/studies", headers=asked)
    assert response.status_code == 401
    assert "Access-Control-Allow-Origin" not in response.headers


def test_another_projects_study_is_not_there(
    api: TestClient,
    holder: Callable[..., TestClient],
    submit: Callable[..., dict[str, Any]],
    plan: Callable[[], int],
    claim: Callable[..., dict[str, Any] | None],
) -> None:
    """Nor are its runs to claim, or to speak of, even by who knows their tokens."""
    study = submit()["id"]
    plan()
    block = claim(lanes=1)
    assert block is not None
    held = {"run": block["runs"][0]["run"], "token": block["runs"][0]["token"]}
    beats = {"worker": "w", "runs": [held]}
    other, own = holder("other"), holder("default")
    for path in ("", "/best", "/trials", "/events"):
        assert other.get(f"/v1/studies/{study}{path}").status_code == 404
    assert other.post(f"/v1/studies/{study}:cancel").status_code == 404
    assert other.get("/v1/studies").json()["items"] == []
    refused = other.post("/v1/runs:heartbeat", json=beats)
    assert (refused.status_code, refused.json()["replies"][0]["stop"]) == (409, "fenced")
    assert other.post("/v1/work:claim", json={"worker": "w", "claim": "c0"}).json()["block"] is None
    assert own.post("/v1/runs:heartbeat", json=beats).status_code == 200
    again = {"worker": "w", "claim": "c0", "lanes": 8}
    mine = own.post("/v1/work:claim", json=again).json()["block"]
    assert held["run"] not in {run["run"] for run in mine["runs"]}, "its worker is another one"
    runs = own.get(f"/v1/studies/{study}/trials/0/runs").json()["items"]
    assert {one["worker"] for one in runs} <= {"w", "default/w", None}


@pytest.mark.parametrize("where", ["headers", "one header", "address", "query"])
def test_an_address_or_headers_without_end_are_refused(api: TestClient, where: str) -> None:
    """431, before anything looks at them."""
    long = "x" * 40_000
    headers, path = {}, "/v1/studies"
    match where:
        case "headers":
            headers = {f"x-{number}": "x" * 100 for number in range(400)}
        case "one header":
            headers = {"x": long}
        case "address":
            path += "/" + long
        case "query":
            path += f"?label={long}"
    response = api.get(path, headers=headers)
    assert response.status_code == 431
    assert response.json()["type"] == "urn:glideslope:problem:headers-too-large"
