"""The report: a study as one HTML file that opens offline, on a phone and on paper.

The one idea: everything is inlined (plotly.js from the installed package, styles, data) and the
page's own content policy forbids every request and every script but the two it came with; all text
from outside is escaped. Not here: what the figures mean (`tuning.evidence`).
"""

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from plotly.offline import get_plotlyjs, get_plotlyjs_version

from service.ui.arms import ArmView, Outcome, arm_views, outcomes
from service.ui.charts.chart import Chart
from service.ui.charts.losses import losses_chart
from service.ui.charts.schedules import schedules_chart
from service.ui.charts.search import search_chart
from service.ui.facts import facts, head, rows
from service.ui.forest import WIDTH, lay_out
from service.ui.looks import COLORS, dark_of, looks
from service.ui.reach import reach
from tuning.documents import write_spec
from tuning.evidence.cautions import doubt_pruning
from tuning.records import Direction, History, StudySpec

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
    return (
        _environment()
        .get_template("report.html")
        .render(
            title=title,
            state=state,
            conditions=conditions,
            spec=spec,
            head=head(state, spec, arms, found, verdict),
            facts=facts(spec, history, found, verdict),
            charts=charts,
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
            colors=COLORS,
            data=_data(charts, arms),
            glideslope=version("glideslope"),
            plotly_version=get_plotlyjs_version(),
        )
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
        "charts": {name: chart.document() for name, chart in charts.items() if chart},
        "schedule": arms[0].trial.schedule.document(table=True) if has_table else None,
    }


@cache
def _environment() -> Environment:
    """The templates, with the page's two scripts and the policy that allows only them."""
    environment = Environment(
        loader=PackageLoader("service.ui"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"allow_nan": False, "separators": (",", ":")}
    library = _normalised(get_plotlyjs())
    script = _normalised(_own("report.js"))
    allowed = " ".join(f"'sha256-{_digest(text)}'" for text in (library, script))
    environment.globals |= {
        # Markup: our own files, which must reach the page unescaped.
        "library": Markup(library),  # noqa: S704
        "script": Markup(script),  # noqa: S704
        "style": Markup(_own("report.css")),  # noqa: S704
        "policy": f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'",
    }
    return environment


def _own(name: str) -> str:
    """A file beside the template, as it is."""
    return files("service.ui").joinpath("templates", name).read_text("utf-8")


def _normalised(text: str) -> str:
    """Line ends as a browser reads them, so that hashes agree."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _digest(text: str) -> str:
    return b64encode(sha256(text.encode()).digest()).decode()
