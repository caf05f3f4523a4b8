"""Ranges of axes: what is worth showing of values among which some are far off.

The one idea: an axis shows what competes; one blow-up must not flatten everything else.
Not here: how what is left out is marked (`service.ui.charts.marks`).
"""

from collections.abc import Sequence
from statistics import quantiles

from service.ui.charts.chart import Json
from tuning.records import Direction

REACH = 2.5  # times the gap from the best score to the worse quartile is shown
PAD = 0.06  # of a range, beyond it on either side


def span(scores: Sequence[float], direction: Direction) -> tuple[float, float]:
    """The scores worth an axis: from the best to `REACH` times its gap to the worse quartile.

    >>> span([1.0, 2.0, 3.0, 1000.0], Direction.MINIMIZE)[0]
    1.0
    """
    if len(scores) < 2 or min(scores) == max(scores):
        middle = scores[0] if scores else 0.5
        slack = abs(middle) * 0.01 or 0.5
        return middle - slack, middle + slack
    lower, _, upper = quantiles(scores, n=4, method="inclusive")
    low, high = min(scores), max(scores)
    if direction is Direction.MINIMIZE:
        return low, min(high, low + REACH * (upper - low)) if upper > low else high
    return max(low, high - REACH * (high - lower)) if lower < high else low, high


def is_beyond(score: float | None, shown: tuple[float, float]) -> bool:
    """Whether a score is off the axis; having none counts as off."""
    return score is None or not shown[0] <= score <= shown[1]


def held(score: float | None, shown: tuple[float, float], direction: Direction) -> float:
    """A score on the axis; one that is off it, or is none, stands at the worse edge.

    >>> held(7.0, (1.0, 2.0), Direction.MINIMIZE), held(None, (1.0, 2.0), Direction.MAXIMIZE)
    (2.0, 1.0)
    """
    if score is not None and not is_beyond(score, shown):
        return score
    return shown[1] if direction is Direction.MINIMIZE else shown[0]


def padded(low: float, high: float) -> list[float]:
    """A linear range with some room; never empty.

    >>> padded(1.0, 1.0)
    [0.99, 1.01]
    """
    pad = PAD * (high - low) or abs(high) * 0.01 or 1.0
    return [low - pad, high + pad]


def linear(low: float, high: float) -> Json:
    """What makes an axis linear over a range."""
    return {"type": "linear", "range": padded(low, high)}
