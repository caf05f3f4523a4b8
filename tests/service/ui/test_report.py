"""The report as a reader gets it: one page, offline, honest in every state of a study."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from plotly.offline import get_plotlyjs

from service.ui import report
from service.ui.report import SCRIPTS, render_report
from tests.service.ui.drawn import draw
from tests.service.ui.stories import Story, digest_of, make_spec, tell
from tuning.records import Direction, Metric, Result, RunState
from tuning.schedules import Schedule

HOSTILE = "<script>alert(1)</script>"
# Charts of what only a store knows.
UNTOLD = dict.fromkeys(("families", "importances"), "nothing to draw")
LIBRARY = "/* plotly */"
VOID = {"meta", "link", "br", "wbr"}


class Page(HTMLParser):
    """Reads a page: scripts and preformatted texts by order, ids, and whether tags balance."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.texts: dict[str, str] = {}
        self._current: dict[str, str | None] = {}
        # The library is long and no matter here, but for the policy that names its hash.
        self.feed(text.replace(get_plotlyjs(), LIBRARY))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note attributes; what is not void must be closed."""
        self._current = dict(attrs)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note attributes."""
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        """Only what was opened last may be closed."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep scripts and preformatted texts."""
        if self.open and self.open[-1] == "script":
            self.scripts.append((self._current, data))
        elif self.open and self.open[-1] == "pre":
            self.texts[self._current.get("id") or ""] = data

    @property
    def data(self) -> dict[str, Any]:
        """The page's data, read as strictly as a browser does."""
        text = next(text for attrs, text in self.scripts if attrs.get("id") == "data")
        found: dict[str, Any] = json.loads(text, parse_constant=_refuse)
        return found


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def render(
    story: Story,
    title: str = "a study",
    earlier: Sequence[dict[str, Any]] = (),
    **changes: Any,  # noqa: ANN401
) -> str:
    """The report of a story, with parts of it changed."""
    story = replace(story, **changes)
    charts = {name: chart or "nothing to draw" for name, chart in draw(story).items()}
    return render_report(digest_of(story, title, earlier=earlier), {**UNTOLD, **charts})


@pytest.fixture(scope="module")
def finished() -> Story:
    """A completed study with a verdict."""
    return tell(trials=24)


def test_names_no_address_outside_plotly(finished: Story) -> None:
    """A standalone page opens offline: nothing in it points anywhere else."""
    page = render(finished).replace(get_plotlyjs(), "")

    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page
    assert "@import" not in page
    assert not [found for found in Page(page).attributes if found[1] == "src"]
    assert {value for _, name, value in Page(page).attributes if name == "href"} <= {
        "data:,",
        "#warnings",
    }


def test_inlines_plotly_once(finished: Story) -> None:
    """The library travels with the page, one time."""
    assert render(finished).count(get_plotlyjs()) == 1


def test_policy_allows_its_own_scripts_and_nothing_else(finished: Story) -> None:
    """A script that slipped in would not run, and no request would leave."""
    page = Page(render(finished))
    policy = next(
        value
        for tag, _, value in page.attributes
        if tag == "meta" and value and "script-src" in value
    )
    scripts = [text for attrs, text in page.scripts if attrs.get("type") in {None, "module"}]
    hashes = {
        b64encode(sha256(text.replace(LIBRARY, get_plotlyjs()).encode()).digest()).decode()
        for text in scripts
    }

    assert len(hashes) == len(SCRIPTS) + 1  # and plotly.js
    assert policy.count("'sha256-") == len(hashes)
    assert all(f"'sha256-{found}'" in policy for found in hashes)
    assert "default-src 'none'" in policy
    assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]


def test_charts_are_never_offered_for_upload(finished: Story) -> None:
    """plotly.js 4 shows a button that uploads the chart, unless told not to."""
    page = render(finished)

    assert "showSendToCloud: false" in page
    assert 'plotlyServerURL: ""' in page


def test_tags_balance(finished: Story) -> None:
    """The page is well formed."""
    assert Page(render(finished)).open == []


