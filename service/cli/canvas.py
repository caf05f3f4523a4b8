"""Curves drawn in a terminal, two by four dots to a character (Braille patterns, U+2800).

The one idea: a curve is the set of dots that its segments touch, so a jump is a vertical line and
no value between two points is invented away; where curves cross, the later one has the colour.
Not here: pictures for files (`service.ui.picture`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

COLOURS = ("cyan", "yellow", "magenta", "green", "red", "blue")
DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))  # bit of a dot by column and row
BLANK = 0x2800
WIDEST, HEIGHT = 120, 16  # characters and lines that are used where there is room
LABEL = 10  # characters of a label beside the axis
DECADES = 4.0  # shown below the highest value on a logarithmic axis


@dataclass(frozen=True, slots=True)
class Curve:
    """Values at steps, in order; a value that is not finite is a gap."""

    label: str
    steps: Sequence[int]
    values: Sequence[float | None]


def draw(curves: Sequence[Curve], *, width: int, height: int, is_log: bool = False) -> Text:
    """Draw curves over common axes.

    Args:
        curves: at least one.
        width: characters in all.
        height: lines of the panel, without axis and legend.
        is_log: whether the axis of values is logarithmic; values that are not positive are gaps.

    >>> for line in draw([Curve("a", [0, 10], [1.0, 0.0])], width=20, height=3).plain.splitlines():
    ...     print(line.rstrip())
             1 ┤⠑⠢⡀
               │  ⠈⠑⢄⡀
             0 ┤     ⠈⠢⢄
                0     10
                ▬ a
    """
    panel = _Panel.of(curves, (width - LABEL - 2) * 2, height * 4, is_log=is_log)
    bits = [[0] * (panel.width // 2) for _ in range(height)]
    owners = [[0] * (panel.width // 2) for _ in range(height)]
    for number, curve in enumerate(curves):
        for x, y in panel.dots(curve):
            bits[y // 4][x // 2] |= DOTS[x % 2][y % 4]
            owners[y // 4][x // 2] = number
    text = Text()
    for row in range(height):
        text.append(panel.label(row, height))
        for bit, owner in zip(bits[row], owners[row], strict=True):
            text.append(chr(BLANK + bit) if bit else " ", COLOURS[owner % len(COLOURS)])
        text.append("\n")
    ends = f"{panel.first:,}", f"{panel.last:,}"
    gap = max(1, panel.width // 2 - len(ends[0]) - len(ends[1]))
    text.append(" " * (LABEL + 2) + ends[0] + " " * gap + ends[1])
    for number, curve in enumerate(curves):
        text.append("\n" + " " * (LABEL + 2))
        text.append("▬ ", COLOURS[number % len(COLOURS)])
        text.append(curve.label)
    return text


@dataclass(frozen=True, slots=True)
class _Panel:
    """Where a value is, in dots from the upper left corner."""

    width: int
    height: int
    first: int
    last: int
    low: float
    high: float
    is_log: bool

    @classmethod
    def of(cls, curves: Sequence[Curve], width: int, height: int, *, is_log: bool) -> "_Panel":
        shown = [
            value
            for curve in curves
            for value in curve.values
            if value is not None and (value > 0.0 or not is_log)
        ]
        high = max(shown, default=1.0)
        low = min(shown, default=0.0)
        low = max(low, high * 10.0**-DECADES) if is_log else min(0.0, low)
        if low == high:
            low, high = (high / 2.0, high * 2.0) if is_log else (low, low + 1.0)
        first = min(curve.steps[0] for curve in curves)
        last = max(curve.steps[-1] for curve in curves)
        return cls(width, height, first, last, low, high, is_log)

    def dots(self, curve: Curve) -> set[tuple[int, int]]:
        """All dots that the segments of a curve touch."""
        found: set[tuple[int, int]] = set()
        before: tuple[int, int] | None = None
        for step, value in zip(curve.steps, curve.values, strict=True):
            here = self._dot(step, value)
            if here is not None:
                found |= _segment(before or here, here)
            before = here
        return found

    def _dot(self, step: int, value: float | None) -> tuple[int, int] | None:
        if value is None or (self.is_log and value <= 0.0):
            return None
        x = round((step - self.first) / max(1, self.last - self.first) * (self.width - 1))
        share = (self._scale(value) - self._scale(self.low)) / (
            self._scale(self.high) - self._scale(self.low)
        )
        return x, round((1.0 - min(1.0, max(0.0, share))) * (self.height - 1))

    def _scale(self, value: float) -> float:
        return math.log10(value) if self.is_log else value

    def label(self, row: int, height: int) -> str:
        """What stands left of a line: a value at the ends and in the middle."""
        if row not in {0, height // 2, height - 1} or (row == height // 2 and height < 5):
            return " " * LABEL + " │"
        share = 1.0 - row / (height - 1)
        low, high = self._scale(self.low), self._scale(self.high)
        value = low + share * (high - low)
        return f"{10.0**value if self.is_log else value:>{LABEL}.4g} ┤"


def _segment(start: tuple[int, int], end: tuple[int, int]) -> set[tuple[int, int]]:
    """The dots of a straight line."""
    count = max(abs(end[0] - start[0]), abs(end[1] - start[1]), 1)
    return {
        (
            round(start[0] + (end[0] - start[0]) * part / count),
            round(start[1] + (end[1] - start[1]) * part / count),
        )
        for part in range(count + 1)
    }
