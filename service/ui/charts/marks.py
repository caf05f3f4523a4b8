"""Marks of trials: one per trial, the same sign and the same words wherever it stands.

The one idea: of thousands of trials the charts draw so many that a browser stays quick: always the
best, every step of the best so far and what is ringed, and of all others one in so many.
Not here: where a mark stands (the charts).
"""

from collections.abc import Iterable, Sequence
from html import escape

from service.ui.arms import Outcome
from service.ui.charts.chart import Json
from service.ui.charts.ranges import is_beyond
from service.ui.looks import INK, Look
from service.ui.typeset import beside, compact, significant
from tuning.evidence.score import is_better
from tuning.records import Direction, Metric, ParameterValue, Phase, TrialState

MOST = 2_000  # marks in a chart
MANY = 400  # marks, beyond which they are drawn smaller
SPREAD = 2_654_435_769  # 2^32 over the golden ratio: multiples of it fall evenly (Knuth, 1973)
MOST_PARAMETERS = 4  # told of a trial, beside its family
LONGEST_REASON = 120
SHOWN = {TrialState.COMPLETED, TrialState.DIVERGED}


def records(found: Sequence[Outcome], direction: Direction) -> list[Outcome]:
    """The trials that were the best when they came, in order."""
    best: list[Outcome] = []
    for one in found:
        if one.score is not None and (not best or _beats(one, best[-1], direction)):
            best.append(one)
    return best


def _beats(one: Outcome, other: Outcome, direction: Direction) -> bool:
    return (
        one.score is not None
        and other.score is not None
        and is_better(one.score, other.score, direction)
    )


def few(found: Sequence[Outcome], kept: Iterable[int], most: int = MOST) -> list[Outcome]:
    """At most about `most` of the trials: those of the numbers `kept`, and others by lot.

    The lot of a trial is its own, so a chart that is drawn again shows the same ones, but for
    those that newer ones push out.
    """
    if len(found) <= most:
        return list(found)
    always = set(kept)
    share = max(0, most - len(always)) / len(found)
    return [one for one in found if one.number in always or lot(one.number) < share]


def lot(number: int) -> float:
    """A number from 0 to 1 that looks drawn by chance, and is always the same for a trial.

    >>> [round(lot(number), 3) for number in (0, 1, 2)]
    [0.0, 0.618, 0.236]
    """
    return number * SPREAD % 2**32 / 2**32


def size_of(marks: int) -> float:
    """The size at which so many marks can be told apart."""
    return 9 if marks <= MANY else 6


def told_thinned(shown: int, all_of_them: int) -> str:
    """What a caption says of trials that are not drawn; empty if none is left out."""
    if shown == all_of_them:
        return ""
    return f"Of {all_of_them:,} trials {shown:,} are drawn, the best among them."


def symbol(one: Outcome, look: Look, shown: tuple[float, float], direction: Direction) -> str:
    """The sign of a trial: diverged, off the axis, of a baseline (open) or of the search."""
    if one.score is None:
        return "x-thin"
    if is_beyond(one.score, shown):
        return "arrow-up" if direction is Direction.MINIMIZE else "arrow-down"
    return f"{look.symbol}-open" if one.phase is Phase.BASELINE else look.symbol


def words(one: Outcome, metric: Metric) -> str:
    """What a pointer over a trial reads; foreign text is escaped, plotly reads some HTML."""
    if one.score is None:
        reason = f": {escape(one.reason[:LONGEST_REASON])}" if one.reason else ""
        result = f"{one.state}{reason}"
    else:
        error = f" ± {significant(one.stderr, 2)}" if one.stderr else ""
        result = f"{escape(metric.name)} {beside(one.score, one.stderr)}{error}"
    params = [(name, value) for name, value in one.params.items() if name != "family"]
    told = [f"{name} {_value(value)}" for name, value in params[:MOST_PARAMETERS]]
    if len(params) > MOST_PARAMETERS:
        told.append(f"and {len(params) - MOST_PARAMETERS} more")
    title = f"<b>{escape(one.family)}</b>, trial {one.number} ({one.phase})"
    return "<br>".join((title, result, *told))


def _value(value: ParameterValue) -> str:
    return significant(value, 3) if isinstance(value, int | float) else escape(value)


def ring(found: Sequence[Outcome], **more: object) -> Json:
    """A ring around trials, drawn over their marks."""
    return {
        "type": "scatter",
        "mode": "markers",
        "name": "winner",
        "x": [one.number for one in found],
        "y": compact(one.score for one in found),
        "marker": {"symbol": "circle-open", "size": 19, "color": INK[0], "line": {"width": 1.8}},
        "cliponaxis": False,
        "hoverinfo": "skip",
        **more,
    }
