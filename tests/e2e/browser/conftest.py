"""A real Chromium before real servers; all tests here are of the slower suite.

Servers and the study that is finished live for a session, Chromium for a module: while Playwright
waits, no other event loop could run in its thread, and tests elsewhere start their own.
"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser import chromium, sites
from tests.e2e.browser.checks import WIDE
from tests.e2e.browser.sites import Site
from tests.e2e.browser.watch import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

HERE = Path(__file__).parent
# `make test` has no Playwright, and leaves these tests to `make test-full`.
collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]
ANSWER_MS, EXPECT_MS = 60_000, 20_000

NewPage = Callable[..., "Page"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """None of this is for the default suite; a loaded machine starts browsers slowly."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.full)
            item.add_marker(pytest.mark.timeout(300))


@pytest.fixture(scope="session", autouse=True)
def chromium_path() -> str:
    """Where Chromium is; without one every test is skipped before a server starts, but in CI."""
    path = chromium.find()
    if path is None and chromium.is_required():
        pytest.fail(chromium.MISSING)
    if path is None:
        pytest.skip(chromium.MISSING)
    return path


@pytest.fixture(scope="session")
def open_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service that asks for no keys, as `make serve` starts it."""
    with sites.serving(tmp_path_factory.mktemp("open")) as site:
        yield site


@pytest.fixture(scope="session")
def keyed_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A service with an admin's key and a reader's."""
    with sites.serving(tmp_path_factory.mktemp("keyed"), has_keys=True) as site:
        yield site


@pytest.fixture(scope="session")
def finished_study(open_site: Site) -> str:
    """A small study that has its verdict."""
    return sites.finish(open_site, sites.SMALL)


@pytest.fixture(scope="session")
def other_study(open_site: Site) -> str:
    """Another one, with another seed and label."""
    return sites.finish(open_site, {**sites.SMALL, "seed": 8, "label": "other one"})


@pytest.fixture
def running_study(open_site: Site) -> Iterator[str]:
    """A large study in the middle of its search."""
    with sites.running(open_site, sites.LONG) as study:
        yield study


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator["Browser"]:
    """A headless Chromium."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=EXPECT_MS)
    flags = list(chromium.FLAGS)
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium_path, args=flags)
        yield started
        started.close()


@pytest.fixture
def watch() -> Watch:
    """Whom pages may ask; what they complain of."""
    return Watch()


@pytest.fixture
def new_page(browser: "Browser", watch: Watch) -> Iterator[NewPage]:
    """Open a page of a site as someone who was never there; judged when the test has ended."""
    contexts = []

    def open_page(
        site: Site, *, theme: str = "light", size: "ViewportSize" = WIDE, **options: object
    ) -> "Page":
        context = browser.new_context(
            base_url=site.url,
            color_scheme=theme,  # type: ignore[arg-type] # "light" or "dark"
            viewport=size,
            **options,  # type: ignore[arg-type] # whatever Playwright takes
        )
        context.set_default_timeout(ANSWER_MS)
        contexts.append(context)
        watch.follow(context, site.url)
        return context.new_page()

    yield open_page
    for context in contexts:
        context.close()
    watch.judge()


@pytest.fixture
def page(new_page: NewPage, open_site: Site) -> "Page":
    """A page of the open site, wide and light."""
    return new_page(open_site)
