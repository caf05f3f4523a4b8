"""Chart: what is known of every family: P(best), its confirmed interval, its best in the search.

The one idea: three ways to look at the same families in one order, the likely ones on top; who
shares the first place stands in full colour, all others pale.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape

from service.schemas.results import FamilyConfirmed, FamilyEvidence, FamilyEvidenceList
from service.ui.charts.chart import Chart, Json, View, axis, layout
from service.ui.charts.ranges import padded
from service.ui.looks import GROUND, MUTED, Look, band
from service.ui.typeset import beside, compact, percent, significant
from tuning.records import Direction

ROW_PIXELS, LEAST_PIXELS = 34, 190
WORST_SHOWN = 3.0  # times the gap between the best and the middle family


def families_chart(evidence: FamilyEvidenceList, looked: Mapping[str, Look]) -> Chart | None:
    """Draw the families; None while none has a trial with a score, or a verdict."""
    items = [one for one in evidence.items if one.family in looked][::-1]
    searched = [one for one in items if one.best is not None]
    chosen = [one for one in items if one.chance is not None]
    confirmed = [one for one in items if _is_measured(one.confirmed)]
    drawn: list[tuple[Json, str, Json]] = []
    if chosen:
        drawn.append((_chances(chosen, looked), "P(best)", _share_axis()))
    if confirmed:
        drawn.append((_intervals(confirmed, looked), "confirmed", _value_axis(evidence, confirmed)))
    if searched:
        drawn.append((_bests(searched, looked), "in the search", _search_axis(evidence, searched)))
    if not drawn:
        return None
    return Chart(
        name="families",
        title="Families",
        caption=_caption(evidence, chosen),
        data=[trace for trace, *_ in drawn],
        layout=layout(
            _height(drawn[0][0]),
            hovermode="closest",
            bargap=0.35,
            xaxis=axis(""),
            yaxis=axis(
                "",
                type="category",
                tickformat="",
                showgrid=False,
                categoryorder="array",
                categoryarray=[one.family for one in items],
            ),
        ),
        views=tuple(
            View(
                name,
                {"xaxis": x, "height": _height(trace)},
                [{"visible": place == number} for place, _ in enumerate(drawn)],
            )
            for number, (trace, name, x) in enumerate(drawn)
        ),
    )


def _height(trace: Json) -> int:
    """So high that every family of a trace has its row."""
    return max(LEAST_PIXELS, 96 + ROW_PIXELS * len(trace["y"]))


def _is_measured(one: FamilyConfirmed | None) -> bool:
    return one is not None and one.validation is not None


def _is_first(one: FamilyEvidence) -> bool:
    return one.is_winner or bool(one.is_tie)


def _trace(
    items: Sequence[FamilyEvidence],
    x: Sequence[float | None],
    words: Callable[..., str],
    **more: object,
) -> Json:
    return {
        "y": [one.family for one in items],
        "x": compact(x),
        "text": [_title(one) + words(one) for one in items],
        "hovertemplate": "%{text}<extra></extra>",
        **more,
    }


def _title(one: FamilyEvidence) -> str:
    place = ""
    if one.is_winner:
        place = ", the winner"
    elif one.is_tie:
        place = ", shares the first place"
    return f"<b>{escape(one.family)}</b>{place}<br>"


def _chances(items: Sequence[FamilyEvidence], looked: Mapping[str, Look]) -> Json:
    colors = [looked[one.family].light for one in items]
    return _trace(
        items,
        [one.chance for one in items],
        lambda one: f"P(best) {percent(one.chance)}",
        type="bar",
        orientation="h",
        marker={
            "color": [
                color if _is_first(one) else band(color)
                for one, color in zip(items, colors, strict=True)
            ],
            "line": {"color": colors, "width": 1.4},
        },
        texttemplate="%{x:.0%}",
        textposition="outside",
        cliponaxis=False,
    )


def _intervals(items: Sequence[FamilyEvidence], looked: Mapping[str, Look]) -> Json:
    arms = [one.confirmed for one in items if one.confirmed is not None]
    values = [arm.validation or 0.0 for arm in arms]
    ends = [arm.ci95 or [value, value] for arm, value in zip(arms, values, strict=True)]
    return _trace(
        items,
        values,
        _confirmed_words,
        type="scatter",
        mode="markers",
        marker=_dots(items, looked),
        error_x={
            "type": "data",
            "symmetric": False,
            "array": compact(high - value for (_, high), value in zip(ends, values, strict=True)),
            "arrayminus": compact(
                value - low for (low, _), value in zip(ends, values, strict=True)
            ),
            "color": MUTED[0],
            "thickness": 1.8,
            "width": 6,
        },
        cliponaxis=False,
    )


def _confirmed_words(one: FamilyEvidence) -> str:
    arm = one.confirmed
    if arm is None:
        return ""
    told = f"{beside(arm.validation, arm.stderr)} on {arm.seeds} fresh seeds"
    if arm.ci95:
        told += f"<br>95 %: {' to '.join(beside(end, arm.stderr) for end in arm.ci95)}"
    return f"{told}<br>trial {arm.trial}, peak {significant(arm.peak, 3)}"


def _bests(items: Sequence[FamilyEvidence], looked: Mapping[str, Look]) -> Json:
    return _trace(
        items,
        [one.best.value if one.best else None for one in items],
        _search_words,
        type="scatter",
        mode="markers",
        marker=_dots(items, looked),
        cliponaxis=False,
    )


def _search_words(one: FamilyEvidence) -> str:
    if one.best is None:
        return ""
    told = ", ".join(f"{count:,} {state}" for state, count in one.trials.items())
    peak = significant(one.best.peak, 3)
    return (
        f"{significant(one.best.value)}, trial {one.best.trial}, peak {peak}"
        f"<br>{told}<br>{one.search_steps:,} updates of search"
    )


def _dots(items: Sequence[FamilyEvidence], looked: Mapping[str, Look]) -> Json:
    """Full for who shares the first place, open for others; all full while nobody is placed."""
    colors = [looked[one.family].light for one in items]
    is_placed = any(_is_first(one) for one in items)
    fill = [
        color if _is_first(one) or not is_placed else GROUND[0]
        for one, color in zip(items, colors, strict=True)
    ]
    symbols = [looked[one.family].symbol for one in items]
    return {"size": 11, "symbol": symbols, "color": fill, "line": {"color": colors, "width": 2}}


def _share_axis() -> Json:
    return {
        "title": {"text": "P(as good as the best)"},
        "range": [0, 1.12],
        "tickformat": ".0%",
        "tickvals": [0, 0.25, 0.5, 0.75, 1],
    }


def _value_axis(evidence: FamilyEvidenceList, items: Sequence[FamilyEvidence]) -> Json:
    ends = [
        end
        for one in items
        if one.confirmed is not None and one.confirmed.validation is not None
        for end in (one.confirmed.validation, *(one.confirmed.ci95 or ()))
    ]
    title = f"{evidence.metric} on validation, fresh seeds, with its own 95 % interval"
    return {**_plain(title), "range": padded(min(ends), max(ends))}


def _search_axis(evidence: FamilyEvidenceList, items: Sequence[FamilyEvidence]) -> Json:
    """From the best family on; one far off is out of the frame."""
    values = sorted(one.best.value for one in items if one.best is not None)
    title = _plain(f"best {evidence.metric} on validation in the search")
    middle = values[len(values) // 2]
    if evidence.direction == Direction.MINIMIZE:
        low, high = values[0], min(values[-1], values[0] + WORST_SHOWN * (middle - values[0]))
    else:
        low, high = max(values[0], values[-1] - WORST_SHOWN * (values[-1] - middle)), values[-1]
    return {**title, "range": padded(low, high)}


def _plain(title: str) -> Json:
    return {"title": {"text": title}, "tickformat": "~g", "tickvals": None}


def _caption(evidence: FamilyEvidenceList, chosen: Sequence[FamilyEvidence]) -> str:
    if not chosen:
        return (
            f"The best {evidence.metric} that each family reached in the search. How likely each "
            "is the best comes with the verdict."
        )
    first = [one.family for one in evidence.items if _is_first(one)]
    told = (
        f" Full colour: {', '.join(first)}, which share the first place." if len(first) > 1 else ""
    )
    return (
        "P(best) is the share of 10,000 redraws of seeds and blocks in which the family is within "
        f"what is worthwhile of the best, so shares need not add up to one.{told}"
    )
