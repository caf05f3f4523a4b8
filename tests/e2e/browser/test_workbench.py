"""The workbench in a browser: drawing by slider, by code, by hand and by keys, and more."""

import base64
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from service.ui.links import workbench_link
from tests.e2e.browser import checks
from tests.e2e.browser.conftest import NewPage
from tests.e2e.browser.sites import Site
from tests.e2e.browser.watch import Watch
from tuning.schedules import Cosine, Knots, Linear, PiecewiseLinear, Schedule, Sgdr, Warmup

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    Visit = Callable[..., Page]

PROGRAM = """\
optimizer = AdamW(model.parameters(), lr=3e-3)
warmup = LinearLR(optimizer, start_factor=0.01, total_iters=100)
cosine = CosineAnnealingLR(optimizer, T_max=900)
scheduler = SequentialLR(optimizer, [warmup, cosine], milestones=[100])
"""
CURVES = """() => document.querySelector("#chart .plot").data
  .filter((trace) => trace.mode === "lines")
  .map((trace) => ({name: trace.name, x: [...trace.x], y: [...trace.y]}))"""
MARKS = """() => document.querySelector("#chart .plot").data
  .filter((trace) => trace.mode !== "lines")
  .flatMap((trace) => trace.text.map((text, at) => [text, trace.x[at]]))"""


@pytest.fixture
def visit(new_page: NewPage, open_site: Site) -> "Visit":
    """Open schedules in the workbench, as a link does, and wait until they are drawn."""

    def go(*schedules: Schedule, **options: Any) -> "Page":  # noqa: ANN401 # of a browser's page
        page = new_page(open_site, **options)
        named = [(f"{one.family.kind} {at}", one.document()) for at, one in enumerate(schedules)]
        page.goto(workbench_link(*named) if named else "/workbench")
        page.wait_for_function(
            "(count) => document.querySelector('#chart .plot').data?.filter("
            "(trace) => trace.mode === 'lines').length === count",
            arg=max(1, len(schedules)),
        )
        return page

    return go


def curve(page: "Page", name: str) -> dict[str, Any]:
    """A curve as it is drawn."""
    (found,) = [one for one in page.evaluate(CURVES) if one["name"] == name]
    drawn: dict[str, Any] = found
    return drawn


def wait_for_curve(page: "Page", name: str, rule: str) -> None:
    """Wait until a curve is drawn as a rule of its `y` wants it."""
    page.wait_for_function(
        f"(name) => document.querySelector('#chart .plot').data?.some("
        f"(trace) => trace.name === name && (({{x, y}}) => {rule})(trace))",
        arg=name,
    )


def knot(page: "Page", number: int) -> "Locator":
    """The handle of that number, from 1."""
    return page.locator(".knot").nth(number - 1)


def told_rate(handle: "Locator") -> float:
    """The learning rate that a handle says."""
    text = handle.get_attribute("aria-valuetext") or ""
    found = re.search(r"learning rate (\S+)", text)
    assert found, text
    return float(found[1])


def test_a_link_shows_its_schedules(visit: "Visit") -> None:
    """Each as the core computes it, and the address still says the same."""
    schedules = [Schedule(Cosine(0.1, warmup=Warmup(50)), 500), Schedule(Linear(0.05), 400)]
    page = visit(*schedules)
    for at, one in enumerate(schedules):
        drawn = curve(page, f"{one.family.kind} {at}")
        assert drawn["y"] == one(drawn["x"]).tolist()
    before = page.evaluate(CURVES)
    page.locator("#schedules .choose").first.click()
    page.reload()
    page.wait_for_function("() => document.querySelectorAll('#schedules li').length === 2")
    wait_for_curve(page, "linear 1", "y[0] > 0")
    assert page.evaluate(CURVES) == before


