"""Chart: the search, trial by trial, and the same scores over the peak.

The one idea: the axis shows the scores that compete; those far off, and trials that diverged, stand
at its worse edge under their own marks, so that one blow-up does not flatten everything else.
"""

from collections.abc import Mapping, Sequence
from html import escape
from statistics import quantiles

from service.ui.arms import Outcome
from service.ui.charts.chart import Chart, Json, Key, View, axis, layout, log_axis
from service.ui.looks import INK, Look
from service.ui.typeset import beside, compact, significant
from tuning.evidence.score import is_better
from tuning.records import Direction, Metric, Phase, TrialState

REACH = 2.5  # times the gap from the best score to the worse quartile is shown
BEST = "best so far"
LEGEND = (
    "Mean of the last iterate over the paired seeds. Open marks are baselines, the dotted line is "
    "the best so far, the ring marks the best."
)


def search_chart(
    found: Sequence[Outcome], metric: Metric, looked: Mapping[str, Look], winner: int | None
) -> Chart:
    """Draw the outcomes of a search, one mark per trial, a ring around trial `winner`."""
    shown = [one for one in found if one.state in {TrialState.COMPLETED, TrialState.DIVERGED}]
    low, high = _span([one.score for one in shown if one.score is not None], metric.direction)
    families = [family for family in looked if any(one.family == family for one in shown)]
    by_family = {family: [one for one in shown if one.family == family] for family in families}
    marks = [
        _marks(family, by_family[family], metric, looked[family], (low, high))
        for family in families
    ]
    ringed = [one for one in shown if one.trial.number == winner]
    groups = [*by_family.values(), ringed]
    by_trial = [{"x": [one.trial.number for one in group]} for group in groups]
    by_peak = [{"x": [one.trial.schedule.peak for one in group]} for group in groups]
    pad = 0.06 * (high - low)
    return Chart(
        name="search",
        title="Search",
        caption=_caption(shown, metric, (low, high)),
        data=[_best_line(shown, metric), *marks, _ring(ringed)],
        layout=layout(
            420,
            hovermode="closest",
            xaxis=axis("trial"),
            yaxis=axis(
                f"{metric.name} on validation",
                range=[low - pad, high + pad],
                showticklabels=any(one.score is not None for one in shown),
            ),
        ),
        views=(
            View("by trial", {}, [{"visible": True}, *by_trial]),
            View("by peak", {"xaxis": _over_peak(shown)}, [{"visible": False}, *by_peak]),
        ),
        keys=tuple(Key(family, family, looked[family], is_mark=True) for family in families),
    )


def _over_peak(found: Sequence[Outcome]) -> Json:
    peaks = [one.trial.schedule.peak for one in found] or [1.0]
    title = {"title": {"text": "peak learning rate"}, "autorange": False}
    return {**title, **log_axis(min(peaks) / 1.2, max(peaks) * 1.2)}


def _span(scores: Sequence[float], direction: Direction) -> tuple[float, float]:
    """The scores worth an axis: from the best to `REACH` times its gap to the worse quartile."""
    if len(scores) < 2 or min(scores) == max(scores):
        middle = scores[0] if scores else 0.5
        slack = abs(middle) * 0.01 or 0.5
        return middle - slack, middle + slack
    lower, _, upper = quantiles(scores, n=4, method="inclusive")
    low, high = min(scores), max(scores)
    if direction is Direction.MINIMIZE:
        return low, min(high, low + REACH * (upper - low)) if upper > low else high
    return max(low, high - REACH * (high - lower)) if lower < high else low, high


def _marks(
    family: str, found: Sequence[Outcome], metric: Metric, look: Look, span: tuple[float, float]
) -> Json:
    edge = span[1] if metric.direction is Direction.MINIMIZE else span[0]
    beyond = [_is_beyond(one, span) for one in found]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": family,
        "legendgroup": family,
        "x": [one.trial.number for one in found],
        "y": compact(edge if off else one.score for one, off in zip(found, beyond, strict=True)),
        "marker": {
            "color": look.light,
            "size": 9,
            "symbol": [
                _symbol(one, look, off, metric.direction)
                for one, off in zip(found, beyond, strict=True)
            ],
            "line": {"width": 1.6, "color": look.light},
        },
        "cliponaxis": False,
        "text": [_words(one, metric) for one in found],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _ring(found: Sequence[Outcome]) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "winner",
        "x": [one.trial.number for one in found],
        "y": compact(one.score for one in found),
        "marker": {"symbol": "circle-open", "size": 19, "color": INK[0], "line": {"width": 1.8}},
        "cliponaxis": False,
        "hoverinfo": "skip",
    }


def _is_beyond(one: Outcome, span: tuple[float, float]) -> bool:
    return one.score is None or not span[0] <= one.score <= span[1]


def _symbol(one: Outcome, look: Look, is_beyond: bool, direction: Direction) -> str:
    if one.score is None:
        return "x-thin"
    if is_beyond:
        return "arrow-up" if direction is Direction.MINIMIZE else "arrow-down"
    return f"{look.symbol}-open" if one.trial.phase is Phase.BASELINE else look.symbol


def _words(one: Outcome, metric: Metric) -> str:
    """What a pointer over a trial reads; foreign text is escaped, plotly reads some HTML."""
    if one.score is None:
        result = f"diverged: {escape(one.reason[:120])}"
    else:
        error = f" ± {significant(one.stderr, 2)}" if one.stderr else ""
        result = f"{escape(metric.name)} {beside(one.score, one.stderr)}{error}"
    params = (
        f"{name} {significant(value, 3) if isinstance(value, int | float) else escape(value)}"
        for name, value in one.trial.params.items()
        if name != "family"
    )
    title = f"<b>{one.family}</b>, trial {one.trial.number} ({one.trial.phase.value})"
    return "<br>".join((title, result, *params))


def _best_line(found: Sequence[Outcome], metric: Metric) -> Json:
    numbers: list[int] = []
    values: list[float | None] = []
    best: float | None = None
    for one in found:
        if one.score is not None and (best is None or is_better(one.score, best, metric.direction)):
            best = one.score
            numbers.append(one.trial.number)
            values.append(best)
    if found and numbers:
        numbers.append(found[-1].trial.number)
        values.append(best)
    return {
        "type": "scatter",
        "mode": "lines",
        "name": BEST,
        "legendgroup": BEST,
        "x": numbers,
        "y": compact(values),
        "line": {"color": INK[0], "width": 1.5, "shape": "hv", "dash": "dot"},
        "hoverinfo": "skip",
    }


def _caption(found: Sequence[Outcome], metric: Metric, span: tuple[float, float]) -> str:
    """How to read the marks, and how many stand at the edge."""
    parts = [LEGEND]
    far = sum(one.score is not None and _is_beyond(one, span) for one in found)
    diverged = sum(one.score is None for one in found)
    edge = "top" if metric.direction is Direction.MINIMIZE else "bottom"
    if far:
        parts.append(f"{far} scored beyond the {edge} edge (arrows there).")
    if diverged:
        parts.append(f"{diverged} diverged (crosses at the {edge} edge).")
    return " ".join(parts)
