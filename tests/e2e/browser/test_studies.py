"""The list of studies in a real browser: found, followed, moved many at once."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser import checks, sites
from tests.e2e.browser.conftest import NewPage
from tests.e2e.browser.sites import Site
from tests.e2e.browser.watch import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Page

WORD = "zebra"  # in the labels of the studies here alone


@pytest.fixture
def three(open_site: Site) -> Iterator[list[str]]:
    """Three long studies that nobody is in a hurry for."""
    made = [
        open_site.client.studies.create({**sites.LONG, "label": f"{WORD} {name}", "priority": 0.01})
        for name in ("a", "b", "c")
    ]
    yield [one.id for one in made]
    left = list(open_site.client.studies.list(q=WORD))
    for one in left:
        if one.state not in {"completed", "failed", "cancelled"}:
            open_site.client.studies.cancel(one.id)
        open_site.client.studies.delete(one.id)


def rows(page: "Page") -> list[str]:
    """The names of the studies that are listed."""
    return page.locator(".studies tbody th > a").all_inner_texts()


def test_a_list_is_found_as_one_types(page: "Page", three: list[str]) -> None:
    """Without leaving the page; the address keeps it, and going back undoes it."""
    from playwright.sync_api import expect

    assert len(three) == 3
    page.goto("/")
    page.evaluate("() => { window.isSame = true; }")
    page.get_by_label("Search").press_sequentially(f"{WORD} B")
    expect(page.locator(".studies tbody tr")).to_have_count(1)
    assert rows(page) == [f"{WORD} b"]
    assert page.url.endswith(f"/?q={WORD}+B")
    page.get_by_label("Search").fill(WORD)
    expect(page.locator(".studies tbody tr")).to_have_count(3)
    page.get_by_label("Order").select_option("name")
    expect(page.locator(".studies tbody th > a").first).to_have_text(f"{WORD} a")
    page.get_by_role("link", name=re.compile("^cancelled")).click()
    expect(page.get_by_text("No study matches")).to_be_visible()
    assert "state=cancelled" in page.url
    page.go_back()
    expect(page.locator(".studies tbody tr")).to_have_count(3)
    assert page.get_by_label("Order").input_value() == "name"
    assert page.evaluate("() => window.isSame")
    page.goto(f"/?q={WORD}&sort=name")
    assert rows(page) == [f"{WORD} {name}" for name in "abc"]


def test_a_list_changes_as_its_studies_do(page: "Page", open_site: Site, three: list[str]) -> None:
    """What is made, paused and deleted elsewhere shows by itself; what is ticked stays so."""
    from playwright.sync_api import expect

    page.goto(f"/?q={WORD}&sort=name")
    expect(page.locator("#connection")).to_have_text("live")
    page.get_by_label(f"Choose {WORD} a").check()
    open_site.client.studies.pause(three[1])
    row = page.locator("tr", has_text=f"{WORD} b")
    expect(row.locator(".state")).to_have_text("paused")
    expect(page.get_by_label(f"Choose {WORD} a")).to_be_checked()
    expect(page.locator("#many")).to_have_text("1 chosen")
    open_site.client.studies.cancel(three[1])
    open_site.client.studies.delete(three[1])
    expect(row).to_have_count(0)


def test_many_are_moved_at_once(page: "Page", open_site: Site, three: list[str]) -> None:
    """Those of the chosen that allow it, after a question; what was refused is told by name."""
    from playwright.sync_api import expect

    open_site.client.studies.pause(three[0])
    page.goto(f"/?q={WORD}&sort=name")
    expect(page.locator(".chosen-bar")).to_be_hidden()
    page.get_by_label("Choose all studies on this page").check()
    bar = page.get_by_role("region", name="Chosen studies")
    expect(bar.locator("#many")).to_have_text("3 chosen")
    expect(bar.get_by_role("button", name="Delete")).to_be_disabled()
    bar.get_by_role("button", name="Pause").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Pause 2 studies?")
    expect(dialog).to_contain_text("Not 1 study of your choice: paused.")
    dialog.get_by_role("button", name="Pause").click()
    expect(page.locator("#notice")).to_contain_text("2 studies paused.")
    expect(page.locator(".studies .state.paused")).to_have_count(3)
    states = [open_site.client.studies.get(one).state for one in three]
    assert states == ["paused"] * 3
    page.get_by_label("Choose all studies on this page").check()
    bar.get_by_role("button", name="Cancel").click()
    dialog.get_by_role("button", name="Not now").click()
    assert open_site.client.studies.get(three[0]).state == "paused"
    checks.check_accessibility(page)


def test_a_list_is_found_without_a_script(
    new_page: NewPage, open_site: Site, three: list[str]
) -> None:
    """By the form and links alone."""
    page = new_page(open_site, java_script_enabled=False)
    assert len(three) == 3
    page.goto("/")
    page.get_by_label("Search").fill(f"{WORD} c")
    page.get_by_role("button", name="Find").click()
    assert rows(page) == [f"{WORD} c"]
    page.get_by_role("link", name=re.compile("^paused")).click()
    assert rows(page) == []
    assert "q=zebra" in page.url


def test_only_a_page_that_is_looked_at_keeps_a_connection(
    page: "Page", open_site: Site, three: list[str]
) -> None:
    """A browser has six of them for one server; who comes back sees what happened meanwhile."""
    from playwright.sync_api import expect

    def turn(*, away: bool) -> None:
        page.evaluate(
            """(away) => {
              Object.defineProperty(document, "hidden", { configurable: true, get: () => away });
              document.dispatchEvent(new Event("visibilitychange"));
            }""",
            away,
        )

    page.goto(f"/?q={WORD}&sort=name")
    expect(page.locator("#connection")).to_have_text("live")
    turn(away=True)
    expect(page.locator("#connection")).to_have_text("")
    open_site.client.studies.pause(three[0])
    page.wait_for_timeout(1500)
    state = page.locator("tr", has_text=f"{WORD} a").locator(".state")
    assert state.inner_text() != "paused"
    turn(away=False)
    expect(page.locator("#connection")).to_have_text("live")
    expect(state).to_have_text("paused")


def test_the_page_of_a_study_that_is_deleted_says_so(
    page: "Page", watch: Watch, open_site: Site, three: list[str]
) -> None:
    """By itself, and then asks no more."""
    from playwright.sync_api import expect

    watch.forgive("status of 404")
    page.goto(f"/studies/{three[0]}")
    expect(page.locator("#connection")).to_have_text("live")
    open_site.client.studies.cancel(three[0])
    open_site.client.studies.delete(three[0])
    expect(page.locator(".problem .status")).to_have_text("404")