@pytest.mark.parametrize(
    "state",
    [
        b"no JSON",
        b"[]",
        b'{"schedules": 7}',
        b'{"schedules": [null, {"name": "x"}, {"schedule": "cosine"}]}',
        b'{"schedules": [{"schedule": {"family": "of tomorrow", "peak": 1, "horizon": 9}}]}',
        b'{"schedules": [{"schedule": {"family": "cosine", "peak": "x", "horizon": 9}}]}',
        b'{"schedules": [{"schedule": {"family": "rex", "peak": 1, "horizon": 9, "params": 1}}]}',
        b"\xff\xfe",
    ],
)
def test_an_address_that_says_nothing_shows_the_first_schedule(
    new_page: NewPage, open_site: Site, state: bytes
) -> None:
    """Whatever stands after the #, the page works."""
    page = new_page(open_site)
    page.goto("/workbench#" + base64.urlsafe_b64encode(state).decode().rstrip("="))
    page.wait_for_function("() => document.querySelector('#chart .plot').data?.length > 0")
    wait_for_curve(page, "cosine", "Math.max(...y) === 0.01")


def test_what_a_link_says_wrongly_is_refused_by_the_service(
    new_page: NewPage, open_site: Site, watch: Watch
) -> None:
    """In its own words; what is right beside it is drawn, whatever look it asks for."""
    watch.forgive("422")
    good = {"name": "good", "schedule": {"family": "linear", "peak": 0.3, "horizon": 9}, "look": -1}
    bad = {"name": "bad", "schedule": {"family": "cosine", "peak": -1, "horizon": 2.5}, "look": 1e9}
    text = json.dumps({"schedules": [bad, good], "active": 99, "view": 7, "panel": []})
    page = new_page(open_site)
    page.goto("/workbench#" + base64.urlsafe_b64encode(text.encode()).decode())
    page.wait_for_function("() => document.querySelector('#chart .plot').data?.length > 0")
    wait_for_curve(page, "good", "y[0] === 0.3")
    page.locator("#form-problem:not([hidden])").wait_for()


def test_a_slider_redraws_the_curve(visit: "Visit") -> None:
    """While it moves; the number beside it is the same, and a step back undoes it."""
    page = visit(Schedule(Cosine(0.1), 500))
    slider = page.get_by_label("floor, slider")
    slider.fill("500")
    wait_for_curve(page, "cosine 0", "y.at(-1) > 0.04")
    assert page.locator("[data-field=floor] input[type=text]").input_value() == "0.5"
    assert slider.get_attribute("aria-valuetext") == "0.5"
    page.locator("#undo").click()
    wait_for_curve(page, "cosine 0", "y.at(-1) < 0.001")
    page.keyboard.press("Control+Shift+Z")
    wait_for_curve(page, "cosine 0", "y.at(-1) > 0.04")


def test_another_family_is_found_by_a_word(visit: "Visit") -> None:
    """Typing narrows the choice, Enter takes the first; what both have in common stays."""
    page = visit(Schedule(Cosine(0.1, floor=0.5), 500))
    page.locator("#pick").click()
    page.locator("#search").fill("straight line from")
    assert page.locator("#families [data-family]:visible").count() == 1
    page.keyboard.press("Enter")
    wait_for_curve(page, "linear", "Math.abs(y[250] - 0.075) < 1e-9")
    page.locator("#add").click()
    page.locator("#search").fill("no such family")
    assert page.locator("#no-family").is_visible()
    page.keyboard.press("Escape")
    assert page.locator("#schedules li").count() == 1


def test_a_whole_fraction_stays_a_fraction(visit: "Visit") -> None:
    """1.0 of the horizon is not one update, however often it goes through the page."""
    page = visit(Schedule(PiecewiseLinear(0.1), 400))
    wait_for_curve(page, "piecewise_linear 0", "y[80] > 0.099 && y[399] < 0.001")
    page.get_by_label("peak, slider").fill("600")
    page.reload()
    wait_for_curve(page, "piecewise_linear 0", "x[y.indexOf(Math.max(...y))] === 80")


