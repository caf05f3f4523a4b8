"""Studies beside each other, as a reader comes to them from the list."""

from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser import checks
from tests.e2e.browser.conftest import NewPage
from tests.e2e.browser.sites import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_two_studies_are_chosen_and_compared(
    page: "Page", finished_study: str, other_study: str
) -> None:
    """From the list; both verdicts stand there, and where the requests differ."""
    from playwright.sync_api import expect

    page.goto("/?state=completed")
    for study in (finished_study, other_study):
        page.locator(f"#choose-{study}").check()
    page.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/compare?study=*")
    main = page.get_by_role("main")
    for word in ("small one", "other one"):
        expect(main).to_contain_text(word)
    expect(page.get_by_role("row").filter(has_text="seed").first).to_contain_text("7")
    checks.settle(page)
    checks.check_keyboard(page)


@pytest.mark.parametrize("theme", checks.THEMES)
def test_a_comparison_can_be_read_by_all(
    new_page: NewPage, open_site: Site, finished_study: str, other_study: str, theme: str
) -> None:
    """Wide and narrow, in both themes; so can the page that asks for two."""
    page = new_page(open_site, theme=theme)
    for path, name in (
        ("/compare", "compare-empty"),
        (f"/compare?study={finished_study}&study={other_study}", "compare"),
    ):
        page.goto(path)
        checks.check_structure(page)
        for word, size in checks.SIZES.items():
            page.set_viewport_size(size)
            checks.settle(page)
            checks.take_picture(page, f"{name}-{theme}-{word}")
            checks.check_width(page)
            checks.check_accessibility(page)
