"""Chart: the frame of the workbench, into which its script puts curves and findings.

The one idea: axes, colours and marks are those of all charts; what changes while somebody moves a
slider is numbers alone.
Not here: the numbers (`POST /v1/schedules:preview`), the script (`static/workbench-chart.js`).
"""

from typing import Any

from service.ui.charts.chart import Json, axis, layout
from service.ui.looks import COLORS, GRID, GROUND, INK, band

HEIGHT, SECOND = 460, 190  # pixels of the chart, and what a second panel adds
UPPER, LOWER = (0.38, 1.0), (0.0, 0.27)  # what two panels take of the height
# Of findings by how bad they are: colour and mark; the mark alone tells them apart.
SEVERITIES = {"error": (8, "x"), "warning": (2, "triangle-up"), "info": (6, "circle")}


def bench_frame() -> Json:
    """Layouts of one and of two panels, and how findings are marked."""
    shared: dict[str, Any] = {
        "hovermode": "x",
        "xaxis": axis("update", showgrid=False, tickformat=",d", rangemode="tozero"),
    }
    return {
        "single": layout(HEIGHT, **shared, yaxis=axis("learning rate", rangemode="tozero")),
        "double": layout(
            HEIGHT + SECOND,
            hovermode="x",
            xaxis={**shared["xaxis"], "anchor": "y2"},
            yaxis=axis("learning rate", rangemode="tozero", domain=list(UPPER)),
            yaxis2=axis("", domain=list(LOWER), gridcolor=GRID[0]),
        ),
        "severities": {
            name: {"color": COLORS[number][0], "band": band(COLORS[number][0]), "symbol": symbol}
            for name, (number, symbol) in SEVERITIES.items()
        },
        "ink": INK[0],
        "ground": GROUND[0],
    }
