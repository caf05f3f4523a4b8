"""The pages as a browser shows them: how long the first view takes, and its charts.

The one idea: a new visitor, whose cache is empty, opens each page of a service that keeps 3,000
studies, one of them with 10,000 trials; the browser itself tells when it painted and when the
charts of the first view were drawn. Pages take turns; the first turn warms the server and is left
out. All of it is on this machine, so the server, Chromium and its drawing share the cores.
Run by `make bench PART=pages`; leaves var/bench/pages.json.
"""

import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from api import serve, started
from figures import Figure, leave, say, tell
from pages_fill import copy, search
from playwright.sync_api import sync_playwright

from service.client import Client
from tests.e2e.browser import chromium
from tests.e2e.browser.watch import NOTE_DRAWN

if TYPE_CHECKING:
    from playwright.sync_api import Browser

LARGE, SMALL, STUDIES = 10_000, 24, 3_000
COPIED = "desk study"  # the label of the small one
TURNS = 7
WINDOW = {"width": 1600, "height": 1200}
FIRST_VIEW_MS, LARGE_MS, LONGEST_MS = 1000.0, 2000.0, 60_000
# Painted, with the charts that a reader sees first; those further down are fetched when near.
IN_VIEW_DRAWN = """() => performance.getEntriesByName("first-contentful-paint").length > 0
  && [...document.querySelectorAll("[data-chart][data-src]")]
  .filter((figure) => figure.checkVisibility())
  .filter((figure) => figure.getBoundingClientRect().top < innerHeight)
  .every((figure) => window.drawnFigures.has(figure))"""
TIMES = """() => ({
  painted: performance.getEntriesByName("first-contentful-paint")[0].startTime,
  drawn: performance.getEntriesByName("glideslope:drawn").at(-1)?.startTime,
})"""


@dataclass(frozen=True, slots=True)
class View:
    """One visit, in milliseconds since it began: first paint, and all charts of the first view."""

    painted: float
    drawn: float | None


def visit(browser: "Browser", url: str) -> View:
    """Open a page as a new visitor."""
    context = browser.new_context(viewport=WINDOW)  # type: ignore[arg-type] # of two numbers
    try:
        context.add_init_script(NOTE_DRAWN)
        page = context.new_page()
        answer = page.goto(url, timeout=LONGEST_MS)
        if answer is None or answer.status != 200:
            raise RuntimeError(f"{url} answered {answer and answer.status}")
        page.wait_for_function(IN_VIEW_DRAWN, timeout=LONGEST_MS)
        return View(**page.evaluate(TIMES))
    finally:
        context.close()


def paths(client: Client, large: str, small: str, other: str) -> dict[str, str]:
    """The pages by what they show."""
    trial = next(iter(client.trials.list(large, state=["completed"], sort="value", limit=1)))
    run = client.trials.runs(large, trial.number)[0]
    return {
        f"{STUDIES:,} studies": "/",
        f"a study of {SMALL} trials": f"/studies/{small}",
        f"a study of {LARGE:,} trials": f"/studies/{large}",
        f"report of {LARGE:,} trials": f"/v1/studies/{large}/report",
        "a trial": f"/studies/{large}/trials/{trial.number}",
        "a run": f"/studies/{large}/runs/{run.id}",
        "a new study": "/studies/new",
        "the workbench": "/workbench",
        "two studies compared": f"/compare?study={small}&study={other}",
        "objectives": "/objectives",
        "workers": "/workers",
    }


def figure(name: str, what: str, values: Sequence[float], target: float | None) -> Figure:
    """A figure of one page."""
    return Figure(
        name=f"{name}: {what}",
        value=statistics.median(values),
        unit="ms",
        better="lower",
        target=target,
        spread=(min(values), max(values)),
        repeats=len(values),
        note=f"new visitor, {WINDOW['width']} x {WINDOW['height']}, server and browser share cores",
    )


def prepare(file: Path) -> tuple[str, str, list[str]]:
    """Fill a store: the ids of the large study, of the small one, and of its copies."""
    with started(serve(file, "--no-worker")) as server, Client(server.url) as client:
        small = search(client, SMALL, COPIED)
        large = search(client, LARGE, "the large one")
    copies = copy(file, small, COPIED, STUDIES)
    say(f"{STUDIES:,} studies, one of {LARGE:,} trials: {file.stat().st_size / 2**20:,.0f} MiB")
    return large, small, copies


def measure(url: str, asked: Mapping[str, str]) -> dict[str, list[View]]:
    """Visit every page in turn, again and again."""
    path = chromium.find() or chromium.install()
    if path is None:
        raise RuntimeError(chromium.MISSING)
    found: dict[str, list[View]] = {name: [] for name in asked}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(chromium.FLAGS))
        for turn in range(TURNS + 1):
            for name, place in asked.items():
                view = visit(browser, url + place)
                if turn:
                    found[name].append(view)
        browser.close()
    return found


def judge(found: Mapping[str, Sequence[View]]) -> Iterator[Figure]:
    """The figures of each page; the report is one file with plotly.js in it and has no target."""
    for name, views in found.items():
        is_report, is_large = name.startswith("report"), name.startswith(f"a study of {LARGE:,}")
        painted = [one.painted for one in views]
        yield figure(name, "first view", painted, None if is_report else FIRST_VIEW_MS)
        drawn = [one.drawn for one in views if one.drawn is not None]
        if drawn:
            yield figure(name, "charts drawn", drawn, LARGE_MS if is_large else None)


def main() -> None:
    """Fill a store, visit its pages, leave the figures."""
    with tempfile.TemporaryDirectory(prefix="bench-pages-") as folder:
        file = Path(folder) / "pages.db"
        large, small, copies = prepare(file)
        with started(serve(file, "--no-worker")) as server, Client(server.url) as client:
            found = measure(server.url, paths(client, large, small, copies[0]))
    figures = list(judge(found))
    say()
    for one in figures:
        tell(one)
    leave("pages", figures)


if __name__ == "__main__":
    main()
