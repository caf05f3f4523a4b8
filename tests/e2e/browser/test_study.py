"""The page of a study in a real browser: it moves by itself, and obeys."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.e2e.browser import sites
from tests.e2e.browser.conftest import NewPage
from tests.e2e.browser.sites import Site
from tests.e2e.browser.test_sign_in import sign_in

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

LONG = {
    "objective": "realized_volatility",
    "horizon": 3_000,  # runs that report on their way, however fast the machine
    "budget": {"trials": 400},
    "early_stop": False,
    "label": "a long one",
}
# Whoever set it has not left the page since.
MARK, MARKED = "window.isMarked = true", "window.isMarked === true"


def move(page: "Page", name: str) -> "Locator":
    """A button of the study's head."""
    return page.locator(".moves").get_by_role("button", name=name)


def state(page: "Page", name: str) -> "Locator":
    """The study's state, once it is this one."""
    return page.locator(".study-name .state", has_text=name)


@pytest.fixture
def running_study(open_site: Site) -> Iterator[str]:
    """One whose runs take long enough to be seen on their way."""
    with sites.running(open_site, LONG) as study:
        yield study


def test_a_running_study_moves_by_itself_and_obeys(
    page: "Page", open_site: Site, running_study: str
) -> None:
    """Progress, live curves, pause, resume and cancel, without ever loading the page again."""
    from playwright.sync_api import expect

    page.goto(f"/studies/{running_study}")
    page.evaluate(MARK)
    expect(page.locator("#connection")).to_have_text("live")
    page.locator('[data-chart="live"]').scroll_into_view_if_needed()
    expect(page.locator('[data-chart="live"] .trace').first).to_be_attached()
    runs = page.locator(".standing .words li").first
    told = runs.inner_text()
    # How fast a loaded machine trains is not the page's affair; that it follows is.
    sites.wait_for_more(open_site, running_study)
    expect(runs).not_to_have_text(told)

    page.get_by_role("tab", name="optax").click()
    expect(page.locator("#code")).to_contain_text("optax", ignore_case=True)
    move(page, "Pause").click()
    expect(state(page, "paused")).to_be_visible()
    expect(page.locator("#notice")).to_contain_text("Paused")
    expect(page.get_by_role("tab", name="optax")).to_have_attribute("aria-selected", "true")
    move(page, "Cancel").click()
    page.get_by_role("button", name="Not now").last.click()
    assert page.evaluate(MARKED)
    move(page, "Resume").click()
    expect(state(page, "running")).to_be_visible()

    page.evaluate(MARK)
    move(page, "Cancel").click()
    expect(page.locator("#ask")).to_contain_text("there is no verdict")
    page.locator("#ask").get_by_role("button", name="Cancel").click()
    expect(state(page, "cancelled")).to_be_visible()
    expect(page.locator("h1")).to_contain_text("No verdict: the study was cancelled.")
    expect(move(page, "Delete")).to_be_visible()
    assert page.evaluate(MARKED)


def test_the_best_schedule_is_taken_along_in_any_form(page: "Page", finished_study: str) -> None:
    """A tab per framework, by mouse or keys; the lines to copy and the download follow."""
    from playwright.sync_api import expect

    page.goto(f"/studies/{finished_study}")
    code, tabs = page.locator("#code"), page.get_by_role("tab")
    expect(code).to_contain_text("glideslope/schedule@1")
    for name in tabs.all_inner_texts()[1:]:
        before = code.inner_text()
        tabs.get_by_text(name, exact=True).click()
        expect(code).not_to_have_text(before)
        expect(page.locator("#line-cli")).to_contain_text(f"--format {name}")
        expect(page.locator("#line-curl")).to_contain_text(f"format={name}")
        expect(page.locator(".download")).to_have_attribute(
            "href", f"/v1/studies/{finished_study}/best?format={name}&pick=winner&table=true"
        )
    tabs.last.press("ArrowRight")
    expect(tabs.first).to_be_focused()
    expect(code).to_contain_text("glideslope/schedule@1")


