"""Errors for people are pages, those for programs stay problem documents."""

from collections.abc import Callable

from starlette.testclient import TestClient

PERSON = {"Accept": "text/html,application/xhtml+xml"}


def test_an_unknown_address_is_answered_with_a_page(api: TestClient) -> None:
    """With the status a program gets, and the policy of every page."""
    answer = api.get("/nowhere/<b>", headers=PERSON)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "<h1>" in answer.text
    assert "<b>" not in answer.text


def test_a_program_gets_the_document(api: TestClient) -> None:
    """Whoever does not ask for HTML, and whoever asks the API."""
    for path, headers in (("/nowhere", {}), ("/v1/studies/st_x", PERSON)):
        answer = api.get(path, headers=headers)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_who_shows_no_key_is_led_to_the_sign_in(
    api: TestClient, holder: Callable[..., TestClient]
) -> None:
    """And from there back to where they wanted to go."""
    holder("a")
    del api.headers["Authorization"]
    answer = api.get("/?state=running", headers=PERSON, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2F%3Fstate%3Drunning"


def test_a_page_lacks_what_its_reader_may_not(holder: Callable[..., TestClient]) -> None:
    """The menu leads only to what opens."""
    page = holder("a", "studies:read").get("/", headers=PERSON).text
    assert 'href="/workbench"' in page
    assert 'href="/keys"' not in page
    refused = holder("a", "work").get("/", headers=PERSON)
    assert refused.status_code == 403
    assert refused.headers["content-type"].startswith("text/html")
