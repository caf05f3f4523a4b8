"""Points: nodes given by numbers instead of formulas.

The one idea: `Samples` is a table, one number per update; `Points` are a few numbers at places in
between which a rule fills in. Both can be laid out over any number of updates.
Not here: the families that hold them (`tuning.schedules.families.explicit`).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, final

import numpy as np

from tuning.schedules.compose import EXACT, LAST, Node, Phase, Steps, hold, progress
from tuning.schedules.curves import Floats
from tuning.schedules.pchip import pchip

Between = Literal["linear", "constant"]
Through = Literal["linear", "pchip"]
Scale = Literal["linear", "log"]


@final
@dataclass(frozen=True)
class Samples:
    """A table of values, the last of which stays.

    Over as many updates as it has values, update t shows value t. Over more or fewer, it is read at
    t n / length, or at t (n - 1) / (length - 1) if its end lands on the last update.

    Args:
        length: updates it takes.
        values: n of them, at least one.
        between: what is between two values: a straight line, or the `constant` former.
        phase: (0, 0) or (0, -1).

    >>> Samples(6, (1.0, 0.5, 0.0))(np.arange(7))
    array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  , 0.  ])
    """

    length: int
    values: tuple[float, ...]
    between: Between = "linear"
    phase: Phase = EXACT

    @cached_property
    def _array(self) -> Floats:
        return np.array(self.values)

    @property
    def first(self) -> float:
        """The first value."""
        return self.values[0]

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps`."""
        values, last = self._array, len(self.values) - 1
        if self.length == len(values):
            return values[np.minimum(steps, last)]
        whole, intervals = (
            (last, self.length - 1) if self.phase == LAST else (last + 1, self.length)
        )
        at = np.minimum(steps, intervals) * whole / max(1, intervals)
        at = np.where(steps >= self.length, last, np.minimum(at, last))
        before = at.astype(np.int64)
        if self.between == "constant":
            return values[before]
        after, part = np.minimum(before + 1, last), at - before
        return (1.0 - part) * values[before] + part * values[after]

    def simplified(self) -> Node:
        """A level if all values are one."""
        level = self.values.count(self.values[0]) == len(self.values)
        return hold(self.length, self.values[0]) if level else self

    def landed(self) -> "Samples":
        """The same table, its last value reached at the last update."""
        return replace(self, phase=LAST)

    def fitted(self, length: int) -> "Samples":
        """The same table over another number of updates."""
        return replace(self, length=length)

    def document(self) -> dict[str, Any]:
        """The table as JSON-able values."""
        return {
            "samples": {
                "length": self.length,
                "values": list(self.values),
                "between": self.between,
                "phase": list(self.phase),
            }
        }


@final
@dataclass(frozen=True)
class Points:
    """A line through points (u, value), u the elapsed part; level before the first, after the last.

    Args:
        length: updates it takes.
        at: places u in [0, 1], increasing, at least two.
        values: as many; above zero on a logarithmic scale.
        through: straight lines (`np.interp`), or a `pchip`: a smooth monotone curve that never
            leaves the range of the values (Fritsch & Carlson, 1980).
        scale: on which the lines are straight or the curve is smooth.
        phase: (0, 0) or (0, -1).

    >>> Points(4, (0.0, 0.5, 1.0), (0.0, 1.0, 0.5))(np.arange(5))
    array([0.  , 0.5 , 1.  , 0.75, 0.5 ])
    """

    length: int
    at: tuple[float, ...]
    values: tuple[float, ...]
    through: Through = "linear"
    scale: Scale = "linear"
    phase: Phase = EXACT

    @property
    def first(self) -> float:
        """The value at u = 0."""
        return self.values[0]

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps`."""
        elapsed, _ = progress(steps, self.length, self.phase)
        lowest, highest = self._range
        drawn = self._line(np.clip(elapsed, self.at[0], self.at[-1]))
        if self.scale == "log":
            drawn = np.exp(drawn)
        # Rounding must neither leave the range nor miss the end.
        ended = elapsed >= self.at[-1]
        inside: Floats = np.clip(drawn, lowest, highest)
        return np.where(ended, self.values[-1], inside)

    @cached_property
    def _range(self) -> tuple[float, float]:
        return min(self.values), max(self.values)

    @cached_property
    def _line(self) -> Callable[[Floats], Floats]:
        heights = np.log(self.values) if self.scale == "log" else np.array(self.values)
        places, draw = np.array(self.at), np.interp if self.through == "linear" else pchip
        return lambda elapsed: draw(elapsed, places, heights)

    def simplified(self) -> Node:
        """A level if all values are one."""
        level = len(set(self.values)) == 1
        return hold(self.length, self.values[0]) if level else self

    def landed(self) -> "Points":
        """The same line, its end reached at the last update."""
        return replace(self, phase=LAST)

    def fitted(self, length: int) -> "Points":
        """The same line over another number of updates."""
        return replace(self, length=length)

    def document(self) -> dict[str, Any]:
        """The line as JSON-able values."""
        return {
            "points": {
                "length": self.length,
                "at": list(self.at),
                "values": list(self.values),
                "through": self.through,
                "scale": self.scale,
                "phase": list(self.phase),
            }
        }
