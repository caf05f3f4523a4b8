"""The page to sign in: for everybody, and back to where they wanted to go, on this site."""

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from service.api.browsers import COOKIE
from service.store.tokens import make_token

Holder = Callable[..., TestClient]
PERSON = {"Accept": "text/html"}


@pytest.fixture
def browser(api: TestClient) -> TestClient:
    """Somebody who keeps cookies and shows no key."""
    return TestClient(api.app, base_url="http://localhost", headers=PERSON, follow_redirects=False)


def sign_in(browser: TestClient, holder: TestClient) -> None:
    """Sign in with the key of somebody else."""
    token = holder.headers["Authorization"].removeprefix("Bearer ")
    assert browser.post("/v1/sessions", json={"key": token}).status_code == 201


def test_whoever_needs_a_key_is_asked_for_it(holder: Holder, browser: TestClient) -> None:
    """By a form whose field has no name, so that nothing is sent without our script."""
    holder("a")
    answer = browser.get("/sign-in?next=%2Fstudies%2Fst_x%3Ftab%3Druns")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert 'data-then="/studies/st_x?tab=runs"' in answer.text
    assert '<form id="sign-in" method="post"' in answer.text
    assert "name=" not in answer.text.partition("<form")[2].partition("</form>")[0]
    assert "Sign out" not in answer.text


ELSEWHERE = [
    "//evil.example",
    "///evil.example",
    r"/\evil.example",
    r"\\evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
    "/\t/evil.example",
    "/\n/evil.example",
    "evil",
    "",
    "/sign-in?next=/",
    "/é",
]


def test_nobody_is_led_to_another_site(holder: Holder, browser: TestClient) -> None:
    """Neither before signing in nor, by a redirect, after."""
    admin = holder("a")
    for wanted in ELSEWHERE:
        assert 'data-then="/"' in browser.get("/sign-in", params={"next": wanted}).text, wanted
    sign_in(browser, admin)
    for wanted in ELSEWHERE:
        led = browser.get("/sign-in", params={"next": wanted})
        assert (led.status_code, led.headers["location"]) == (303, "/"), wanted


def test_what_was_wanted_is_escaped(holder: Holder, browser: TestClient) -> None:
    """As every text from outside."""
    holder("a")
    page = browser.get("/sign-in", params={"next": '/"><script>x</script>'}).text
    assert "<script>x" not in page
    assert 'data-then="/&#34;&gt;&lt;script&gt;' in page


def test_whoever_is_signed_in_goes_on(holder: Holder, browser: TestClient) -> None:
    """If they were led here; whoever came by themselves may sign in with another key."""
    sign_in(browser, holder("a", "studies:read"))
    led = browser.get("/sign-in?next=%2Fworkbench")
    assert (led.status_code, led.headers["location"]) == (303, "/workbench")
    page = browser.get("/sign-in")
    assert page.status_code == 200
    assert 'id="key"' in page.text
    assert 'data-call="DELETE /v1/sessions"' in page.text


def test_a_cookie_that_opens_nothing_is_asked_for_a_key(
    holder: Holder, browser: TestClient
) -> None:
    """On every page but this one it is refused."""
    holder("a")
    browser.headers["Cookie"] = f"{COOKIE}={make_token()[1]}"
    led = browser.get("/keys?cursor=x")
    assert (led.status_code, led.headers["location"]) == (303, "/sign-in?next=%2Fkeys%3Fcursor%3Dx")
    assert browser.get(led.headers["location"]).status_code == 200


def test_where_no_key_is_needed_nobody_is_asked(browser: TestClient) -> None:
    """The page says so; the header of no page speaks of signing in."""
    page = browser.get("/sign-in").text
    assert "needs no key" in page
    assert 'id="key"' not in page
    assert browser.get("/sign-in?next=%2Fkeys").headers["location"] == "/keys"
    for path in ("/", "/keys", "/sign-in"):
        told = browser.get(path).text
        assert "Sign out" not in told
        assert 'class="who"' not in told


def test_the_header_says_who_one_is(holder: Holder, browser: TestClient) -> None:
    """Project and key; only whoever signed in can sign out."""
    reader = holder("desk", "studies:read")
    assert "Sign out" not in reader.get("/", headers=PERSON).text
    sign_in(browser, reader)
    page = browser.get("/").text
    assert "<b>desk</b>" in page
    assert '<span class="with">test</span>' in page
    assert 'data-call="DELETE /v1/sessions" data-then="/sign-in"' in page


def test_whoever_lacks_the_scope_may_sign_in_with_another_key(
    holder: Holder, browser: TestClient
) -> None:
    """The page of the refusal leads there, to a form and not back to itself."""
    sign_in(browser, holder("a", "studies:read"))
    refused = browser.get("/keys")
    assert refused.status_code == 403
    assert refused.headers["content-type"].startswith("text/html")
    assert 'href="/sign-in"' in refused.text
