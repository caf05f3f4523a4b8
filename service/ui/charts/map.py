"""Chart: the map of the search, peak against a coordinate of the shape, coloured by score.

The one idea: where the good schedules lie, one view per coordinate that was searched; the score is
told by lightness and the family by its mark, so neither needs an eye for colours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from service.ui.arms import Outcome
from service.ui.charts.chart import Chart, Json, Key, View, axis, layout, log_axis
from service.ui.charts.marks import SHOWN, few, records, ring, size_of, told_thinned, words
from service.ui.charts.ranges import span
from service.ui.looks import CROSSED, GROUND, INKED, MUTED, Look, scale
from service.ui.typeset import compact
from tuning.records import Direction, Metric, ParameterValue
from tuning.schedules import PARAMETERS

MOST_VIEWS = 12
NOT_SHAPE = {"family", "peak"}
LOST = "lost"


def map_chart(
    found: Sequence[Outcome], metric: Metric, looked: Mapping[str, Look], winner: int | None
) -> Chart | None:
    """Draw the trials over peak and shape; None unless some coordinate had two values."""
    ended = [one for one in found if one.state in SHOWN and one.family in looked]
    names = coordinates(ended)
    scores = [one.score for one in ended if one.score is not None]
    if not names or not scores:
        return None
    kept = {one.number for one in records(ended, metric.direction)}
    shown = few(ended, kept if winner is None else kept | {winner})
    groups = _by_family(shown, looked)
    ringed = [one for one in shown if one.number == winner]
    return Chart(
        name="map",
        title="Map",
        caption=_caption(metric, told_thinned(len(shown), len(ended))),
        data=[
            *(
                _marks(name, group, metric, looked.get(name), size_of(len(shown)) + 1)
                for name, group in groups.items()
            ),
            {**ring(ringed), "x": compact(one.peak for one in ringed)},
        ],
        layout=layout(
            460,
            hovermode="closest",
            xaxis={**axis("peak learning rate"), **_peaks(shown)},
            yaxis=axis(names[0]),
            coloraxis=_colors(span(scores, metric.direction), metric),
        ),
        views=tuple(
            View(
                name,
                {"yaxis": _axis(name)},
                [
                    {"y": [_place(one, name) for one in group]}
                    for group in (*groups.values(), ringed)
                ],
            )
            for name in names
        ),
        keys=tuple(Key(name, name, _inked(looked.get(name)), is_mark=True) for name in groups),
    )


def coordinates(found: Sequence[Outcome]) -> list[str]:
    """Coordinates of the shape that had more than one value, those of the most values first."""
    seen: dict[str, set[ParameterValue]] = {}
    for one in found:
        for name, value in one.params.items():
            seen.setdefault(name, set()).add(value)
    free = [name for name in PARAMETERS if name not in NOT_SHAPE and len(seen.get(name, ())) > 1]
    return sorted(free, key=lambda name: -len(seen[name]))[:MOST_VIEWS]


def _by_family(found: Sequence[Outcome], looked: Mapping[str, Look]) -> dict[str, list[Outcome]]:
    """Trials that have a score by family, behind them those that were lost."""
    groups = {LOST: [one for one in found if one.score is None]}
    for family in looked:
        groups[family] = [one for one in found if one.family == family and one.score is not None]
    return {name: group for name, group in groups.items() if group}


def _marks(
    name: str, found: Sequence[Outcome], metric: Metric, look: Look | None, size: float
) -> Json:
    lost = {"symbol": "x-thin", "size": 8, "line": {"width": 1.4, "color": MUTED[0]}}
    scored = {
        "color": compact(one.score for one in found),
        "coloraxis": "coloraxis",
        "symbol": look.symbol if look else "circle",
        "size": size,
        "line": {"width": 0.8, "color": GROUND[0]},
    }
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "legendgroup": name,
        "x": compact(one.peak for one in found),
        "marker": scored if look else lost,
        "cliponaxis": False,
        "text": [words(one, metric) for one in found],
        "hovertemplate": "%{text}<extra></extra>",
    }


def _place(one: Outcome, name: str) -> ParameterValue | None:
    value = one.params.get(name)
    return float(f"{value:.3g}") if isinstance(value, float) else value


def _axis(name: str) -> Json:
    parameter = PARAMETERS[name]
    if parameter.kind == "choice":
        return {"title": {"text": name}, "type": "category", "tickformat": ""}
    return {"title": {"text": name}, "type": "log" if parameter.log else "linear"}


def _peaks(found: Sequence[Outcome]) -> Json:
    peaks = [one.peak for one in found]
    return {**log_axis(min(peaks) / 1.2, max(peaks) * 1.2), "autorange": False}


def _colors(frame: tuple[float, float], metric: Metric) -> Json:
    low, high = compact(frame)
    return {
        "colorscale": scale(is_low_best=metric.direction is Direction.MINIMIZE),
        "cmin": low,
        "cmax": high,
        "colorbar": {
            "title": {"text": metric.name, "side": "right"},
            "thickness": 12,
            "outlinewidth": 0,
            "len": 0.9,
            "nticks": 6,
            "tickformat": "~g",
        },
    }


def _inked(look: Look | None) -> Look:
    """The mark of a family without its colour, which here is the score's; of the lost, a cross."""
    return CROSSED if look is None else replace(INKED, symbol=look.symbol)


def _caption(metric: Metric, thinned: str) -> str:
    better = "lower" if metric.direction is Direction.MINIMIZE else "higher"
    told = (
        f"One mark per trial, its shape is the family; colour is {metric.name} on validation: "
        f"{better} is better and stands out most. Crosses were lost, the ring marks the best."
    )
    return f"{told} {thinned}".strip()
