"""Chart: the runs in training now, as far as they are, with their learning rates under them.

The one idea: a line per run in the colour of its family, over the whole horizon, so that one sees
how far each is; what a run has not measured yet is not guessed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from service.ui.charts.chart import Chart, Json, Key, View, layout, log_axis
from service.ui.charts.panels import panels
from service.ui.charts.ranges import linear, span
from service.ui.looks import INKED, MUTED, Look
from service.ui.typeset import compact
from tuning.records import Direction, Metric, Phase

LR = "lr"
MOST = 24  # runs; more lines are a carpet
HEIGHT = 460
NOBODY = "No run is in training"
FALL = 0.1  # share of the measured steps that may leave the linear frame


@dataclass(frozen=True, slots=True)
class Under:
    """A run under way: what it measured until now, None where that is not finite."""

    run: str
    trial: int
    family: str
    phase: Phase
    seed: int
    updates: int
    steps: Sequence[int]
    values: Mapping[str, Sequence[float | None]]


def live_chart(
    runs: Sequence[Under], total: int, metric: Metric, looked: Mapping[str, Look]
) -> Chart:
    """Draw those of `total` runs in training that have measured something.

    If none has, the chart says so in its place: what is there now and then must not move the page.
    """
    known = [one for one in runs if any(v is not None for v in one.values.get(metric.name, ()))]
    if not known:
        return _waiting(total)
    shown = known[:MOST]
    families = [family for family in looked if any(one.family == family for one in shown)]
    numbers = [v for one in shown for v in one.values[metric.name] if v is not None]
    whole = {"range": [0, max(one.updates for one in shown)]}
    views = [View("linear", {"xaxis": whole, "yaxis": linear(*_frame(shown, metric))})]
    if min(numbers) > 0.0:
        log = log_axis(min(numbers) / 1.03, max(numbers) * 1.03)
        views.append(View("log", {"xaxis": whole, "yaxis": log}))
    upper = [_line(one, metric.name, looked.get(one.family, INKED), {}) for one in shown]
    lower = [_line(one, LR, looked.get(one.family, INKED), {"yaxis": "y2"}) for one in shown]
    return Chart(
        name="live",
        title="In training now",
        caption=_caption(len(shown), total, metric),
        data=[*upper, *lower],
        layout=panels(f"{metric.name} on validation", HEIGHT, hovermode="closest"),
        views=tuple(views),
        keys=tuple(Key(family, family, looked[family]) for family in families),
    )


def _waiting(total: int) -> Chart:
    told = f"{total} in training, none has measured anything yet" if total else NOBODY
    words = {"text": told, "showarrow": False, "font": {"color": MUTED[0], "size": 14}}
    place = {"xref": "paper", "yref": "paper", "x": 0.5, "y": 0.5}
    hidden = {"visible": False}
    return Chart(
        name="live",
        title="In training now",
        caption=f"{told}.",
        data=[],
        layout=layout(HEIGHT, xaxis=hidden, yaxis=hidden, annotations=[{**words, **place}]),
    )


def _line(one: Under, name: str, look: Look, more: Json) -> Json:
    values = compact(one.values.get(name, ()))
    title = f"<b>{escape(one.family)}</b>, trial {one.trial} ({one.phase}), seed {one.seed}"
    return {
        "type": "scatter",
        "mode": "lines+markers" if name != LR else "lines",
        "name": title,
        "legendgroup": one.family,
        "x": list(one.steps[: len(values)]),
        "y": values,
        "line": {"color": look.light, "width": 1.6},
        # A dot where it is now.
        "marker": {
            "color": look.light,
            "opacity": 1,
            "size": [*([0] * (len(values) - 1)), 8][: len(values)],
        },
        "hovertemplate": f"{title}<br>after %{{x:,}} updates: %{{y:.5g}}<extra></extra>",
        **more,
    }


def _frame(runs: Sequence[Under], metric: Metric) -> tuple[float, float]:
    """What competes after the first fall; a run that has only that is shown whole."""
    later = [
        value
        for one in runs
        for step, value in zip(one.steps, one.values[metric.name], strict=False)
        if value is not None and step >= FALL * one.updates
    ]
    everything = [v for one in runs for v in one.values[metric.name] if v is not None]
    low, high = span(later or everything, metric.direction)
    is_lower = metric.direction is Direction.MINIMIZE
    return (min(everything), high) if is_lower else (low, max(everything))


def _caption(shown: int, running: int, metric: Metric) -> str:
    told = f"{metric.name} of the runs in training, until now; below, their learning rates."
    waiting = running - shown
    if waiting:
        told += f" {waiting} more have measured nothing yet, or are left out."
    return told