def test_a_program_is_pasted(visit: "Visit") -> None:
    """It is read by the service, drawn beside the others, and says where it comes from."""
    page = visit()
    page.locator("#open-paste").click()
    page.locator("#paste-text").fill(PROGRAM)
    page.get_by_role("button", name="Draw it", exact=True).click()
    wait_for_curve(page, "SequentialLR", "y.length > 100 && Math.max(...y) === 0.003")
    assert page.locator("#schedules li").count() == 2
    assert page.locator("#name").input_value() == "SequentialLR"


def test_bare_rates_and_documents_are_pasted(visit: "Visit") -> None:
    """As `study best` prints them, or as a column of numbers."""
    page = visit()
    best = {"study": "st_x", "schedule": Schedule(Sgdr(0.2), 50).document(table=True)}
    for text, name, rule in (
        ("0.1\n0.05, 0.025\n1e-3", "table", "y.join() === '0.1,0.05,0.025,0.001'"),
        (json.dumps(best), "sgdr", "y[0] === 0.2 && y.length === 50"),
    ):
        page.locator("#open-paste").click()
        page.locator("#paste-text").fill(text)
        page.get_by_role("button", name="Draw it", exact=True).click()
        wait_for_curve(page, name, rule)


def test_a_mistake_in_a_program_is_shown_at_its_place(visit: "Visit", watch: Watch) -> None:
    """What is wrong is selected, and said with what is allowed."""
    watch.forgive("422")
    page = visit()
    page.locator("#open-paste").click()
    page.locator("#paste-text").fill("steps = len(data)\nStepLR(optimizer, step_size=steps)")
    page.get_by_role("button", name="Draw it", exact=True).click()
    said = page.locator("#paste-said")
    said.wait_for()
    assert "Line 2, column 29 (steps)" in said.inner_text()
    selected = page.evaluate("() => getSelection().toString()")
    assert selected == "steps"
    page.locator("#paste-text").fill("StepLR(optimizer, step_size=30)")
    page.get_by_role("button", name="Draw it", exact=True).click()
    page.wait_for_function("() => document.activeElement.id === 'paste-updates'")
    page.keyboard.type("100")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.id === 'paste-rate'")
    page.keyboard.type("0.1")
    page.keyboard.press("Enter")
    wait_for_curve(page, "StepLR", "y.length === 100")


