"""Chart: the search, trial by trial, and the same scores over the peak.

The one idea: the axis shows the scores that compete; those far off, and trials that diverged, stand
at its worse edge under their own marks, so that one blow-up does not flatten everything else.
"""

from collections.abc import Mapping, Sequence

from service.ui.arms import Outcome
from service.ui.charts.chart import Chart, Json, Key, View, axis, layout, log_axis
from service.ui.charts.marks import (
    SHOWN,
    few,
    records,
    ring,
    size_of,
    symbol,
    told_thinned,
    words,
)
from service.ui.charts.ranges import held, is_beyond, padded, span
from service.ui.looks import INK, Look
from service.ui.typeset import compact
from tuning.records import Direction, Metric

BEST = "best so far"
LEGEND = (
    "Mean of the last iterate over the paired seeds. Open marks are baselines, the dotted line is "
    "the best so far, the ring marks the best."
)


def search_chart(
    found: Sequence[Outcome], metric: Metric, looked: Mapping[str, Look], winner: int | None
) -> Chart:
    """Draw the outcomes of a search, one mark per trial, a ring around trial `winner`."""
    ended = [one for one in found if one.state in SHOWN]
    best = records(ended, metric.direction)
    frame = span([one.score for one in ended if one.score is not None], metric.direction)
    kept = {one.number for one in best} | ({winner} if winner is not None else set())
    shown = few(ended, kept)
    families = [family for family in looked if any(one.family == family for one in shown)]
    by_family = {family: [one for one in shown if one.family == family] for family in families}
    ringed = [one for one in shown if one.number == winner]
    groups = [*by_family.values(), ringed]
    by_trial = [{"x": [one.number for one in group]} for group in groups]
    by_peak = [{"x": compact(one.peak for one in group)} for group in groups]
    return Chart(
        name="search",
        title="Search",
        caption=_caption(ended, metric, frame, len(shown)),
        data=[
            _best_line(ended, best),
            *(
                _marks(family, group, metric, looked[family], frame, size_of(len(shown)))
                for family, group in by_family.items()
            ),
            ring(ringed),
        ],
        layout=layout(
            420,
            hovermode="closest",
            xaxis=axis("trial"),
            yaxis=axis(
                f"{metric.name} on validation",
                range=padded(*frame),
                showticklabels=any(one.score is not None for one in ended),
            ),
        ),
        views=(
            View("by trial", {}, [{"visible": True}, *by_trial]),
            View("by peak", {"xaxis": _over_peak(shown)}, [{"visible": False}, *by_peak]),
        ),
        keys=tuple(Key(family, family, looked[family], is_mark=True) for family in families),
    )


def _over_peak(found: Sequence[Outcome]) -> Json:
    peaks = [one.peak for one in found] or [1.0]
    title = {"title": {"text": "peak learning rate"}, "autorange": False}
    return {**title, **log_axis(min(peaks) / 1.2, max(peaks) * 1.2)}


def _marks(
    family: str,
    found: Sequence[Outcome],
    metric: Metric,
    look: Look,
    frame: tuple[float, float],
    size: float,
) -> Json:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": family,
        "legendgroup": family,
        "x": [one.number for one in found],
        "y": compact(held(one.score, frame, metric.direction) for one in found),
        "marker": {
            "color": look.light,
            "size": size,
            "symbol": [symbol(one, look, frame, metric.direction) for one in found],
            "line": {"width": 1.6, "color": look.light},
        },
        "cliponaxis": False,
        "text": [words(one, metric) for one in found],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _best_line(found: Sequence[Outcome], best: Sequence[Outcome]) -> Json:
    last = [found[-1].number] if best else []
    return {
        "type": "scatter",
        "mode": "lines",
        "name": BEST,
        "legendgroup": BEST,
        "x": [*(one.number for one in best), *last],
        "y": compact(one.score for one in (*best, *best[-1:])),
        "line": {"color": INK[0], "width": 1.5, "shape": "hv", "dash": "dot"},
        "hoverinfo": "skip",
    }


def _caption(
    found: Sequence[Outcome], metric: Metric, frame: tuple[float, float], shown: int
) -> str:
    """How to read the marks, and how many stand at the edge."""
    parts = [LEGEND]
    far = sum(one.score is not None and is_beyond(one.score, frame) for one in found)
    diverged = sum(one.score is None for one in found)
    edge = "top" if metric.direction is Direction.MINIMIZE else "bottom"
    if far:
        parts.append(f"{far:,} scored beyond the {edge} edge (arrows there).")
    if diverged:
        parts.append(f"{diverged:,} diverged (crosses at the {edge} edge).")
    return " ".join((*parts, told_thinned(shown, len(found)))).strip()
