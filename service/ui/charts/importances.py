"""Chart: how much each coordinate decided whether a schedule was among the best.

The one idea: bars in order, and the words that keep a reader from taking them for proof.
"""

from service.schemas.results import Importances
from service.ui.charts.chart import Chart, axis, layout
from service.ui.looks import COLORS
from service.ui.typeset import compact, percent

ROW_PIXELS = 30
LEAST, MOST = 0.005, 12  # of what is shown
COLOR = COLORS[1][0]


def importances_chart(found: Importances) -> Chart | None:
    """Draw the importances; None if there are none, for the reason in their `note`."""
    if not found.items:
        return None
    shown = [one for one in found.items if one.importance >= LEAST][:MOST]
    items = shown[::-1]
    most = max(one.importance for one in items)
    return Chart(
        name="importances",
        title="Importances",
        caption=_caption(found, len(found.items) - len(shown)),
        data=[
            {
                "type": "bar",
                "orientation": "h",
                "y": [one.name for one in items],
                "x": compact(one.importance for one in items),
                "customdata": [one.trials for one in items],
                "marker": {"color": COLOR, "opacity": 0.85},
                "texttemplate": "%{x:.0%}",
                "textposition": "outside",
                "cliponaxis": False,
                "hovertemplate": "%{y}: %{x:.1%}, of %{customdata:,} trials<extra></extra>",
            }
        ],
        layout=layout(
            96 + ROW_PIXELS * len(items),
            hovermode="closest",
            bargap=0.35,
            xaxis=axis("importance", range=[0, 1.15 * most], tickformat=".0%"),
            yaxis=axis("", type="category", tickformat="", showgrid=False),
        ),
    )


def _caption(found: Importances, left_out: int) -> str:
    told = (
        f"Share of each coordinate in what tells the best {percent(found.quantile)} of "
        f"{found.trials:,} scored trials from all others ({found.method}). They describe what this "
        "search saw and prove nothing."
    )
    return told if not left_out else f"{told} {left_out} that hardly decided are left out."
