"""Sparklines: the best so far of a study as one small line.

The one idea: steps over the trials of the budget, so a line that ends half-way is a study half-way;
the first falls, which are large whatever the search does, may leave the box.
Not here: the chart of the same on the page of a study.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from service.ui.typeset import significant

WIDTH, HEIGHT, PAD = 96.0, 28.0, 3.0
FAR = 2.0  # ratio of the worst to the best beyond which the scale is logarithmic
FIRST = 4  # one of so many leads may be off the scale

Lead = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Sparkline:
    """A path, its end, and what it says in words."""

    path: str
    end: tuple[float, float]
    words: str


def sparkline(leads: Sequence[Lead], trials: int, share: float) -> Sparkline | None:
    """Draw the leads of a study; None if there is none yet.

    Args:
        leads: trials that were better than all before them, with their values, by number.
        trials: the budget.
        share: how much of the study is done, from 0 to 1.

    >>> sparkline([(0, 4.0), (5, 1.0)], 10, 1.0).path
    'M3 3H48V25H93'
    """
    if not leads:
        return None
    width = WIDTH - 2 * PAD
    last = max(trials, leads[-1][0], 1)
    across = [round(PAD + width * number / last, 1) for number, _ in leads]
    down = [round(y, 1) for y in _heights([value for _, value in leads])]
    end = round(max(across[-1], PAD + width * min(1.0, max(0.0, share))), 1)
    steps = "".join(f"H{x:g}V{y:g}" for x, y in zip(across[1:], down[1:], strict=True))
    first, best = (significant(value, 4) for _, value in (leads[0], leads[-1]))
    words = f"best so far: {best}"
    if len(leads) > 1:
        words += f", from {first}, with trial {leads[-1][0]}"
    return Sparkline(f"M{across[0]:g} {down[0]:g}{steps}H{end:g}", (end, down[-1]), words)


def _heights(values: Sequence[float]) -> list[float]:
    """From the top for the largest value to the bottom for the smallest, but for the first ones."""
    shown = values[len(values) // FIRST :]
    low, high = min(shown), max(shown)
    values = [min(max(one, low), high) for one in values]
    if low > 0.0 and high > FAR * low:
        values, low, high = [math.log(one) for one in values], math.log(low), math.log(high)
    if high == low:
        return [HEIGHT / 2 for _ in values]
    return [PAD + (HEIGHT - 2 * PAD) * (high - one) / (high - low) for one in values]
