"""Every page of the site, held to the same: quiet, readable by all, on a phone, by keyboard."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser import checks
from tests.e2e.browser.conftest import NewPage
from tests.e2e.browser.sites import Site
from tests.e2e.browser.watch import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Page


@dataclass(frozen=True, slots=True)
class Place:
    """A page of the site.

    Args:
        path: where; `{study}` is one that is finished; what is behind `#` is open.
        has_skip_link: whether there is a navigation to skip.
        status: of the answer.
    """

    path: str
    has_skip_link: bool = True
    status: int = 200


PLACES = {
    "studies": Place("/"),
    "study": Place("/studies/{study}"),
    "trial": Place("/studies/{study}/trials/1"),
    "run": Place("/studies/{study}/runs/{study}.1.0"),
    "keys": Place("/keys"),
    "sign_in": Place("/sign-in"),
    "new_study": Place("/studies/new?from={study}"),
    "workbench": Place("/workbench"),
    "objectives": Place("/objectives"),
    "workers": Place("/workers"),
    "datasets": Place("/datasets"),
    "compare": Place("/compare?study={study}"),
    "docs": Place("/docs#create_study_v1_studies_post"),
    "missing": Place("/studies/st_nothing", status=404),
    "report": Place("/v1/studies/{study}/report", has_skip_link=False),
}
named = pytest.mark.parametrize("name", PLACES)
themed = pytest.mark.parametrize("theme", checks.THEMES)


def visit(page: "Page", watch: Watch, name: str, study: str, *, is_open: bool = True) -> None:
    """Go to a page of the table, or to its beginning; it must answer as it should."""
    if PLACES[name].status != 200:
        watch.forgive(f"status of {PLACES[name].status}")
    path, _, part = PLACES[name].path.format(study=study).partition("#")
    answer = page.goto(f"{path}#{part}" if part and is_open else path)
    assert answer is not None
    assert answer.status == PLACES[name].status, answer.text()


@named
@themed
def test_every_page_can_be_read_by_all(
    new_page: NewPage, watch: Watch, open_site: Site, finished_study: str, name: str, theme: str
) -> None:
    """Axe-core finds nothing serious, and a phone shows it all: in either theme, wide and narrow.

    Pictures are left in var/screenshots, for people to look at.
    """
    page = new_page(open_site, theme=theme)
    visit(page, watch, name, finished_study)
    checks.check_structure(page)
    for word, size in checks.SIZES.items():
        page.set_viewport_size(size)
        checks.settle(page)
        checks.take_picture(page, f"{name}-{theme}-{word}")
        checks.check_width(page)
        checks.check_accessibility(page)


@named
def test_every_page_can_be_walked_by_keyboard(
    page: "Page", watch: Watch, finished_study: str, name: str
) -> None:
    """Tab reaches the skip link first, and shows where it is."""
    visit(page, watch, name, finished_study, is_open=False)
    checks.settle(page)
    checks.check_keyboard(page, has_skip_link=PLACES[name].has_skip_link)
