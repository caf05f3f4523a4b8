"""Two panels: what was measured over the updates, and the learning rate under it.

The one idea: one axis of updates for both, so that a loss stands above the rate that caused it.
Not here: whose curves they are (`losses`, `live`, `run`).
"""

from service.ui.charts.chart import Json, axis, layout


def panels(measured: str, height: int = 520, **more: object) -> Json:
    """The layout; traces of the lower panel say `yaxis: y2`."""
    return layout(
        height,
        **{
            "hovermode": "x unified",
            "xaxis": axis("updates made", showgrid=False, tickformat=",d", anchor="y2"),
            "yaxis": axis(measured, domain=[0.32, 1.0]),
            "yaxis2": axis("learning rate", domain=[0.0, 0.24], rangemode="tozero", nticks=3),
            **more,
        },
    )
