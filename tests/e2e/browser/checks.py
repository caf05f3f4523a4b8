"""What every page must be: readable by machines, wide as the window, walkable by keyboard.

The one idea: a check fails with a list that tells where to look. Not here: what pages complain of
(`watch`), which holds of every page without being asked.
"""

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
GRAVE = {"serious", "critical"}
PICTURES = Path(__file__).parents[3] / "var" / "screenshots"
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDE: "ViewportSize" = {"width": 1280, "height": 800}
NARROW: "ViewportSize" = {"width": 390, "height": 844}
SIZES = {"wide": WIDE, "narrow": NARROW}
MOST_STOPS = 400  # of the Tab key on one page

ALL_DRAWN = """() => [...document.querySelectorAll("[data-chart]")]
  .filter((figure) => figure.checkVisibility())
  .every((figure) => window.drawnFigures.has(figure))"""
# One after another, for what is drawn above moves those below.
LOOK_AT_ALL = """async () => {
  for (const figure of document.querySelectorAll("[data-chart]")) {
    if (!figure.checkVisibility()) continue;
    const isDrawn = window.drawnFigures.has(figure);
    figure.scrollIntoView({ behavior: "instant" });
    if (!isDrawn)
      await new Promise((resolve) => {
        figure.addEventListener("glideslope:drawn", resolve, { once: true });
        setTimeout(resolve, 5000);
      });
  }
}"""
# What sticks out of the window, or is cut off there, unless it scrolls inside a box of its own.
STICKS_OUT = """() => {
  const width = document.documentElement.clientWidth;
  const isBoxed = (one) => {
    for (let box = one.parentElement; box && box !== document.body; box = box.parentElement)
      if (["auto", "scroll"].includes(getComputedStyle(box).overflowX)) return true;
    return false;
  };
  const found = [...document.body.querySelectorAll("*")]
    .filter((one) => one instanceof HTMLElement)
    .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > width + 1)
    .filter((one) => !isBoxed(one))
    .map((one) => `<${one.tagName.toLowerCase()} class="${one.getAttribute("class") || ""}">`);
  const page = document.documentElement.scrollWidth;
  const told = `the page is ${page} px wide in a window of ${width} px`;
  return page > width || found.length ? [told, ...found] : [];
}"""
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return null;
  // A box may show the focus for what is in it, as a label does for its hidden radio button.
  const isMarked = (box) => {
    const style = getComputedStyle(box);
    const hasOutline = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
    return hasOutline || style.boxShadow !== "none";
  };
  const shown = [one, one.parentElement, ...(one.labels || []), one.nextElementSibling];
  const { width, height } = one.getBoundingClientRect();
  window.focusStops = window.focusStops || new Map();
  if (!window.focusStops.has(one)) window.focusStops.set(one, window.focusStops.size);
  return {
    number: window.focusStops.get(one),
    what: one.outerHTML.slice(0, 120),
    href: one.getAttribute("href"),
    isMarked: shown.some((box) => box && isMarked(box)),
    isVisible: width > 0 && height > 0,
  };
}"""


def settle(page: "Page") -> None:
    """Wait until everything on the page is there: look at every chart, until all are drawn."""
    page.wait_for_load_state("load")
    page.evaluate(LOOK_AT_ALL)
    page.wait_for_function(ALL_DRAWN)
    page.evaluate("() => scrollTo(0, 0)")


def check_accessibility(page: "Page") -> None:
    """Let axe-core look at the page; fail on what is serious or critical, print the rest."""
    from axe_playwright_python.sync_playwright import Axe

    options = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    grave = [one for one in found if one["impact"] in GRAVE]
    told = "\n".join(_told(one) for one in found)
    if told:
        print(f"axe-core on {page.url}:\n{told}")  # noqa: T201 # pytest shows it with a failure
    assert not grave, f"{page.url}\n" + "\n".join(_told(one) for one in grave)


def check_width(page: "Page") -> None:
    """Fail if the page scrolls sideways."""
    found = page.evaluate(STICKS_OUT)
    assert not found, f"{page.url}\n" + "\n".join(found[:12])


def check_structure(page: "Page") -> None:
    """One first heading, a title, a language, landmarks; headings that skip no level."""
    assert page.locator("h1").count() == 1, page.locator("h1").all_inner_texts()
    assert page.title().strip()
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("main").count() == 1
    levels = [
        int(one[1])
        for one in page.locator("h1,h2,h3,h4,h5,h6").evaluate_all(
            "(all) => all.filter((one) => one.checkVisibility()).map((one) => one.tagName)"
        )
    ]
    assert all(after - before <= 1 for before, after in pairwise(levels)), levels


def check_keyboard(page: "Page", *, has_skip_link: bool = True) -> None:
    """Walk through the page by Tab: each stop can be seen, and the walk comes to an end."""
    stops: list[Mapping[str, Any]] = []
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        if stop is None or stop["number"] < len(stops):
            break
        stops.append(stop)
    else:
        raise AssertionError(f"Tab finds no end after {MOST_STOPS} stops")
    assert stops, "nothing takes the focus"
    if has_skip_link:
        first = stops[0]
        assert (first["href"] or "").startswith("#"), f"no skip link, but {first['what']}"
    dim = [stop["what"] for stop in stops if not (stop["isMarked"] and stop["isVisible"])]
    assert not dim, "the focus is not to be seen on\n" + "\n".join(dim)


def take_picture(page: "Page", name: str) -> None:
    """Leave a picture of the whole page in var/screenshots."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)


def take_pictures(page: "Page", name: str) -> None:
    """Leave four of them: each theme in each width."""
    before = page.viewport_size
    for theme in THEMES:
        page.emulate_media(color_scheme=theme)
        for word, size in SIZES.items():
            page.set_viewport_size(size)
            settle(page)
            take_picture(page, f"{name}-{theme}-{word}")
    page.emulate_media(color_scheme="light")
    if before:
        page.set_viewport_size(before)


def _told(violation: Mapping[str, Any]) -> str:
    places = [f"    {node['html'][:160]}" for node in violation["nodes"][:5]]
    more = len(violation["nodes"]) - len(places)
    rest = [f"    and {more} more"] if more else []
    summary = violation["nodes"][0].get("failureSummary", "").replace("\n", " ")
    head = f"  {violation['impact']}: {violation['id']} - {violation['help']} ({summary})"
    return "\n".join([head, *places, *rest])
