"""The whole way of a user through the site: from the list to a schedule in hand, and back."""

import json
from typing import TYPE_CHECKING

from tests.e2e.browser import checks, sites
from tests.e2e.browser.conftest import NewPage
from tests.e2e.browser.sites import Site

if TYPE_CHECKING:
    from playwright.sync_api import Page

UNCHANGED = "document.documentElement.dataset.marked"


def mark(page: "Page") -> None:
    """Leave a sign in the page that is lost if it is loaded again."""
    page.evaluate(f"{UNCHANGED} = 'yes'")


def is_marked(page: "Page") -> bool:
    """Whether it is still the page that was marked."""
    return bool(page.evaluate(f"{UNCHANGED} === 'yes'"))


def test_a_study_from_the_form_to_its_code(new_page: NewPage, open_site: Site) -> None:
    """Created in the form, watched to its end without loading anew, read, and copied as code."""
    from playwright.sync_api import expect

    page = new_page(open_site, permissions=["clipboard-read", "clipboard-write"])
    page.goto("/")
    page.get_by_role("link", name="New study").first.click()
    page.wait_for_load_state("load")
    request = {**sites.SMALL, "budget": {"trials": 16}, "label": "a journey"}
    page.get_by_label("The request as JSON").fill(json.dumps(request))
    expect(page.get_by_label("Trials", exact=True)).to_have_value("16")
    page.get_by_role("button", name="Create the study").click()
    page.wait_for_url("**/studies/st_*")
    study = page.url.rpartition("/")[2]
    mark(page)
    assert not open_site.client.studies.get(study).verdicts, "it ended before it could be watched"
    expect(page.locator(".study-name .state")).to_have_text("completed", timeout=120_000)
    best = open_site.client.results.best(study)
    family = best.schedule["family"]
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text(family)
    expect(page.locator("#schedules .legend")).to_contain_text(family)
    code = open_site.client.results.best_code(study, "torch")
    page.get_by_role("tab", name="torch").click()
    panel = page.locator("#code")
    expect(panel).to_contain_text("torch")
    page.locator("#use").get_by_role("button", name="Copy").first.click()
    expect(page.locator("#use").get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").rstrip() == code.rstrip()
    assert is_marked(page)
    checks.check_accessibility(page)
    page.goto("/?q=journey")
    row = page.get_by_role("row", name="a journey")
    expect(row).to_contain_text("completed")
    expect(row).to_contain_text(family)


def test_studies_come_and_go_in_the_list_by_themselves(page: "Page", open_site: Site) -> None:
    """A new one appears, many are moved at once, and all of it without loading the page anew."""
    from playwright.sync_api import expect

    page.goto("/?q=crowd")
    mark(page)
    bodies = [{**sites.LONG, "label": f"crowd {number}", "seed": number} for number in range(2)]
    studies = [open_site.client.studies.create(body).id for body in bodies]
    for body in bodies:
        expect(page.get_by_role("row", name=body["label"])).to_be_visible()
    for body in bodies:
        page.get_by_label(f"Choose {body['label']}").check()
    chosen = page.get_by_role("region", name="Chosen studies")
    chosen.get_by_role("button", name="Pause").click()
    page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    for body in bodies:
        expect(page.get_by_role("row", name=body["label"])).to_contain_text("paused")
    assert {open_site.client.studies.get(one).state for one in studies} == {"paused"}
    checks.check_accessibility(page)
    for body in bodies:
        page.get_by_label(f"Choose {body['label']}").check()
    chosen.get_by_role("button", name="Cancel").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    for body in bodies:
        expect(page.get_by_role("row", name=body["label"])).to_contain_text("cancelled")
    assert {open_site.client.studies.get(one).state for one in studies} == {"cancelled"}
    assert is_marked(page)


def test_a_theme_is_chosen_and_kept(page: "Page", finished_study: str) -> None:
    """The button turns the page, its charts too, and the next page opens as this one is."""
    page.goto(f"/studies/{finished_study}")
    ground = "getComputedStyle(document.body).backgroundColor"
    line = "document.querySelector('#schedules .plot .scatterlayer path.js-line').style.stroke"
    page.wait_for_function(f"() => document.querySelector('#schedules .js-line') && {line}")
    before = page.evaluate(ground), page.evaluate(line)
    page.get_by_role("button", name="Light or dark").click()
    page.wait_for_function(f"(before) => {line} !== before", arg=before[1])
    after = page.evaluate(ground), page.evaluate(line)
    assert before[0] != after[0]
    page.goto("/workbench")
    assert page.evaluate(ground) == after[0]
