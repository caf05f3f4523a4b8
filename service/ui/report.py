"""The report: a study as one HTML file that opens offline, on a phone and on paper.

The one idea: everything is inlined (plotly.js from the installed package, styles, data) and the
page's own content policy forbids every request and every script but the two it came with; all text
from outside is escaped. Not here: what the figures mean (`tuning.evidence`).
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs_version

from service.ui.arms import ArmView, Outcome, arm_views, outcomes
from service.ui.assets import PLOTLY, text
from service.ui.charts.chart import Chart, empty
from service.ui.charts.losses import losses_chart
from service.ui.charts.schedules import schedules_chart
from service.ui.charts.search import search_chart
from service.ui.facts import facts, head, rows
from service.ui.forest import WIDTH, lay_out
from service.ui.looks import dark_of, looks
from service.ui.reach import reach
from service.ui.templating import render
from tuning.documents import write_spec
from tuning.evidence.cautions import doubt_pruning
from tuning.records import Direction, History, StudySpec

SCRIPTS = ("charts.js", "copy.js", "report.js")
STYLES = ("parts.css", "report.css")
EMPTY = {
    "schedules": "No trial has completed, so there is no schedule to show.",
    "search": "No trial has ended.",
    "losses": "Nothing has been measured on a run that completed.",
}
MAX_TABLE = 20_000  # updates; a longer table would outweigh the rest of the page


def render_report(
    *,
    title: str,
    state: str,
    conditions: Sequence[str] = (),
    spec: StudySpec,
    history: History,
    verdict: Mapping[str, Any] | None,
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    earlier: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Render a study, in whatever state it is, as one standalone HTML page.

    Args:
        title: the study's label or id.
        state: the study's state by name.
        conditions: what it is doing, or why it does not, in words.
        spec: what was asked.
        history: all that has happened.
        verdict: `Verdict.document()` and its `words`; None while there is none.
        curves: reports (`steps` and `values` by metric) of each run, in order, by run id; ids end
            with `.<generation>.<index>`.
        earlier: the verdicts before this one, or until now, in order, if the study was extended.

    Returns:
        The whole page.
    """
    arms = arm_views(spec, history, verdict)
    found = outcomes(spec, history)
    charts = {
        "schedules": schedules_chart(arms, spec.horizon) if arms else None,
        "search": _search(spec, arms, found),
        "losses": losses_chart(spec, history, arms, curves),
    }
    inlined = _inlined()
    return render(
        "report.html",
        title=title,
        state=state,
        conditions=conditions,
        spec=spec,
        head=head(state, spec, arms, found, verdict),
        facts=facts(spec, history, found, verdict),
        rows=rows(spec, arms),
        reach=reach(verdict),
        forest=lay_out(verdict["versus"] if verdict else (), spec.worthwhile),
        forest_width=WIDTH,
        is_lower_better=spec.metric.direction is Direction.MINIMIZE,
        verdict=verdict,
        earlier=earlier,
        warnings=_warnings(spec, history, verdict),
        schedule_json=_portable(arms),
        request_json=json.dumps(write_spec(spec), indent=2, ensure_ascii=False),
        data=_data(charts, arms),
        plotly_version=get_plotlyjs_version(),
        library=inlined.library,
        scripts=inlined.scripts,
        style=inlined.style,
        policy=inlined.policy,
    )


def _search(spec: StudySpec, arms: Sequence[ArmView], found: Sequence[Outcome]) -> Chart | None:
    if not found:
        return None
    winner = arms[0].trial.number if arms else None
    return search_chart(found, spec.metric, looks(spec), winner)


def _warnings(
    spec: StudySpec, history: History, verdict: Mapping[str, Any] | None
) -> list[Mapping[str, Any]]:
    """Those of the verdict; while there is none, what is known without it."""
    if verdict is not None:
        return list(verdict["warnings"])
    return [asdict(one) for one in doubt_pruning(spec, len(history.pruned))]


def _portable(arms: Sequence[ArmView]) -> str:
    """The winning schedule in its portable form, without the table; empty if there is none."""
    if not arms:
        return ""
    return json.dumps(arms[0].trial.schedule.document(), indent=2, ensure_ascii=False)


def _data(charts: Mapping[str, Chart | None], arms: Sequence[ArmView]) -> dict[str, Any]:
    """What the page's script works on."""
    has_table = bool(arms) and arms[0].trial.schedule.horizon <= MAX_TABLE
    return {
        "dark": dark_of(),
        "charts": {
            name: chart.document() if chart else empty(EMPTY[name])
            for name, chart in charts.items()
        },
        "schedule": arms[0].trial.schedule.document(table=True) if has_table else None,
    }


@dataclass(frozen=True, slots=True)
class Inlined:
    """What the page brings along: plotly.js, its own scripts, and the policy that allows them."""

    library: Markup
    scripts: tuple[Markup, ...]
    style: Markup
    policy: str


@cache
def _inlined() -> Inlined:
    """Our own files and the installed library, which must reach the page unescaped."""
    library, *scripts = (text(name) for name in (PLOTLY, *SCRIPTS))
    allowed = " ".join(f"'sha256-{_digest(one)}'" for one in (library, *scripts))
    return Inlined(
        library=Markup(library),  # noqa: S704 # see above
        scripts=tuple(Markup(one) for one in scripts),  # noqa: S704
        style=Markup("\n".join(text(name) for name in STYLES)),  # noqa: S704
        policy=f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'",
    )


def _digest(script: str) -> str:
    return b64encode(sha256(script.encode()).digest()).decode()
