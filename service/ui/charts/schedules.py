"""Chart: the winning schedule against every baseline at its best peak.

The one idea: learning rates over updates, exactly as they are trained with; the logarithmic view
shows the small steps near the end, where schedules differ most.
"""

from collections.abc import Sequence

from service.ui.arms import ArmView
from service.ui.charts.chart import Chart, Json, Key, View, axis, layout, log_axis
from service.ui.looks import band
from service.ui.typeset import compact

DECADES = 4.0  # shown below the highest peak on a logarithmic axis


def schedules_chart(arms: Sequence[ArmView], horizon: int) -> Chart:
    """Draw the schedules of `arms`, the winner on top."""
    drawn = [_line(arm) for arm in reversed(arms)]
    highest = max((arm.trial.schedule.peak for arm in arms), default=1.0) or 1.0
    filled = [{"fill": line["fill"]} for line in drawn]
    return Chart(
        name="schedules",
        title="Schedules",
        caption="Learning rate of every update. Each baseline is shown at the best of its peaks.",
        data=drawn,
        layout=layout(
            400,
            hovermode="x unified",
            xaxis=axis("update", range=[0, horizon], showgrid=False, tickformat=",d"),
            yaxis=axis("learning rate", rangemode="tozero"),
        ),
        views=(
            View("linear", {"yaxis": {"type": "linear", "range": [0, 1.06 * highest]}}, filled),
            View(
                "log",
                {"yaxis": log_axis(*_decades(arms, highest))},
                [{"fill": "none"} for _ in drawn],
            ),
        ),
        keys=arm_keys(arms),
    )


def arm_keys(arms: Sequence[ArmView]) -> tuple[Key, ...]:
    """The legend of a chart that draws arms."""
    return tuple(
        Key(arm.group, arm.label, arm.look, arm.is_winner, arm.dash != "solid") for arm in arms
    )


def _line(arm: ArmView) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": arm.label,
        "legendgroup": arm.group,
        "x": arm.steps,
        "y": compact(arm.lrs),
        "line": {
            "color": arm.look.light,
            "width": 3.5 if arm.is_winner else 1.6,
            "dash": arm.dash,
            "simplify": False,
        },
        "fill": "tozeroy" if arm.is_winner else "none",
        "fillcolor": band(arm.look.light),
        "hovertemplate": "%{y:.4g}",
    }


def _decades(arms: Sequence[ArmView], highest: float) -> tuple[float, float]:
    """From below the lowest positive rate, at most `DECADES` down, to above the peak."""
    lowest = min((lr for arm in arms for lr in arm.lrs if lr > 0.0), default=highest)
    return max(lowest, highest * 10.0**-DECADES) / 1.25, highest * 1.4
