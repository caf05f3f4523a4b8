"""A forest plot, one small drawing per row of the table of arms.

The one idea: intervals on one common scale, drawn inside the table's rows, so that a figure and its
picture stand on the same line; plain coordinates, which the template turns into SVG.
Not here: the intervals (`tuning.evidence.paired`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from service.ui.typeset import percent

WIDTH = 240.0
MARGIN = 10.0
TICKS = 5  # at most so many intervals between ticks


@dataclass(frozen=True, slots=True)
class Bar:
    """An interval and its middle, as positions from 0 to `WIDTH`."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class Forest:
    """Everything the rows share, and a bar for each row that has an interval.

    `band` is where differences are too small to be worthwhile.
    """

    zero: float
    band: tuple[float, float]
    ticks: tuple[tuple[float, str], ...]
    bars: Mapping[int, Bar]


def relative_interval(versus: Mapping[str, Any]) -> tuple[float, float, float] | None:
    """Low, middle and high of a comparison relative to the baseline's mean; None without a scale.

    >>> relative_interval({"difference": -2.0, "relative": -0.5, "ci95": (-3.0, -1.0)})
    (-0.75, -0.5, -0.25)
    """
    difference, relative = versus["difference"], versus["relative"]
    if not difference or not relative or not math.isfinite(relative):
        return None
    scale = difference / relative
    low, high = versus["ci95"]
    return low / scale, relative, high / scale


def lay_out(versus: Sequence[Mapping[str, Any]], worthwhile: float) -> Forest | None:
    """Place the comparisons on one scale, by trial; None if there is nothing to compare."""
    found = {
        one["trial"]: interval for one in versus if (interval := relative_interval(one)) is not None
    }
    if not found:
        return None
    ends = [end for low, _, high in found.values() for end in (low, high)]
    least, most = min(-worthwhile, *ends), max(worthwhile, *ends)
    if most == least:
        return None
    return _Scale(least, most).forest(found, worthwhile)


@dataclass(frozen=True, slots=True)
class _Scale:
    least: float
    most: float

    def place(self, value: float) -> float:
        share = (value - self.least) / (self.most - self.least)
        return round(MARGIN + share * (WIDTH - 2 * MARGIN), 2)

    def forest(self, found: Mapping[int, tuple[float, float, float]], worthwhile: float) -> Forest:
        return Forest(
            zero=self.place(0.0),
            band=(self.place(-worthwhile), self.place(worthwhile)),
            ticks=tuple((self.place(tick), percent(tick, signed=True)) for tick in self.ticks()),
            bars={trial: Bar(*map(self.place, interval)) for trial, interval in found.items()},
        )

    def ticks(self) -> list[float]:
        """Round values: the smallest step of 1, 2 or 5 times a power of ten that is not dense."""
        rough = (self.most - self.least) / TICKS
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        first, last = math.ceil(self.least / step - 1e-9), math.floor(self.most / step + 1e-9)
        return [number * step for number in range(first, last + 1)]
