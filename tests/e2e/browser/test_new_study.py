"""The form of a new study in a real browser: filled in, checked while one types, sent once."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from service.client import Client
from service.ui.form import lines
from tests.e2e.browser import checks
from tests.e2e.browser.conftest import NewPage
from tests.e2e.browser.sites import Site
from tests.e2e.browser.test_sign_in import sign_in
from tests.e2e.browser.watch import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Page

REFUSED = "the server responded with a status of 422"
# Nobody trains it, so that studies made here do not end while others wait for the worker.
EXTERNAL = {
    "metrics": [{"name": "loss"}],
    "horizon": 100,
    "peak": [0.001, 1.0],
}


def fill(page: "Page", label: str, value: str) -> None:
    """Type into a control by what it is called."""
    page.get_by_label(label, exact=True).fill(value)


def request_of(page: "Page") -> dict[str, Any]:
    """The request as the form would send it."""
    told: dict[str, Any] = json.loads(page.locator("#json").input_value())
    return told


def begin(page: "Page", query: str = "") -> None:
    """Open the form."""
    answer = page.goto(f"/studies/new{query}")
    assert answer is not None
    assert answer.status == 200


def await_estimate(page: "Page", words: str) -> None:
    """Wait until the cost of the latest request is told."""
    from playwright.sync_api import expect

    expect(page.locator("#estimate")).to_contain_text(words)
    expect(page.locator("#estimate")).not_to_have_class("old")


def create(page: "Page") -> str:
    """Send the form and follow it to the study; returns its id."""
    page.get_by_role("button", name="Create the study").click()
    page.wait_for_url("**/studies/st_*")
    return page.url.rpartition("/")[2]


def test_a_study_is_made_from_what_was_typed(page: "Page", open_site: Site, watch: Watch) -> None:
    """What is wrong is told at its field and linked; what is right is sent, and nothing else."""
    from playwright.sync_api import expect

    watch.forgive(REFUSED)
    begin(page)
    page.get_by_role("radio", name="Noisy quadratic").check()
    await_estimate(page, "60")
    fill(page, "Trials", "40")
    await_estimate(page, "40")
    fill(page, "Horizon", "many")
    problem = page.locator("#problems a")
    expect(problem).to_have_text("horizon")
    horizon = page.get_by_label("Horizon", exact=True)
    expect(horizon).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("allowed: an integer").first).to_be_visible()
    checks.check_accessibility(page)
    page.get_by_text("Ranges and fixed values").click()
    fill(page, "floor from", "0.9")
    horizon.fill("")
    expect(problem).to_have_text("space.ranges.floor")
    page.get_by_text("Ranges and fixed values").click()
    problem.click()  # opens what hides the field
    expect(page.get_by_label("floor from", exact=True)).to_be_focused()
    fill(page, "floor from", "0.1")
    expect(page.locator("#problems")).to_be_hidden()
    expect(horizon).not_to_have_attribute("aria-invalid", "true")
    fill(page, "Label", 'it\'s "mine" <b>')
    wanted = {
        "objective": "noisy_quadratic",
        "budget": {"trials": 40},
        "space": {"ranges": {"floor": [0.1, 0.3]}},
        "label": 'it\'s "mine" <b>',
    }
    assert request_of(page) == wanted
    study = open_site.client.studies.get(create(page))
    expect(page.get_by_text(str(wanted["label"])).first).to_be_visible()
    page.goto("/")  # its own page follows it
    open_site.client.studies.cancel(study.id)
    assert study.label == wanted["label"]
    assert study.spec["budget"]["trials"] == 40
    assert study.spec["space"]["parameters"]["floor"]["low"] == 0.1


def test_every_kind_of_control_says_what_it_holds(page: "Page", watch: Watch) -> None:
    """And says nothing again once it is emptied; settings stay with their objective."""
    watch.forgive(REFUSED)
    begin(page, "?objective=regime_rugged")
    for summary in page.locator("details.more > summary").all():
        if summary.is_visible():
            summary.click()
    page.get_by_label("irregular", exact=True).select_option("yes")
    fill(page, "Goal", "-1.5e-3")
    page.get_by_label("Deadline").fill("2090-12-24T18:00")
    page.get_by_label("Early stop").select_option("no")
    page.get_by_label("Sampler").select_option('"tpe"')
    fill(page, "Rungs", "none")
    fill(page, "Peak to", "0.5")
    page.get_by_label("cooldown fixed at").select_option('"cosine"')
    page.locator("#families").get_by_role("checkbox", name="constant The peak").uncheck()
    page.locator("#baselines").get_by_role("button", name="None").click()
    page.get_by_role("button", name="Add a constraint").click()
    page.get_by_label("bound", exact=True).fill("1e-5")
    page.get_by_role("button", name="Add a label").click()
    page.get_by_label("label", exact=True).fill("team")
    page.get_by_label("value", exact=True).fill("rates")
    fill(page, "Notes", "two\nlines")
    told = request_of(page)
    moment = told.pop("deadline")
    assert moment.startswith("2090-12-2")
    assert moment.endswith("Z")
    families = told["space"].pop("families")
    assert "constant" not in families
    assert len(families) == 10  # the curve sampler alone moves knots
    assert told == {
        "objective": "regime_rugged",
        "config": {"irregular": True},
        "goal": -0.0015,
        "early_stop": False,
        "sampler": "tpe",
        "rungs": [],
        "space": {
            "peak": [0.01, 0.5],
            "fixed": {"cooldown": "cosine"},
            "constraints": ["final_lr <= 1e-5"],
        },
        "baselines": [],
        "labels": {"team": "rates"},
        "notes": "two\nlines",
    }
    page.get_by_role("radio", name="Heston volatility surface").check()
    assert "config" not in request_of(page)
    page.get_by_role("radio", name="Rugged landscape").check()
    assert request_of(page)["config"] == {"irregular": True}
    page.locator("#families").get_by_role("button", name="Recommended").click()
    page.get_by_label("Remove the constraint").click()
    page.get_by_role("button", name="Start over").click()
    assert request_of(page) == {"objective": "regime_rugged"}
    expect_empty = page.get_by_label("Goal", exact=True).input_value()
    assert expect_empty == ""


def test_json_and_form_follow_each_other(page: "Page", watch: Watch) -> None:
    """JSON that is edited fills the controls; what no control says is kept; bad JSON is told."""
    from playwright.sync_api import expect

    watch.forgive(REFUSED)
    begin(page)
    wanted = {
        "objective": "noisy_quadratic",
        "budget": {"trials": 33, "seconds": 5.5},
        "space": {"families": ["wsd", "cosine"], "constraints": ["peak<=0.5"]},
        "config": {"curvatures": [1.0, 0.5], "problem": "custom"},
        "unheard": {"of": 1},
    }
    page.locator("#json").fill(json.dumps(wanted))
    expect(page.get_by_label("Trials", exact=True)).to_have_value("33")
    expect(page.locator("#families-count")).to_have_text("2 chosen")
    expect(page.locator("#problems")).to_contain_text("unheard")
    expect(page.locator("#noisy-curvatures, [id$=curvatures]").first).to_have_value("1, 0.5")
    fill(page, "Seeds", "3")
    assert request_of(page) == {**wanted, "seeds": 3}
    page.locator("#json").fill('{"objective": ')
    expect(page.locator("#json-problem")).to_contain_text("not JSON")
    page.get_by_role("button", name="Create the study").click()
    assert page.url.endswith("/studies/new")
    page.locator("#json").fill('{"objective": "noisy_quadratic", "seed": 9007199254740993}')
    expect(page.locator("#json-problem")).to_contain_text("more digits")
    page.reload()
    expect(page.get_by_label("Trials", exact=True)).to_have_value("33")


ODD = (
    {"objective": 5, "space": 3, "budget": [], "config": "x", "sampler": "constructor"},
    {
        "objective": "__proto__",
        "space": {"families": "all", "ranges": {"warmup": 1, "__proto__": 2}},
    },
    {
        "objective": "heston_surface",
        "space": {"families": [1, None, "constructor"], "constraints": [{}, 5, "x"], "peak": {}},
    },
    {"objective": "noisy_quadratic", "labels": {"a": {"b": 1}}, "rungs": {"0": 1}, "deadline": 5},
    {
        "objective": "<img src=x onerror=alert(1)>",
        "label": "<b>",
        "warm_start": ["<i>", 3],
        "notes": [],
    },
    {
        "objective": [],
        "external": None,
        "config": {"__proto__": 1},
        "baselines": [[]],
        "goal": True,
        "horizon": {},
    },
)


def test_whatever_is_pasted_the_form_stands(page: "Page", watch: Watch) -> None:
    """Odd JSON is refused by the service; the page keeps it as it is and raises nothing."""
    from playwright.sync_api import expect

    watch.forgive(REFUSED)
    begin(page)
    for request in ODD:
        page.locator("#json").fill(json.dumps(request))
        expect(page.locator("#line-program")).to_contain_text(json.dumps(request["objective"]))
        expect(page.locator("#problems")).to_be_visible()
        assert request_of(page) == request
        assert page.locator("main img").count() == 0
    page.locator("#json").fill("{}")
    expect(page.locator("#problems")).to_be_hidden()


def test_lines_to_copy_are_those_of_the_request(page: "Page", open_site: Site) -> None:
    """They follow what is typed; tabs are walked by arrows, as tabs are."""
    from playwright.sync_api import expect

    begin(page, "?objective=noisy_quadratic")
    fill(page, "Label", "it's $HOME")
    request = {"objective": "noisy_quadratic", "label": "it's $HOME"}
    page.get_by_role("tab", name="JSON").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="curl")).to_be_focused()
    curl = lines.curl_line(request, open_site.url, has_key=False)
    expect(page.get_by_role("tabpanel")).to_be_visible()
    expect(page.locator("#line-curl")).to_have_text(curl)
    page.keyboard.press("ArrowRight")
    assert page.locator("#line-command").text_content() == lines.command(request, open_site.url)
    page.keyboard.press("ArrowRight")
    assert page.locator("#line-program").text_content() == lines.program(request, open_site.url)
    checks.check_accessibility(page)


def test_families_are_seen_over_what_is_typed(page: "Page") -> None:
    """A picture and the chart change with a range, and only the latest question is answered."""
    from playwright.sync_api import expect

    begin(page, "?objective=noisy_quadratic")
    usual = page.locator(".family", has_text="Half a cosine from").locator(".usual").first
    expect(page.locator("[data-chart=preview] .legend button")).to_have_count(12)
    before = usual.get_attribute("d") or ""
    page.get_by_text("Ranges and fixed values").click()
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url))
    # In one go, so that a slow machine does not type more slowly than the form waits.
    page.get_by_label("floor fixed at").evaluate(
        "(field) => { for (const text of ['0', '0.', '0.2', '0.25']) { field.value = text;"
        "field.dispatchEvent(new Event('input', { bubbles: true })); } }"
    )
    expect(usual).not_to_have_attribute("d", before)
    assert len([url for url in asked if url.endswith("/preview")]) == 1
    assert len([url for url in asked if url.endswith(":validate")]) == 1


def test_one_study_is_made_however_often_one_asks(page: "Page", open_site: Site) -> None:
    """By keyboard alone, with Enter that sends nothing by accident, and an impatient double."""
    begin(page)
    page.get_by_role("radio", name="Realised volatility").focus()
    for _ in range(6):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("mine_by_hand")
    page.keyboard.press("Enter")
    assert page.url.endswith("/studies/new")
    page.get_by_label("Declaration").fill(json.dumps(EXTERNAL))
    await_estimate(page, "60")
    page.evaluate(
        "() => { const form = document.getElementById('new-study');"
        "form.requestSubmit(); form.requestSubmit();"
        "document.getElementById('create').click(); }"
    )
    page.wait_for_url("**/studies/st_*")
    made = list(open_site.client.studies.list(objective="mine_by_hand"))
    assert len(made) == 1
    assert made[0].spec["external"]["horizon"] == 100
    open_site.client.studies.cancel(made[0].id)
    page.go_back()
    assert request_of(page)["objective"] == "mine_by_hand"
    page.get_by_label("Its name").focus()
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/studies/st_*")
    for study in open_site.client.studies.list(objective="mine_by_hand"):
        if study.state == "running":
            open_site.client.studies.cancel(study.id)


def test_another_study_is_where_to_begin(
    page: "Page", open_site: Site, finished_study: str
) -> None:
    """Its request fills the form, and it can be started from; how long it took is told."""
    from playwright.sync_api import expect

    begin(page, f"?from={finished_study}")
    await_estimate(page, "at the pace of earlier studies")
    expect(page.get_by_label("Label", exact=True)).to_have_value("small one")
    expect(page.get_by_label("Trials", exact=True)).to_have_value("12")
    page.get_by_text("Start from earlier studies").click()
    page.locator("#warm-start").get_by_role("checkbox", name=finished_study).check()
    assert request_of(page)["warm_start"] == [finished_study]
    fill(page, "Label", "again")
    study = create(page)
    made = open_site.client.studies.get(study)
    open_site.client.studies.cancel(study)
    assert (made.label, made.objective) == ("again", "realized_volatility")
    assert made.spec["starts"]


@pytest.mark.parametrize("theme", checks.THEMES)
def test_the_whole_form_can_be_read_by_all(new_page: NewPage, open_site: Site, theme: str) -> None:
    """With everything unfolded, on a phone and on a desk."""
    for size in checks.SIZES.values():
        page = new_page(open_site, theme=theme, size=size)
        begin(page, "?objective=noisy_quadratic")
        await_estimate(page, "60")
        page.evaluate("document.querySelectorAll('details').forEach((one) => (one.open = true))")
        checks.check_structure(page)
        checks.check_width(page)
        checks.check_accessibility(page)


def test_a_reader_sees_why_nothing_can_be_created(new_page: NewPage, keyed_site: Site) -> None:
    """A form that is disabled as a whole, with the reason; nothing is asked of the service."""
    page = new_page(keyed_site)
    sign_in(page, keyed_site.keys["reader"], "/studies/new")
    page.goto("/studies/new")
    assert "studies:write" in page.locator(".refused").inner_text()
    assert page.get_by_label("Trials", exact=True).is_disabled()
    assert page.get_by_role("button", name="Create the study").is_disabled()
    checks.check_accessibility(page)


def test_whoever_has_a_key_copies_lines_that_show_it(new_page: NewPage, keyed_site: Site) -> None:
    """By its variable, never the key itself; a session may create studies."""
    from playwright.sync_api import expect

    page = new_page(keyed_site)
    sign_in(page, keyed_site.keys["admin"])
    page.goto("/studies/new?objective=noisy_quadratic")
    page.get_by_role("tab", name="curl").click()
    expect(page.locator("#line-curl")).to_contain_text("Bearer $GLIDESLOPE_API_KEY")
    assert keyed_site.keys["admin"] not in page.content()
    study = create(page)
    with Client(keyed_site.url, key=keyed_site.keys["admin"]) as client:
        client.studies.cancel(study)
