"""Chart: what a wrong peak, or another warmup, costs the winner.

The one idea: nobody hits a peak exactly, so the paired differences to the winner stand over the
factor by which its peak was missed, with the range that costs at most 1 % behind them.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from service.ui.charts.chart import Chart, Json, View, axis, layout
from service.ui.charts.ranges import padded
from service.ui.looks import COLORS, INK, MUTED, band
from service.ui.typeset import compact, percent, significant

SAFE = COLORS[3][0]
LOST = COLORS[8][0]
PEAK = "peak"
ROOM = 1.25  # beyond the farthest factor


def sensitivity_chart(verdict: Mapping[str, Any] | None, metric: str) -> Chart | None:
    """Draw the variants of the winner that were measured; None if there are none."""
    if verdict is None or not verdict.get("sensitivity"):
        return None
    winner = verdict["arms"][0]
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for one in verdict["sensitivity"]:
        groups.setdefault(one["parameter"], []).append(one)
    names = sorted(groups, key=lambda name: name != PEAK)
    costs = _costs(verdict["sensitivity"])
    drawn = [
        trace
        for name in names
        for trace in _traces(groups[name], winner["peak"] if name == PEAK else None, max(costs))
    ]
    per_view = len(drawn) // len(names)
    return Chart(
        name="sensitivity",
        title="Sensitivity",
        caption=_caption(verdict),
        data=drawn,
        layout=layout(
            340,
            hovermode="closest",
            xaxis=axis("", showgrid=False),
            yaxis=axis(
                f"{metric} against the winner's",
                tickformat="+.2~%",
                range=padded(min(costs), max(costs)),
                zeroline=True,
                zerolinecolor=MUTED[0],
            ),
        ),
        views=tuple(
            View(
                name,
                {"xaxis": _axis(name, groups[name], winner), "shapes": _safe(name, verdict)},
                [{"visible": place // per_view == number} for place in range(len(drawn))],
            )
            for number, name in enumerate(names)
        ),
    )


def _costs(found: Sequence[Mapping[str, Any]]) -> list[float]:
    """All that the axis has to hold: the winner's zero, the differences and their intervals."""
    ends = [end for one in found if one["ci95"] for end in one["ci95"]]
    return [0.0, *ends, *(one["relative"] for one in found if one["relative"] is not None)]


def _traces(
    found: Sequence[Mapping[str, Any]], winner: float | None, edge: float
) -> tuple[Json, Json]:
    """What was measured, in order, with the winner among it; and what diverged, at the edge."""
    known = [one for one in found if one["relative"] is not None]
    points = [(one["value"], one["relative"], one["ci95"], _words(one)) for one in known]
    if winner is not None:
        points.append((winner, 0.0, None, "the winner"))
    points.sort(key=lambda point: point[0])
    lost = [one for one in found if one["diverged"]]
    measured = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": compact(value for value, *_ in points),
        "y": compact(relative for _, relative, *_ in points),
        "text": [words for *_, words in points],
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": INK[0], "width": 1.6, "dash": "dot"},
        "marker": {"color": INK[0], "size": 9},
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": compact(ends[1] - y if ends else 0.0 for _, y, ends, _ in points),
            "arrayminus": compact(y - ends[0] if ends else 0.0 for _, y, ends, _ in points),
            "color": MUTED[0],
            "thickness": 1.6,
        },
    }
    crosses = {
        "type": "scatter",
        "mode": "markers",
        "x": compact(one["value"] for one in lost),
        "y": compact(edge for _ in lost),
        "text": [_words(one) for one in lost],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {"symbol": "x-thin", "size": 11, "line": {"color": LOST, "width": 2.4}},
        "cliponaxis": False,
    }
    return measured, crosses


def _words(one: Mapping[str, Any]) -> str:
    told = [f"{one['parameter']} {significant(one['value'], 3)}"]
    if one["factor"] is not None:
        told[0] += f", x{one['factor']:.3g}"
    if one["relative"] is not None:
        told.append(f"{percent(one['relative'], signed=True)} on {one['seeds']} seeds")
    if one["ci95"]:
        told.append(" to ".join(percent(end, signed=True) for end in one["ci95"]))
    if one["diverged"]:
        told.append(f"{one['diverged']} diverged")
    return "<br>".join(told)


def _axis(name: str, found: Sequence[Mapping[str, Any]], winner: Mapping[str, Any]) -> Json:
    values = [one["value"] for one in found]
    if name != PEAK:
        return {"title": {"text": name}, "type": "linear", "tickmode": "array", "tickvals": values}
    places = sorted({*values, winner["peak"]})
    return {
        "title": {"text": "peak, and its factor of the winner's"},
        "type": "log",
        "range": [math.log10(places[0] / ROOM), math.log10(places[-1] * ROOM)],
        "tickmode": "array",
        "tickvals": places,
        "ticktext": [f"{significant(x, 3)}<br>x{x / winner['peak']:.2g}" for x in places],
    }


def _safe(name: str, verdict: Mapping[str, Any]) -> list[Json]:
    """The peaks that cost at most 1 %, as a band behind the lines."""
    ends = verdict.get("peak_safe_range")
    if name != PEAK or ends is None:
        return []
    box = {"type": "rect", "yref": "paper", "y0": 0, "y1": 1, "x0": ends[0], "x1": ends[1]}
    return [{**box, "layer": "below", "fillcolor": band(SAFE), "line": {"width": 0}}]


def _caption(verdict: Mapping[str, Any]) -> str:
    words = "Paired differences to the winner on fresh seeds, with 95 % intervals."
    ends = verdict.get("peak_safe_range")
    if ends is None:
        return words
    told = " to ".join(significant(end, 3) for end in ends)
    return f"{words} In the shaded range, {told}, a peak costs at most 1 %."
