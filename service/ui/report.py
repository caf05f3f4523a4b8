"""The report: a study as one HTML file that opens offline, on a phone and on paper.

The one idea: everything is inlined (plotly.js from the installed package, styles, data) and the
page's own content policy forbids every request and every script but the two it came with; all text
from outside is escaped. Not here: what the figures mean (`tuning.evidence`).
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from typing import Any

from markupsafe import Markup
from plotly.offline import get_plotlyjs_version

from service.ui.arms import ArmView
from service.ui.assets import PLOTLY, text
from service.ui.charts.chart import Chart, empty
from service.ui.digest import Digest, words_and_tables
from service.ui.looks import dark_of
from service.ui.templating import render

SCRIPTS = ("charts.js", "copy.js", "report.js")
STYLES = ("parts.css", "report.css")
MAX_TABLE = 20_000  # updates; a longer table would outweigh the rest of the page


def render_report(digest: Digest, charts: Mapping[str, Chart | str]) -> str:
    """Render a study, in whatever state it is, as one standalone HTML page.

    Args:
        digest: what there is to say of it.
        charts: those that are shown, by name; words in place of one that is empty.
    """
    inlined = _inlined()
    return render(
        "report.html",
        **words_and_tables(digest),
        charts=charts,
        data=_data(charts, digest.arms),
        plotly_version=get_plotlyjs_version(),
        library=inlined.library,
        scripts=inlined.scripts,
        style=inlined.style,
        policy=inlined.policy,
    )


def _data(charts: Mapping[str, Chart | str], arms: Sequence[ArmView]) -> dict[str, Any]:
    """What the page's script works on."""
    has_table = bool(arms) and arms[0].trial.schedule.horizon <= MAX_TABLE
    return {
        "dark": dark_of(),
        "charts": {
            name: empty(chart) if isinstance(chart, str) else chart.document()
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