def test_is_light_beside_plotly(finished: Story) -> None:
    """Data and markup of a study weigh little."""
    assert len(render(finished)) - len(get_plotlyjs()) < 200_000


def test_same_study_gives_same_page(finished: Story) -> None:
    """Nothing of the clock or of chance is in the page."""
    assert render(finished) == render(finished)


def test_sections_stand_in_order_verdict_first(finished: Story) -> None:
    """The answer comes first, then the evidence for it, then how to use it."""
    page = render(finished)
    order = [
        "<h1>",
        '<dl class="facts">',
        "<h2>The winning schedule against tuned baselines",
        "<h2>Arms",
        "<h2>In use",
        "<h2>The search",
        "<h2>Training curves",
        "<h2>Warnings",
        "<h2>Use it",
    ]

    places = [page.index(mark) for mark in order]

    assert places == sorted(places)


def test_headline_is_the_first_sentence_of_the_verdict(finished: Story) -> None:
    """The words of the verdict are not paraphrased."""
    words = "wsd (peak 0.01) wins: mse 0.51, better than all. Beware: it is an edge. It is so."
    page = render(finished, verdict={**finished.verdict, "words": words})

    assert "<h1>wsd (peak 0.01) wins: mse 0.51, better than all.</h1>" in page
    assert "<p>It is so.</p>" in page


def test_every_warning_is_shown_and_announced_at_the_top(finished: Story) -> None:
    """Warnings cannot be missed: a badge beside the headline leads to them."""
    warnings = [{"code": "range_edge", "message": "the peak is at its edge"}] * 2
    page = render(finished, verdict={**finished.verdict, "warnings": warnings})

    assert page.count("the peak is at its edge") == 2
    assert page.index("2 warnings") < page.index("<h1>")


def test_table_shows_every_arm_with_its_interval(finished: Story) -> None:
    """Each arm has a row; each but the winner a bar of the forest plot."""
    page = render(finished)
    body = page[page.index("<tbody>") : page.index("</tbody>")]

    assert body.count("<tr") == len(finished.verdict["arms"])
    assert body.count('class="interval"') == len(finished.verdict["versus"])
    assert "winner better" in body


def test_portable_schedule_comes_back_exactly(finished: Story) -> None:
    """The JSON on the page, and the one it saves, are the winning schedule bit for bit."""
    page = Page(render(finished))
    winner = finished.history.trials[finished.verdict["trial"]].schedule

    assert Schedule.from_document(json.loads(page.texts["schedule"])) == winner
    assert page.data["schedule"]["table"]["values"] == winner.table().tolist()


