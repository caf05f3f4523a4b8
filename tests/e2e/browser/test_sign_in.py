"""Signing in and out, and keys: made, shown once, used and revoked in a browser."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from service.client import Client, ProblemError
from tests.e2e.browser import checks, sites
from tests.e2e.browser.conftest import NewPage
from tests.e2e.browser.sites import Site
from tests.e2e.browser.watch import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Page

REFUSED = "the server responded with a status of 401"


def sign_in(page: "Page", token: str, path: str = "/") -> None:
    """Want to go somewhere, and show a key on the way."""
    from playwright.sync_api import expect

    page.goto(path)
    page.get_by_label("API key").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_in_and_out_again(new_page: NewPage, keyed_site: Site, watch: Watch) -> None:
    """A wrong key is told beside the field; a right one leads on; afterwards nothing opens."""
    from playwright.sync_api import expect

    watch.forgive(REFUSED)
    page = new_page(keyed_site)
    page.goto("/?label=mine")
    assert page.url.endswith("/sign-in?next=%2F%3Flabel%3Dmine")
    field = page.get_by_label("API key")
    expect(field).to_be_focused()
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("Paste an API key")).to_be_visible()
    field.fill(keyed_site.keys["admin"][:-1])
    field.press("Enter")
    expect(page.get_by_text("This key opens nothing")).to_be_visible()
    expect(field).to_be_focused()
    assert field.get_attribute("aria-invalid") == "true"
    checks.check_accessibility(page)
    field.fill(f" {keyed_site.keys['reader']}\n")
    field.press("Enter")
    page.wait_for_url("**/?label=mine")
    expect(page.locator(".who")).to_contain_text("default")
    expect(page.locator(".who")).to_contain_text("tests")
    expect(page.get_by_role("link", name="Keys")).to_have_count(0)
    (cookie,) = page.context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert page.evaluate("document.cookie") == ""
    assert page.evaluate("JSON.stringify({...localStorage, ...sessionStorage})") == "{}"
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    assert page.context.cookies() == []
    page.go_back()
    page.wait_for_url("**/sign-in?next=**")


def test_whoever_may_not_is_told_so(new_page: NewPage, keyed_site: Site, watch: Watch) -> None:
    """By a page that leads to signing in with another key."""
    watch.forgive("the server responded with a status of 403")
    page = new_page(keyed_site)
    sign_in(page, keyed_site.keys["reader"], "/keys")
    assert "needs the scope 'admin'" in page.inner_text("main")
    page.get_by_role("link", name="Sign in with another key").click()
    page.get_by_label("API key").fill(keyed_site.keys["admin"])
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{keyed_site.url}/")
    page.get_by_role("link", name="Keys").click()
    page.get_by_role("heading", name="New key").wait_for()


def test_a_key_is_made_shown_once_and_revoked(new_page: NewPage, keyed_site: Site) -> None:
    """What was copied opens, until the very click that revokes it."""
    from playwright.sync_api import expect

    page = new_page(keyed_site, permissions=["clipboard-read", "clipboard-write"])
    sign_in(page, keyed_site.keys["admin"], "/keys")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("Give it a label")).to_be_visible()
    expect(page.get_by_label("Label")).to_be_focused()
    label = "desk <i>of</i> Ada"
    page.get_by_label("Label").fill(label)
    for scope in ("studies:write", "work"):
        page.get_by_label(scope).uncheck()
    page.get_by_label("It ends").select_option("after a week")
    page.get_by_role("button", name="Make the key").click()
    shown = page.get_by_role("dialog")
    expect(shown.get_by_role("heading")).to_contain_text(label)
    checks.check_accessibility(page)
    shown.get_by_role("button", name="Copy").click()
    expect(shown.get_by_text("Copied")).to_be_visible()
    token = page.evaluate("navigator.clipboard.readText()")
    shown.get_by_role("button", name="Done").click()
    row = page.get_by_role("row", name=label)
    expect(row).to_contain_text("studies:read")
    expect(row).not_to_contain_text("work")
    assert token not in page.content()
    with Client(keyed_site.url, key=token) as client:
        assert list(client.studies.list()) is not None
        row.get_by_role("button", name=f"Revoke {label}").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("status").filter(has_text="is revoked")).to_be_visible()
        expect(page.locator("[data-part=keys] > table")).not_to_contain_text(label)
        with pytest.raises(ProblemError, match="opens nothing"):
            list(client.studies.list())
    page.locator("#ended summary").click()
    expect(page.get_by_role("row", name=label)).to_contain_text("revoked")


def test_a_session_that_ended_leads_back_to_the_sign_in(
    new_page: NewPage, keyed_site: Site, watch: Watch
) -> None:
    """Whatever is clicked, once somebody revoked the key elsewhere."""
    watch.forgive(REFUSED)
    made = keyed_site.client.keys.create("lent", ["studies:read"])
    page = new_page(keyed_site)
    sign_in(page, made.token)
    keyed_site.client.keys.revoke(made.id)
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in?next=%2F")


def test_the_first_key_closes_the_server_and_signs_in(new_page: NewPage, tmp_path: Path) -> None:
    """Whoever made it stays on the page; another browser is asked for a key from then on."""
    from playwright.sync_api import expect

    with sites.serving(tmp_path) as site:
        page, other = new_page(site), new_page(site)
        other.goto("/")
        assert other.url == f"{site.url}/"
        page.goto("/keys")
        expect(page.get_by_text("This server is open")).to_be_visible()
        page.get_by_label("Label").fill("first")
        page.get_by_role("button", name="Make the key").click()
        expect(page.get_by_text("The service is closed from now on")).to_be_visible()
        page.get_by_role("button", name="Done").click()
        expect(page.get_by_role("row", name="first")).to_contain_text("yours")
        expect(page.get_by_text("This server is open")).to_have_count(0)
        other.goto("/")
        other.wait_for_url("**/sign-in?next=%2F")


@pytest.mark.parametrize("theme", checks.THEMES)
def test_both_pages_can_be_read_by_all(new_page: NewPage, keyed_site: Site, theme: str) -> None:
    """With keys on them, in both themes, on a phone and by keyboard."""
    page = new_page(keyed_site, theme=theme, size=checks.NARROW)
    page.goto("/sign-in")
    checks.check_structure(page)
    checks.check_width(page)
    checks.check_accessibility(page)
    if theme == "light":
        checks.take_pictures(page, "sign-in")
    keyed_site.client.keys.revoke(keyed_site.client.keys.create("returned", ["work"]).id)
    sign_in(page, keyed_site.keys["admin"], "/keys")
    checks.check_structure(page)
    checks.check_keyboard(page)
    page.locator("#ended summary").click()
    checks.check_width(page)
    checks.check_accessibility(page)
    if theme == "light":
        checks.take_pictures(page, "keys-keyed")