def test_words_are_written_and_a_link_is_made(page: "Page", finished_study: str) -> None:
    """In dialogs; what is refused is told in them, and a link leads to the report."""
    from playwright.sync_api import expect

    page.goto(f"/studies/{finished_study}")
    page.locator("#edit-words").click()
    page.locator("#words-labels").fill("team=rates\ndesk=a=b")
    page.get_by_label("Notes", exact=True).fill("First line.\n<b>Second</b> line.")
    page.locator("#words").get_by_role("button", name="Save").click()
    expect(page.locator(".labels li")).to_have_text(["team rates", "desk a=b"])
    expect(page.locator(".notes")).to_contain_text("<b>Second</b> line.")

    move(page, "Share").click()
    page.get_by_role("button", name="Make a link").click()
    expect(page.locator("#share-url")).to_be_visible()
    link = page.locator("#share-url").input_value()
    assert "/report?share=gss_" in link
    page.locator("#share").get_by_role("button", name="Close").click()
    page.goto(link)
    expect(page.locator(".brand")).to_contain_text("study report")


def test_a_study_is_extended_in_a_dialog(page: "Page", open_site: Site) -> None:
    """It goes on to another verdict, and is live again."""
    from playwright.sync_api import expect

    study = sites.finish(open_site, {**sites.SMALL, "label": "to be extended"})
    page.goto(f"/studies/{study}")
    move(page, "Extend").click()
    page.get_by_label("Trials in all").fill("16")
    page.locator("#extend").get_by_role("button", name="Extend").click()
    expect(page.locator(".badges")).to_contain_text(re.compile("after verdict 1|verdict 2"))
    open_site.client.studies.wait(study)  # trainings take as long as they do; then the page follows
    expect(page.locator(".badges")).to_contain_text("verdict 2")
    expect(state(page, "completed")).to_be_visible()
    expect(page.locator("#about")).to_contain_text("Earlier verdicts")


def test_trials_are_sorted_filtered_and_followed_to_their_runs(
    page: "Page", finished_study: str
) -> None:
    """By clicks alone: the table, a trial of it, a run of that, each with its charts."""
    from playwright.sync_api import expect

    page.goto(f"/studies/{finished_study}")
    table = page.locator("table.trials")
    table.get_by_role("link", name="peak").click()
    expect(table.get_by_role("columnheader", name="peak")).to_have_attribute(
        "aria-sort", "ascending"
    )
    page.get_by_label("phase").select_option("baseline")
    page.wait_for_url("**phase=baseline**")
    expect(table.locator("tbody td[data-name=phase]").first).to_have_text("baseline")
    table.locator("tbody a").first.click()
    page.wait_for_url("**/trials/*")
    for name in ("schedule", "runs"):
        expect(page.locator(f'[data-chart="{name}"] .trace').first).to_be_attached()
    page.get_by_role("region", name="Runs").get_by_role("link").first.click()
    page.wait_for_url("**/runs/*")
    expect(page.locator('[data-chart="run"] .trace').first).to_be_attached()
    expect(page.locator("h1")).to_contain_text("completed")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_chart_of_a_finished_study_is_drawn(
    new_page: NewPage, open_site: Site, finished_study: str, theme: str
) -> None:
    """Or says in words why there is none; no figure stays blank."""
    from playwright.sync_api import expect

    page = new_page(open_site, theme=theme)
    page.goto(f"/studies/{finished_study}")
    for figure in page.locator("[data-chart]").all():
        figure.scroll_into_view_if_needed()
        drawn = figure.locator(".plot svg").or_(figure.locator(".empty:not([hidden])"))
        expect(drawn.first).to_be_visible()


def test_who_may_only_read_has_no_button(new_page: NewPage, keyed_site: Site) -> None:
    """The page of a study, to the holder of a reader's key."""
    from playwright.sync_api import expect

    study = keyed_site.client.studies.create(sites.SMALL).id
    page = new_page(keyed_site)
    sign_in(page, keyed_site.keys["reader"])
    page.goto(f"/studies/{study}")
    expect(page.locator(".moves a")).to_have_text(["Report", "Export"])
    expect(page.locator(".moves button")).to_have_count(0)
    expect(page.locator("#edit-words")).to_have_count(0)
    keyed_site.client.studies.cancel(study)