def test_a_knot_is_dragged_by_the_mouse(visit: "Visit") -> None:
    """The curve goes through where it is let go; one step back takes it home."""
    page = visit(Schedule(Knots(0.1), 500))
    handle = knot(page, 5)
    before, home = told_rate(handle), handle.bounding_box()
    assert home is not None
    x, y = home["x"] + home["width"] / 2, home["y"] + home["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 5, y + 40, steps=3)
    page.mouse.move(x + 5, y + 80, steps=3)
    page.mouse.up()
    after = told_rate(handle)
    assert after < 0.9 * before
    wait_for_curve(page, "knots 0", f"Math.abs(y[250] / {after} - 1) < 0.001")
    moved = handle.bounding_box()
    assert moved is not None
    assert moved["y"] == pytest.approx(home["y"] + 80, abs=2)
    assert moved["x"] == pytest.approx(home["x"], abs=1)
    page.locator("#undo").click()
    wait_for_curve(page, "knots 0", f"Math.abs(y[250] / {before} - 1) < 0.001")


def test_a_knot_is_moved_by_keys(visit: "Visit") -> None:
    """Tab goes from knot to knot; arrows move one, with shift finely; it says where it is."""
    page = visit(Schedule(Knots(0.1), 500))
    handle = knot(page, 6)
    handle.focus()
    assert handle.get_attribute("role") == "slider"
    assert handle.get_attribute("aria-label") == "knot 6 of 9"
    before = told_rate(handle)
    page.keyboard.press("ArrowDown")
    assert told_rate(handle) == pytest.approx(before / 1.05, rel=1e-3)
    page.keyboard.press("Shift+ArrowUp")
    assert told_rate(handle) == pytest.approx(before / 1.05 * 1.01, rel=1e-3)
    page.keyboard.press("Tab")
    assert page.evaluate("() => document.activeElement.ariaLabel") == "knot 7 of 9"
    page.keyboard.press("End")
    assert told_rate(knot(page, 7)) == 0.1
    wait_for_curve(page, "knots 0", "Math.max(...y.slice(300)) > 0.0999")


def test_any_curve_is_drawn_by_hand(visit: "Visit") -> None:
    """As knots, more of them if wanted; freed, they move sideways, are added and taken away."""
    page = visit(Schedule(Cosine(0.1, warmup=Warmup(50)), 500))
    page.get_by_role("button", name="Draw it by hand").click()
    page.wait_for_function("() => document.querySelectorAll('.knot').length === 9")
    drawn = curve(page, "knots")["y"]
    assert drawn == pytest.approx(
        Schedule(Cosine(0.1, warmup=Warmup(50)), 500).table().tolist(), abs=2e-4
    )
    page.locator("#knots").fill("5")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('.knot').length === 5")
    page.get_by_role("button", name="Let them move sideways").click()
    wait_for_curve(page, "expression", "y.length === 500")
    knot(page, 3).focus()
    page.keyboard.press("ArrowRight")
    assert "update 280" in (knot(page, 3).get_attribute("aria-valuetext") or "")
    page.get_by_role("button", name="Add a knot").click()
    page.wait_for_function("() => document.querySelectorAll('.knot').length === 6")
    page.keyboard.press("Delete")
    page.wait_for_function("() => document.querySelectorAll('.knot').length === 5")


def test_a_knot_is_dragged_by_a_finger(visit: "Visit") -> None:
    """On a phone the page does not scroll away under it."""
    page = visit(Schedule(Knots(0.1), 500), size=checks.NARROW, has_touch=True, is_mobile=True)
    handle = knot(page, 4)
    handle.scroll_into_view_if_needed()
    before, box = told_rate(handle), handle.bounding_box()
    assert box is not None
    assert box["width"] >= 44
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    session = page.context.new_cdp_session(page)
    for kind, down in (("touchStart", 0), ("touchMove", 30), ("touchMove", 60), ("touchEnd", None)):
        points = [] if down is None else [{"x": x, "y": y + down}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    page.wait_for_function(
        "(before) => document.querySelectorAll('.knot')[3].ariaValueNow < 0.9 * before", arg=before
    )


def test_findings_are_marked_on_the_curve(visit: "Visit") -> None:
    """By numbers, which are said in words below, for each schedule."""
    page = visit(Schedule(Cosine(0.1, warmup=Warmup(50)), 500), Schedule(Sgdr(0.1), 500))
    page.wait_for_function(f"() => ({MARKS})().length === 2")
    assert sorted(page.evaluate(MARKS)) == [["1", 0], ["2", 33]]
    told = page.locator("#findings .found")
    assert "The first update has a learning rate of 0" in told.first.inner_text()
    assert "jumps" in told.nth(1).inner_text()
    assert "warning" in told.first.inner_text()


def test_values_at_an_update_are_read_as_a_table(visit: "Visit") -> None:
    """Exactly, for every schedule, with sums and the ratio to the first."""
    one, other = Schedule(Cosine(0.1), 20_000), Schedule(Linear(0.05), 20_000)
    page = visit(one, other)
    page.locator("#update").fill("12345")
    page.wait_for_function(
        "() => document.querySelectorAll('#values td')[5]?.textContent.includes('.')"
    )
    rows = page.locator("#values tr")
    rate = float(one(12_345))
    page.wait_for_function(
        "(text) => document.querySelector('#values td').textContent === text",
        arg=f"{rate:.6g}",
    )
    cells = rows.nth(1).locator("td").all_inner_texts()
    assert float(cells[0]) == pytest.approx(float(other(12_345)), rel=1e-5)
    assert float(cells[3]) == pytest.approx(float(other(12_345)) / rate, rel=1e-3)


def test_curves_are_compared_in_a_second_panel(visit: "Visit") -> None:
    """Their sums, or their ratio to the first; on a linear or a logarithmic scale."""
    page = visit(Schedule(Cosine(0.1), 500), Schedule(Linear(0.1), 500))
    page.locator("#panels [value=area]").click()
    page.wait_for_function("() => document.querySelector('#chart .plot').data.length === 4")
    sums = page.evaluate(CURVES)[2]["y"]
    assert sums[-1] == pytest.approx(Schedule(Cosine(0.1), 500).table().sum())
    page.locator("#panels [value=ratio]").click()
    page.wait_for_function(
        "() => document.querySelector('#chart .plot').data.at(-1).y.every((one) => one !== 0)"
    )
    page.locator("#views [value=log]").click()
    page.wait_for_function(
        "() => document.querySelector('#chart .plot').layout.yaxis.type === 'log'"
    )
    page.locator("#schedules [data-act=hide]").nth(1).click()
    page.wait_for_function("() => document.querySelector('#chart .plot').data.length === 2")


def test_code_is_copied_for_any_library(visit: "Visit") -> None:
    """What is the library's own is said, and what is a table; the hash is that of the schedule."""
    schedule = Schedule(Cosine(0.1), 500)
    page = visit(schedule)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("tab", name="Optax").click()
    page.wait_for_function("() => document.querySelector('#code').textContent.includes('optax')")
    assert "the library's own" in page.locator("#why").inner_text()
    assert page.locator("#hash").inner_text() == schedule.table_sha256
    page.locator("#copy-code").click()
    page.locator("#notice").wait_for()
    copied = page.evaluate("() => navigator.clipboard.readText()")
    assert "cosine_decay_schedule" in copied
    page.keyboard.press("Escape")
    page.get_by_role("tab", name="Optax").press("ArrowRight")
    page.wait_for_function("() => document.querySelector('#code').textContent.includes('keras')")
    with page.expect_download() as download:
        page.locator("#save-code").click()
    assert download.value.suggested_filename == "cosine_0.py"


def test_schedules_are_duplicated_renamed_and_removed(visit: "Visit") -> None:
    """Each has a name of its own; the last one stays."""
    page = visit(Schedule(Cosine(0.1), 500))
    page.locator("#schedules [data-act=twin]").click()
    page.locator("#name").fill('<img src=x onerror="alert(1)">')
    page.keyboard.press("Tab")
    assert page.locator("#schedules .who").all_inner_texts() == [
        "cosine 0",
        '<img src=x onerror="alert(1)">',
    ]
    assert page.locator("#schedules img").count() == 0
    page.locator("#schedules [data-act=remove]").first.click()
    assert page.locator("#schedules li").count() == 1
    assert page.locator("#schedules [data-act=remove]").is_disabled()


def test_what_the_service_refuses_is_said_in_the_form(visit: "Visit", watch: Watch) -> None:
    """Beside the field, and the curve of before stays."""
    watch.forgive("422")
    page = visit(Schedule(Cosine(0.1), 500))
    box = page.locator("[data-field=floor] input[type=text]")
    box.fill("7")
    page.locator("#form-problem").wait_for()
    assert "from 0 to 1" in page.locator("#form-problem").inner_text()
    assert box.get_attribute("aria-invalid") == "true"
    box.fill("0.5")
    page.locator("#form-problem").wait_for(state="hidden")
    wait_for_curve(page, "cosine 0", "y.at(-1) > 0.04")


def test_a_schedule_starts_a_study(visit: "Visit", open_site: Site) -> None:
    """With what it costs told before; the study tries it exactly as it is."""
    schedule = Schedule(PiecewiseLinear(0.004), 400)
    page = visit(schedule, Schedule(Cosine(0.1), 400))
    page.locator("#open-send").click()
    page.locator("#send-objective").select_option("realized_volatility")
    page.locator("#send-trials").fill("40")
    page.locator("#send-cost:has-text('40 schedules')").wait_for()
    page.get_by_role("button", name="Start the study").click()
    page.wait_for_url("**/studies/st_*")
    study = page.url.rpartition("/")[2]
    spec = page.request.get(f"{open_site.url}/v1/studies/{study}").json()["spec"]
    (one,) = spec["candidates"]
    assert Schedule.from_document(one["schedule"]) == schedule.at(spec["horizon"])
    page.request.post(f"{open_site.url}/v1/studies/{study}:cancel")


def test_a_schedule_goes_to_the_form_of_a_new_study(visit: "Visit") -> None:
    """Where everything else can be set; a whole fraction stays one on the way."""
    page = visit(Schedule(PiecewiseLinear(0.004), 400))
    page.locator("#open-send").click()
    page.locator("#send-cost:has-text('schedules over')").wait_for()
    page.locator("#send-all").click()
    page.wait_for_url("**/studies/new**")
    request = page.locator("#json").input_value()
    assert '"at":[0.0,0.2,0.6,0.9,1.0]' in request
    assert '"objective": "realized_volatility"' in request
    page.locator("#own summary").click()
    box = page.locator("#candidates")
    text = box.input_value()
    assert "1.0" in text
    box.fill(text.replace("0.2,", "0.3,"))
    page.wait_for_function(
        "() => document.querySelector('#json').value.includes('0.3,0.6,0.9,1.0')"
    )


def test_a_schedule_is_suggested_to_a_study(
    visit: "Visit", open_site: Site, running_study: str
) -> None:
    """That the page of the study asked for."""
    page = visit(Schedule(Cosine(0.004, floor=0.37), 400))
    page.goto(f"/workbench?study={running_study}{page.evaluate('() => location.hash')}")
    page.locator("#open-send").click()
    page.locator("#send-running-part").wait_for()
    assert page.locator("#send-study").input_value() == running_study
    page.get_by_role("button", name="Suggest it").click()
    page.locator("#notice:has-text('Suggested')").wait_for()
    spec = page.request.get(f"{open_site.url}/v1/studies/{running_study}").json()["spec"]
    assert spec["candidates"][0]["schedule"]["params"]["floor"] == 0.37


def test_whoever_may_only_read_is_not_offered_a_study(new_page: NewPage, keyed_site: Site) -> None:
    """Everything else is there; a link that led to the sign-in first still shows its schedule."""
    page = new_page(keyed_site)
    page.goto(workbench_link(("mine", Schedule(Linear(0.2), 300).document())))
    assert "/sign-in" in page.url
    page.get_by_label("API key").fill(keyed_site.keys["reader"])
    page.keyboard.press("Enter")
    page.wait_for_url("**/workbench#*")
    page.wait_for_function("() => document.querySelector('#chart .plot').data?.length > 0")
    wait_for_curve(page, "mine", "y[0] === 0.2")
    assert page.locator("#open-send").count() == 0


@pytest.mark.parametrize("theme", checks.THEMES)
def test_every_state_can_be_read_by_all(visit: "Visit", theme: str) -> None:
    """Handles, findings, two panels and the dialogs, in both themes."""
    page = visit(Schedule(Knots(0.1), 500), Schedule(Sgdr(0.1), 500), theme=theme)
    page.locator("#name").fill("a-name-that-is-longer-than-any-phone-is-wide-and-has-no-space")
    page.locator("#panels [value=area]").click()
    page.wait_for_function(f"() => ({MARKS})().length > 0")
    checks.check_accessibility(page)
    for opener in ("#open-paste", "#pick", "#open-send"):
        page.locator(opener).click()
        checks.check_accessibility(page)
        page.keyboard.press("Escape")
    page.set_viewport_size(checks.NARROW)
    page.wait_for_function("() => document.documentElement.scrollWidth <= innerWidth")
    checks.check_width(page)
