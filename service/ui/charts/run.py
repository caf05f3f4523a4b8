"""Chart: one run: what it measured, the learning rate it had, and where it diverged.

The one idea: the realised rate stands under the loss, beside the planned one where both are known:
feedback, a diverged training or a trainer that did something else are seen at once.
"""

from collections.abc import Mapping, Sequence

from service.ui.charts.chart import Chart, Json, View, log_axis
from service.ui.charts.panels import panels
from service.ui.charts.ranges import linear
from service.ui.looks import COLORS, INK, MUTED
from service.ui.typeset import compact
from tuning.records import Metric

LR = "lr"
CURVE, LOST = COLORS[1][0], COLORS[8][0]
MOST_METRICS = 6


def run_chart(
    metric: Metric,
    updates: int,
    curves: Mapping[str, tuple[Sequence[int], Sequence[float | None]]],
    planned: tuple[Sequence[int], Sequence[float]],
    diverged_at: int | None = None,
    unmeasured: str = "The run has measured nothing.",
) -> Chart:
    """Draw a run.

    Args:
        metric: the compared one, which is drawn first.
        updates: after which the run ends.
        curves: steps and values by metric, None where a value is not finite; `lr` is the realised
            learning rate.
        planned: updates and learning rates as the schedule has them.
        diverged_at: updates that were made when it diverged; None if it did not.
        unmeasured: what is said where there are no curves.
    """
    names = sorted((name for name in curves if name != LR), key=lambda name: name != metric.name)
    names = names[:MOST_METRICS]
    rates = [_rate(planned, INK[0] if LR not in curves else MUTED[0], is_planned=True)]
    if LR in curves:
        rates.append(_rate(curves[LR], INK[0], is_planned=False))
    drawn = [_curve(name, *curves[name]) for name in names]
    lower = [{"visible": True}] * len(rates)
    return Chart(
        name="run",
        title="Run",
        caption=_caption(LR in curves, diverged_at, "" if names else unmeasured),
        data=[*drawn, *rates],
        layout=panels("", shapes=[] if diverged_at is None else [_mark(diverged_at)]),
        views=tuple(
            View(
                title,
                {
                    "xaxis": {"range": [0, updates]},
                    "yaxis": {"title": {"text": _title(name, metric)}, **scale},
                },
                [*({"visible": other == name} for other in names), *lower],
            )
            for name in names or [metric.name]
            for title, scale in _scales(name, curves.get(name, ((), ()))[1], metric)
        ),
    )


def _title(name: str, metric: Metric) -> str:
    """Trainers measure the compared metric on validation; of others only they know."""
    return f"{name} on validation" if name == metric.name else name


def _scales(name: str, values: Sequence[float | None], metric: Metric) -> list[tuple[str, Json]]:
    """Every metric on a linear axis, the compared one also on a logarithmic one."""
    known = [value for value in values if value is not None]
    if not known:
        return [(name, {"showticklabels": False})]
    found = [(name, linear(min(known), max(known)))]
    if name == metric.name and min(known) > 0.0:
        found.append((f"{name}, log", log_axis(min(known) / 1.05, max(known) * 1.05)))
    return found


def _curve(name: str, steps: Sequence[int], values: Sequence[float | None]) -> Json:
    return {
        "type": "scatter",
        "mode": "lines",
        "name": name,
        "x": list(steps),
        "y": compact(values),
        "line": {"color": CURVE, "width": 2.2},
        "hovertemplate": "%{y:.5g}",
    }


def _rate(
    rates: tuple[Sequence[int], Sequence[float | None]], color: str, *, is_planned: bool
) -> Json:
    steps, values = rates
    return {
        "type": "scatter",
        "mode": "lines",
        "name": "planned lr" if is_planned else "lr",
        "yaxis": "y2",
        "x": list(steps),
        "y": compact(values),
        "line": {
            "color": color,
            "width": 1.4 if is_planned else 2,
            "dash": "dot" if is_planned else "solid",
            "simplify": False,
        },
        "hovertemplate": "%{y:.4g}",
    }


def _mark(step: int) -> Json:
    """A line through both panels where the run diverged."""
    line = {"color": LOST, "width": 1.8, "dash": "dash"}
    label = {"text": f"diverged after update {step:,}", "font": {"color": LOST}, "textangle": 0}
    place = {"type": "line", "yref": "paper", "y0": 0, "y1": 1, "x0": step, "x1": step}
    return {**place, "line": line, "label": {**label, "textposition": "end"}}


def _caption(is_realised: bool, diverged_at: int | None, unmeasured: str) -> str:
    told = [
        f"{unmeasured} Below, the learning rate that is planned."
        if unmeasured
        else "What the run measured over its updates; below, its learning rate."
    ]
    if is_realised:
        told.append("Dotted: as planned.")
    if diverged_at is not None:
        told.append("Dashed: where it diverged.")
    return " ".join(told)
