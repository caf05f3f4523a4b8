"""Datasets in a browser: uploaded, refused row by row, looked at, and deleted."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser import checks
from tests.e2e.browser.conftest import NewPage
from tests.e2e.browser.sites import Site
from tests.e2e.browser.watch import Watch
from tests.service.api.test_datasets import bars, chain

if TYPE_CHECKING:
    from playwright.sync_api import Page


@pytest.fixture
def dataset(open_site: Site, tmp_path: Path) -> Iterator[str]:
    """Bars that were uploaded; their id."""
    file = tmp_path / "hourly.csv"
    file.write_bytes(bars(900))
    made = open_site.client.datasets.add(file, "ohlcv").id
    yield made
    if made in {one.id for one in open_site.client.datasets.list()}:
        open_site.client.datasets.delete(made)


def send(page: "Page", name: str, content: bytes) -> None:
    """Choose a file and upload it."""
    page.goto("/datasets")
    page.wait_for_load_state("load")
    file = {"name": name, "mimeType": "text/csv", "buffer": content}
    page.locator("#file").set_input_files(file)  # type: ignore[arg-type] # a file in memory
    page.get_by_role("button", name="Upload").click()


@pytest.mark.parametrize(("kind", "content"), [("bars", bars()), ("quotes", chain())])
def test_a_table_is_uploaded_and_looked_at(page: "Page", kind: str, content: bytes) -> None:
    """What it holds is guessed from its header; it is shown at once, and deleted again."""
    from playwright.sync_api import expect

    send(page, f"{kind}.csv", content)
    page.wait_for_url("**/datasets/ds_*")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{kind}.csv")
    checks.settle(page)
    assert page.locator("figure .plot svg.main-svg").count() > 0
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/datasets")
    expect(page.get_by_role("link", name=f"{kind}.csv")).to_have_count(0)


def test_a_wrong_table_is_refused_row_by_row(page: "Page", watch: Watch) -> None:
    """The page says which row and column, and nothing is kept."""
    from playwright.sync_api import expect

    watch.forgive("status of 422")
    lines = bars().decode().splitlines()
    cells = lines[7].split(",")
    cells[4] = "minus one"
    lines[7] = ",".join(cells)
    send(page, "wrong.csv", "\n".join(lines).encode())
    wrong = page.get_by_role("alert").filter(has_text="minus one")
    expect(wrong).to_contain_text("high")
    checks.check_accessibility(page)
    page.reload()
    expect(page.get_by_role("link", name="wrong.csv")).to_have_count(0)


@pytest.mark.parametrize("theme", checks.THEMES)
def test_both_pages_can_be_read_by_all(
    new_page: NewPage, open_site: Site, dataset: str, theme: str
) -> None:
    """The list and one dataset, wide and narrow, in both themes."""
    page = new_page(open_site, theme=theme)
    for path, name in (("/datasets", "datasets"), (f"/datasets/{dataset}", "dataset")):
        page.goto(path)
        checks.check_structure(page)
        for word, size in checks.SIZES.items():
            page.set_viewport_size(size)
            checks.settle(page)
            checks.take_picture(page, f"{name}-{theme}-{word}")
            checks.check_width(page)
            checks.check_accessibility(page)


def test_a_dataset_can_be_walked_by_keyboard(page: "Page", dataset: str) -> None:
    """Tab reaches everything, and shows where it is."""
    page.goto(f"/datasets/{dataset}")
    checks.settle(page)
    checks.check_keyboard(page)
