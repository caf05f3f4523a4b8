"""Who is let in (S2): every route against every way not to show a key that opens it.

The one idea: a refusal is the same, word for word, wherever it is asked and whatever is there, so
it tells nothing; and the doors that are open to all are listed here once more, by hand.
"""

import base64
import itertools
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import pytest

from service.schemas.keys import Scope
from service.store.tokens import make_token
from tests.campaign import Campaign
from tests.fuzz.doors import Answer, Keys, Route, ask_raw, copied, read_routes, serving
from tests.service.conftest import SMALL

pytestmark = pytest.mark.timeout(600)

OPEN_TO_ALL = {
    ("GET", "/livez"),
    ("GET", "/readyz"),
    ("GET", "/docs"),
    ("GET", "/openapi.json"),
    ("HEAD", "/openapi.json"),
    ("GET", "/sign-in"),
    ("GET", "/static/{name}"),
    ("POST", "/v1/sessions"),
}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
NOBODYS = {
    "study": "st_aaaaaaaaaaaaaaaaaaaa",
    "dataset": "ds_" + "0" * 32,
    "webhook": "wh_0000000000000000",
    "key": "aaaaaaaaaaaa",
    "number": "0",
    "run": "rn_aaaaaaaaaaaaaaaaaaaa",
    "name": "search",
}
EXPIRY_SECONDS = 60.0
Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Doors:
    """A server with keys, all its routes, and the ids of what is really there."""

    url: str
    keys: Keys
    routes: list[Route]
    there: dict[str, str]

    def addresses(self, route: Route) -> list[str]:
        """The address of a route with ids of nobody, and with those of what is there."""
        return list(dict.fromkeys((route.at(NOBODYS), route.at({**NOBODYS, **self.there}))))


