"""Chart: the rungs: scores over the horizons that trials were trained over, and who went on.

The one idea: a line joins what one schedule reached over T/4, T/2 and T; lines that end early were
not promoted. What counts on a rung is the order, so places are a view of their own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from html import escape

from service.ui.charts.chart import Chart, Json, Key, View, axis, layout
from service.ui.charts.marks import MOST, lot
from service.ui.charts.ranges import held, padded, span
from service.ui.climbs import Climb
from service.ui.looks import Look
from service.ui.typeset import compact, significant
from tuning.evidence.score import sign_of
from tuning.records import Metric, Pruning, StudySpec

SIMPLE = 64  # largest denominator of a share of the horizon that is written as a fraction


@dataclass(frozen=True, slots=True)
class Rung:
    """Updates of training, the scores on them worth an axis, and by trial its place among all."""

    updates: int
    frame: tuple[float, float]
    places: Mapping[int, int]


def rungs_chart(
    spec: StudySpec, climbs: Sequence[Climb], looked: Mapping[str, Look]
) -> Chart | None:
    """Draw who climbed how far; None if everything was trained over one horizon."""
    known = [one for one in climbs if one.scores and one.family in looked]
    rungs = [
        _rung(updates, known, spec.metric)
        for updates in sorted({updates for one in known for updates in one.scores})
    ]
    if len(rungs) < 2:
        return None
    shown = _few(known, spec.metric)
    groups = {family: [one for one in shown if one.family == family] for family in looked}
    groups = {family: group for family, group in groups.items() if group}
    return Chart(
        name="rungs",
        title="Rungs",
        caption=_caption(spec, len(shown), len(known)),
        data=[
            _lines(group, rungs, looked[family], spec.metric) for family, group in groups.items()
        ],
        layout=layout(
            420,
            hovermode="closest",
            xaxis=axis(
                "",
                range=[-0.3, len(rungs) - 0.7],
                tickmode="array",
                tickangle=0,
                tickvals=list(range(len(rungs))),
                ticktext=[_tick(spec, rung.updates, known) for rung in rungs],
            ),
            yaxis=axis(""),
        ),
        views=(
            View(
                "scores",
                {"yaxis": _score_axis(rungs, spec.metric)},
                [{"y": _scores(group, rungs, spec.metric)} for group in groups.values()],
            ),
            View(
                "places",
                {"yaxis": _place_axis(rungs)},
                [{"y": _places(group, rungs)} for group in groups.values()],
            ),
        ),
        keys=tuple(Key(family, family, looked[family], is_mark=True) for family in groups),
    )


def _rung(updates: int, climbs: Sequence[Climb], metric: Metric) -> Rung:
    sign = sign_of(metric.direction)
    scored = sorted(
        (sign * score, one.number)
        for one in climbs
        if (score := one.scores.get(updates)) is not None
    )
    return Rung(
        updates,
        span([sign * score for score, _ in scored], metric.direction),
        {number: place for place, (_, number) in enumerate(scored, 1)},
    )


def _few(climbs: Sequence[Climb], metric: Metric) -> list[Climb]:
    """At most `MOST` marks: half for the best of who climbed highest, half for others by lot."""
    if sum(len(one.scores) for one in climbs) <= MOST:
        return list(climbs)
    sign = sign_of(metric.direction)

    def merit(one: Climb) -> tuple[int, bool, float, int]:
        score = one.scores[one.top]
        return -one.top, score is None, sign * (score or 0.0), one.number

    best = _until(sorted(climbs, key=merit), MOST // 2)
    others = (one for one in climbs if one.number not in best)
    drawn = _until(sorted(others, key=lambda one: lot(one.number)), MOST // 2)
    return [one for one in climbs if one.number in best | drawn]


def _until(climbs: Iterable[Climb], most: int) -> set[int]:
    """The first ones, as far as they have so many marks."""
    kept: set[int] = set()
    for one in climbs:
        most -= len(one.scores)
        if most < 0:
            break
        kept.add(one.number)
    return kept


def _lines(climbs: Sequence[Climb], rungs: Sequence[Rung], look: Look, metric: Metric) -> Json:
    """All trials of a family as one broken line."""
    last = rungs[-1].updates
    at = {rung.updates: number for number, rung in enumerate(rungs)}
    x: list[int | None] = []
    symbols, text = [], []
    for one in climbs:
        for updates in sorted(one.scores):
            stays = updates == one.top < last
            x.append(at[updates])
            symbols.append(_symbol(one, updates, look, stays=stays))
            text.append(_words(one, updates, metric, stays=stays))
        x.append(None)
        symbols.append(look.symbol)
        text.append("")
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": climbs[0].family,
        "legendgroup": climbs[0].family,
        "x": x,
        "text": text,
        "hovertemplate": "%{text}<extra></extra>",
        "line": {"color": look.light, "width": 1.1},
        "marker": {
            "color": look.light,
            "symbol": symbols,
            "size": 7.5,
            "line": {"width": 1.4, "color": look.light},
        },
        "opacity": 0.8,
        "cliponaxis": False,
    }


def _symbol(one: Climb, updates: int, look: Look, *, stays: bool) -> str:
    if one.scores[updates] is None:
        return "x-thin"
    return f"{look.symbol}-open" if stays else look.symbol


def _words(one: Climb, updates: int, metric: Metric, *, stays: bool) -> str:
    score = one.scores[updates]
    told = "lost" if score is None else f"{escape(metric.name)} {significant(score)}"
    after = "<br>went no further" if stays and score is not None else ""
    title = f"<b>{escape(one.family)}</b>, trial {one.number} ({one.phase})"
    return f"{title}<br>{updates:,} updates: {told}{after}"


def _scores(climbs: Sequence[Climb], rungs: Sequence[Rung], metric: Metric) -> list[float | None]:
    """Heights of `_lines`: what is far off, or was lost, stands at the worse edge of its rung."""
    frames = {rung.updates: rung.frame for rung in rungs}
    heights: list[float | None] = []
    for one in climbs:
        for updates, score in sorted(one.scores.items()):
            heights.append(held(score, frames[updates], metric.direction))
        heights.append(None)
    return compact(heights)


def _places(climbs: Sequence[Climb], rungs: Sequence[Rung]) -> list[int | None]:
    """Heights of `_lines`: who was lost stands behind the last."""
    places = {rung.updates: rung.places for rung in rungs}
    return [
        None if updates is None else places[updates].get(one.number, len(places[updates]) + 1)
        for one in climbs
        for updates in (*sorted(one.scores), None)
    ]


def _score_axis(rungs: Sequence[Rung], metric: Metric) -> Json:
    ends = [end for rung in rungs for end in rung.frame]
    title = {"text": f"{metric.name} on validation"}
    return {"title": title, "range": padded(min(ends), max(ends)), "tickformat": "~g"}


def _place_axis(rungs: Sequence[Rung]) -> Json:
    last = 1 + max(len(rung.places) for rung in rungs)
    title = {"text": "place among all on the rung"}
    return {"title": title, "range": [1.03 * last + 0.5, 0.5 - 0.03 * last], "tickformat": ",d"}


def _tick(spec: StudySpec, updates: int, climbs: Sequence[Climb]) -> str:
    """The share of the horizon, the updates, and how many were trained and went on."""
    here = [one for one in climbs if updates in one.scores]
    further = sum(one.top > updates for one in here)
    told = [
        f"<b>{_share(updates, spec.horizon)}</b>",
        f"{updates:,} updates",
        f"{len(here):,} trials",
    ]
    return "<br>".join([*told, *([f"{further:,} went on"] if further else [])])


def _share(updates: int, horizon: int) -> str:
    """An amount of training as a share of the horizon.

    >>> _share(25, 100), _share(75, 100), _share(100, 100)
    ('T/4', '3T/4', 'T')
    """
    share = Fraction(updates, horizon).limit_denominator(SIMPLE)
    times = "" if share.numerator == 1 else str(share.numerator)
    return f"{times}T" + ("" if share.denominator == 1 else f"/{share.denominator}")


def _caption(spec: StudySpec, shown: int, known: int) -> str:
    what = (
        "The same shapes over shorter horizons."
        if spec.pruning is Pruning.NONE
        else f"Prefixes of the full training, at whose ends {spec.pruning} prunes."
    )
    told = (
        f"{what} A line joins what one trial reached; open marks went no further, crosses were "
        "lost."
    )
    if shown < known:
        told += f" Of {known:,} trials {shown:,} are drawn, the best among them."
    return told