def test_the_python_lines_run(
    finished: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The three lines need nothing but the saved file."""
    page = Page(render(finished))
    (tmp_path / "schedule.json").write_text(json.dumps(page.data["schedule"]))
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}

    exec(page.texts["python"], scope)  # noqa: S102 - our own lines

    assert len(page.texts["python"].splitlines()) == 3
    assert scope["t"] == finished.spec.horizon - 1


def test_a_long_table_stays_out_of_the_page(
    finished: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit the page says where the table is instead."""
    monkeypatch.setattr(report, "MAX_TABLE", 10)
    page = render(finished)

    assert Page(page).data["schedule"] is None
    assert "data-save" not in page.split("<script")[0]
    assert "/best?table=true" in page


@pytest.mark.parametrize(
    ("options", "state", "says"),
    [
        ({"trials": 9, "confirmed": False}, "running", "No verdict yet"),
        ({"trials": 0, "confirmed": False}, "running", "No trial has completed"),
        ({"trials": 8, "diverging": True}, "failed", "No verdict: the study failed."),
        ({"trials": 5, "confirmed": False}, "cancelled", "No verdict: the study was cancelled."),
        ({"trials": 24}, "completed", "came first"),
    ],
)
def test_every_state_has_its_page(options: dict[str, Any], state: str, says: str) -> None:
    """A study can be looked at whenever, and the page says what is missing."""
    page = render(tell(**options), state=state)

    assert says in page
    assert Page(page).open == []
    assert Page(page).data["dark"]


def test_running_study_shows_what_is_there_and_calls_it_provisional() -> None:
    """The search's figures are never dressed up as a verdict."""
    page = render(tell(trials=12, confirmed=False))

    drawn = {name for name, chart in Page(page).data["charts"].items() if "data" in chart}
    assert drawn == {"schedules", "search", "losses", "progress", "map"}
    assert "flatters the best of many" in page
    assert "best so far, trial" in page
    assert "winner better" not in page.split("<script")[0]


def test_failed_study_gives_the_reasons() -> None:
    """With nothing completed, how the runs ended is the news."""
    page = render(tell(trials=8, diverging=True))

    assert "8 times: mse on validation was nan after update 15 at lr 0.3" in page


def test_hostile_words_are_only_words() -> None:
    """Label, reason, config, words and warnings are escaped wherever they appear."""
    story = tell(
        trials=24, spec=replace(make_spec(), label=HOSTILE, config={"file": f"{HOSTILE}</pre>.csv"})
    )
    bad = Result(RunState.DIVERGED, reason=f"{HOSTILE}<b>")
    verdict = {
        **story.verdict,
        "words": f"{HOSTILE} won. {HOSTILE}",
        "warnings": [{"code": HOSTILE, "message": HOSTILE}],
    }
    results = {key: end if key[0] else bad for key, end in story.history.results.items()}
    history = replace(story.history, results=results)

    page = render(story, HOSTILE, history=history, verdict=verdict, state=HOSTILE)
    blank = render(story, HOSTILE, history=history, verdict=None, state="failed")

    for text in (page, blank):
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)" in text
        assert len(Page(text).scripts) == len(SCRIPTS) + 2  # and plotly.js, and the data


def test_no_number_breaks_the_data() -> None:
    """Non-finite values, which JSON cannot name, leave a gap and not a broken page."""
    story = tell(trials=24)
    curves = {
        key: [{"steps": [1, 2], "values": {"mse": [None, float("inf")], "lr": [0.1, 0.1]}}]
        for key in story.curves
    }
    versus = [{**one, "relative": float("inf")} for one in story.verdict["versus"]]
    page = render(
        story,
        curves=curves,
        verdict={**story.verdict, "versus": versus, "spread": float("inf")},
    )

    assert set(Page(page).data["charts"]["losses"]) == {"empty"}


def test_maximised_metric_turns_the_table_around() -> None:
    """For a score, a winner that is higher is the better one."""
    upside = replace(make_spec(), metric=Metric("skill", Direction.MAXIMIZE))
    page = render(tell(trials=24, spec=upside))

    assert "higher is better" in page
    assert page.index("← worse") < page.index("better →")


def test_arm_without_a_value_has_a_row() -> None:
    """A baseline that diverged on every fresh seed is shown with dashes, not left out."""
    story = tell(trials=24)
    winner, first, *rest = story.verdict["arms"]
    lost = {**first, "validation": None, "test": None, "stderr": 0.0, "seeds": 0, "diverged": 10}
    versus = [one for one in story.verdict["versus"] if one["trial"] != first["trial"]]
    page = render(story, verdict={**story.verdict, "arms": [winner, lost, *rest], "versus": versus})

    assert "0 seeds, 10 diverged" in page


def test_verdicts_of_an_extended_study_are_numbered(finished: Story) -> None:
    """The last one heads the page, those before it are told; while it searches on, all are."""
    earlier = [{"words": "A tie of <old> days."}, {"words": "Another one."}]
    page = render(finished, earlier=earlier)
    assert ">verdict 3<" in page
    assert page.index("A tie of &lt;old&gt; days.") < page.index("Another one.")
    on_its_way = render(finished, earlier=earlier, verdict=None, state="running")
    assert ">after verdict 2<" in on_its_way
    assert "Earlier verdicts" not in render(finished)


def test_empty_history_is_no_error() -> None:
    """A study that was just created has a page."""
    page = render(Story(make_spec()), "new")

    assert all(set(chart) == {"empty"} for chart in Page(page).data["charts"].values())
    assert 'data-chart="map"' not in page