@pytest.fixture(scope="module")
def doors(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    """A server that needs keys, and a study behind its doors."""
    folder = tmp_path_factory.mktemp("doors")
    routes = read_routes(folder)
    with serving(copied(sqlite_template, folder), folder) as server, Keys.of(server.url) as keys:
        made = keys.client.post("/v1/studies", json={**SMALL, "label": "secret plan"})
        key = keys.make("default")["id"]
        yield Doors(server.url, keys, routes, {"study": made.json()["id"], "key": key})


def shown(token: str, kind: str = "Bearer") -> Headers:
    """A header that shows a token."""
    return [(b"Authorization", f"{kind} {token}".encode("latin-1", "replace"))]


def with_checksum(body: str) -> str:
    """A token that is spelled as one should be."""
    check = base64.b32encode(zlib.crc32(body.encode()).to_bytes(4, "big")).decode()
    return body + check.rstrip("=").lower()


def expired(keys: Keys) -> str:
    """A key that opened the service until a moment ago."""
    soon = datetime.now(UTC) + timedelta(seconds=1)
    token: str = keys.make("default", expires_at=soon.isoformat())["token"]
    until = monotonic() + EXPIRY_SECONDS
    mine = {"Authorization": f"Bearer {token}"}
    while keys.client.get("/v1/families", headers=mine).status_code != 401:
        assert monotonic() < until, "a key does not expire"
    return token


def wrong_ways(keys: Keys) -> dict[str, Headers]:
    """Every way not to show a key; those that show something of the kind begin with `shown`."""
    good, revoked = keys.make("default")["token"], keys.make("default")
    assert keys.client.delete(f"/v1/keys/{revoked['id']}").status_code == 204
    basic = base64.b64encode(f"{good}:".encode()).decode()
    body, other = good[:-7], make_token()[1]
    turned = "a" if body[-1] != "a" else "b"
    return {
        "none": [],
        "in a header of its own": [(b"X-API-Key", good.encode())],
        "in a cookie of another name": [(b"Cookie", b"session=" + good.encode())],
        "shown a garbage cookie": [(b"Cookie", b"glideslope_session=gs_garbage")],
        "two cookies": [
            (b"Cookie", f"glideslope_session={good}; glideslope_session={other}".encode())
        ],
        "shown garbage": shown("garbage"),
        "shown empty": shown(""),
        "shown without scheme": [(b"Authorization", good.encode())],
        "shown as Basic": shown(basic, "Basic"),
        "shown as Token": shown(good, "Token"),
        "shown truncated": shown(good[:-1]),
        "shown longer": shown(good + "a"),
        "shown with its prefix alone": shown(good[:15]),
        "shown with another prefix": shown("xs_" + good[3:]),
        "shown in capitals": shown(good.upper()),
        "shown with a letter changed": shown(good[:30] + turned + good[31:]),
        "shown with a secret changed": shown(with_checksum(body[:-1] + turned)),
        "shown with another's secret": shown(with_checksum(body[:16] + other[16:-7])),
        "shown nobody's": shown(other),
        "shown revoked": shown(revoked["token"]),
        "shown expired": shown(expired(keys)),
        "shown twice": shown(good) * 2,
        "shown beside another": shown(good) + shown("garbage"),
        "shown in a list": shown(f"{good}, {good}"),
        "shown huge": shown("gs_" + "a" * 20_000),
        "shown odd": [(b"Authorization", b"Bearer g\xe4\xff")],
        "shown a forged link": shown(f"gss_{'a' * 20}_99999999999_{'0' * 64}"),
    }


QUERIES = ("key", "api_key", "token", "access_token", "authorization", "share")


def test_only_known_doors_are_open(doors: Doors, campaign: Campaign) -> None:
    """A new route that asks for nothing is either a mistake, or belongs into the list above."""
    asking = [one for one in doors.routes if one.scope is None and not one.is_public]
    assert {one.path for one in asking} == {"/v1/sessions"}, "any key opens these"
    assert {(one.method, one.path) for one in doors.routes if one.is_public} == OPEN_TO_ALL
    assert len(doors.routes) > 70
    for route in doors.routes:
        answer = ask_raw(doors.url, route.method, route.at(NOBODYS))
        campaign.case()
        is_open = answer.status != 401
        if is_open != route.is_public:
            campaign.find([f"{route.method} {route.path} answers {answer.status} without a key"])


def test_no_wrong_key_opens_any_route(doors: Doors, campaign: Campaign) -> None:
    """401 with a challenge, in the same words at every address, whatever is there."""
    ways = wrong_ways(doors.keys)
    good = doors.keys.make("default")["token"]
    closed = [one for one in doors.routes if not one.is_public]
    asked = [
        (way, headers, method, address)
        for route in closed
        for address in doors.addresses(route)
        for way, headers in ways.items()
        for method in (route.method,)
    ]
    asked += [
        ("none", [], method, route.at(NOBODYS))
        for route, method in itertools.product(closed, METHODS)
        if (method, route.path) not in OPEN_TO_ALL
    ]
    asked += [
        (
            "query" if name != "share" else "shown query",
            [],
            route.method,
            f"{address}?{name}={good}",
        )
        for route, name in itertools.product(closed, QUERIES)
        for address in doors.addresses(route)[-1:]
        if name != "share" or route.method == "GET"
    ]
    asked += [(way, headers, "GET", "/nowhere") for way, headers in ways.items()]
    chance = campaign.random()
    for way, headers, method, address in chance.sample(asked, campaign.dose(700, len(asked))):
        campaign.case()
        answer = ask_raw(doors.url, method, address, headers, b"{")
        wrong = judge(answer, method, 401, is_shown=way.startswith("shown"))
        campaign.find(f"{method} {address}, key {way}: {one}" for one in wrong)
    campaign.measure("routes", len(closed))
    campaign.measure("ways", len(ways) + len(QUERIES))
    campaign.measure("bypasses", len(campaign.violations))


SAME: dict[tuple[str, bool], Any] = {}  # how a refusal reads; filled by the first one of its kind


def judge(
    answer: Answer, method: str, status: int, *, is_shown: bool, scope: str = ""
) -> list[str]:
    """What is wrong with a refusal."""
    if answer.status != status:
        return [f"status {answer.status}: {answer.body[:200]!r}"]
    wrong = []
    challenge = answer.headers.get("www-authenticate", "")
    why = "insufficient_scope" if scope else "invalid_token"
    if not challenge.startswith('Bearer realm="glideslope"') or (why in challenge) != is_shown:
        wrong.append(f"challenge {challenge!r}")
    if method == "HEAD":
        return wrong
    if answer.headers.get("content-type") != "application/problem+json":
        return [*wrong, f"content type {answer.headers.get('content-type')}"]
    told = json.loads(answer.body)
    del told["instance"]  # the id of the request
    if told != SAME.setdefault((scope, is_shown), told):
        wrong.append(f"it tells {told}")
    return wrong


def test_no_key_does_what_it_may_not(doors: Doors, campaign: Campaign) -> None:
    """403 with a challenge to whoever may do anything but this, whatever is there."""
    for missing in Scope:
        rest = [one for one in Scope if one is not missing]
        tokens = [doors.keys.make("default", *rest)["token"]]
        tokens += [doors.keys.make("default", one)["token"] for one in rest]
        for route in doors.routes:
            if route.scope is not missing:
                continue
            for address, token in itertools.product(doors.addresses(route), tokens):
                campaign.case()
                answer = ask_raw(doors.url, route.method, address, shown(token), b"{}")
                wrong = judge(answer, route.method, 403, is_shown=True, scope=missing)
                campaign.find(f"{route.method} {address} without {missing}: {one}" for one in wrong)
    campaign.measure("bypasses", len(campaign.violations))


def test_people_without_a_key_are_led_to_the_sign_in(doors: Doors, campaign: Campaign) -> None:
    """From every page, and from what is none, in the same way."""
    page = [(b"Accept", b"text/html")]
    for route in doors.routes:
        if route.method != "GET" or route.is_public or route.path.startswith(("/v1/", "/metrics")):
            continue
        for address in [*doors.addresses(route), "/nowhere"]:
            campaign.case()
            answer = ask_raw(doors.url, "GET", address, page)
            if answer.status != 303 or not answer.headers["location"].startswith("/sign-in?next="):
                campaign.find([f"{address}: {answer.status} {answer.headers.get('location')}"])
            if answer.body:
                campaign.find([f"{address}: a body of {len(answer.body)} bytes"])


CROOKED = (
    *("//v1/studies", "/v1//studies", "/v1/studies/", "/V1/STUDIES", "/./v1/studies"),
    *("/livez/../v1/studies", "/docs/../v1/studies", "/livez/v1/studies", "/docs;/v1/studies"),
    *("/static/../v1/studies", "/static/%2e%2e/v1/studies", "/static/..%2fv1/studies"),
    *("/static/..%252fv1/studies", "/static//v1/studies", "/static/./../v1/studies"),
    *("/static/..;/v1/studies", "/static/%2e%2e%2fv1%2fstudies", "/static/\\..\\v1\\studies"),
    *("/sign-in/../v1/studies", "/sign-in?/v1/studies", "/sign-in%2f..%2fv1%2fstudies"),
    *("/openapi.json/../v1/studies", "/openapi.json%00/v1/studies", "/livez#/v1/studies"),
    *("/v1/studies%2f", "/v1/studies%00", "/v1/%73tudies", "/v1/studies?x=/livez"),
    *("/v1/sessions/../studies", "/v1/sessions%2f..%2fstudies", "/v1/studies;/static/x"),
    *("/v1/studies#/static/site.css", "/%76%31/studies", "/v1/studies/%2e%2e/studies"),
    *("http://localhost/v1/studies", "http://localhost/static/../v1/studies", "*", ""),
    *("/static", "/statical", "/static/", "/livez/", "/docs/", "/sign-in/", "/metrics?x=/livez"),
)
REROUTING = (
    (b"X-Original-URL", b"/v1/studies"),
    (b"X-Rewrite-URL", b"/v1/studies"),
    (b"X-Forwarded-Prefix", b"/v1/studies"),
    (b"X-Forwarded-For", b"127.0.0.1"),
    (b"Forwarded", b"for=127.0.0.1"),
    (b"X-Real-IP", b"127.0.0.1"),
    (b"X-Remote-User", b"admin"),
    (b"X-HTTP-Method-Override", b"POST"),
)


def test_no_crooked_address_leads_in(doors: Doors, campaign: Campaign) -> None:
    """However it is spelled, without a key nothing answers but what is open to all."""
    for target, method in itertools.product(CROOKED, ("GET", "POST", "get")):
        for header in ((), *((one,) for one in REROUTING)) if method == "GET" else ((),):
            campaign.case()
            answer = ask_raw(doors.url, method, target, header)
            is_refused = answer.status in {0, 400, 401, 403, 404, 405, 422, 431}
            is_plain = target.startswith(
                ("/sign-in?", "/livez#")
            )  # open doors with something behind
            if not (is_refused or is_plain) or b"secret plan" in answer.body:
                campaign.find([f"{method} {target} {header}: {answer.status} {answer.body[:99]!r}"])


def test_a_session_ends_with_its_key(doors: Doors, campaign: Campaign) -> None:
    """At every route, from the moment the key is revoked."""
    made = doors.keys.make("default")
    with httpx2.Client(base_url=doors.url, trust_env=False) as browser:
        signed_in = browser.post("/v1/sessions", json={"key": made["token"]})
        assert signed_in.status_code == 201
        cookie = signed_in.headers["set-cookie"].partition(";")[0].encode()
    own = [(b"Cookie", cookie), (b"Sec-Fetch-Site", b"same-origin")]
    assert ask_raw(doors.url, "GET", "/v1/families", own).status == 200
    assert doors.keys.client.delete(f"/v1/keys/{made['id']}").status_code == 204
    for route in doors.routes:
        if not route.is_public:
            campaign.case()
            answer = ask_raw(doors.url, route.method, route.at(NOBODYS), own, b"{")
            if answer.status != 401:
                campaign.find([f"{route.method} {route.path}: {answer.status}"])


@pytest.mark.full
def test_a_server_without_keys_is_read_by_nobody_else(
    sqlite_template: Path, tmp_path: Path, campaign: Campaign
) -> None:
    """Before the first key: every route refuses other names and pages of other sites."""
    routes = read_routes(tmp_path)
    foreign = (
        [(b"Host", b"evil.example")],
        [(b"Host", b"localhost"), (b"Host", b"evil.example")],
        [(b"Host", b"127.0.0.1.evil.example")],
        [(b"Host", b"localhost"), (b"Origin", b"https://evil.example")],
        [(b"Host", b"localhost"), (b"Origin", b"null")],
    )
    with serving(copied(sqlite_template, tmp_path), tmp_path) as server:
        for route, headers in itertools.product(routes, foreign):
            if route.is_public:
                continue
            campaign.case()
            answer = ask_raw(server.url, route.method, route.at(NOBODYS), headers, b"{")
            if answer.status not in {400, 403}:
                campaign.find([f"{route.method} {route.path} {headers}: {answer.status}"])
