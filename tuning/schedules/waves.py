"""Waves: a cycle of any real period, repeated.

The one idea: one cycle goes up along a curve for a part of it and down along the same curve for the
rest; triangles, sines, cosines and saws, started at any place, are four numbers.
Not here: cycles of whole updates that grow (`tuning.schedules.compose.cycles`), and the family
that names the published forms (`tuning.schedules.families.waves`).
"""

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from tuning.schedules.combine import settled, valued
from tuning.schedules.compose import Node, Sequence, Steps, hold
from tuning.schedules.curves import CURVES, Curve, Floats


@final
@dataclass(frozen=True, slots=True)
class Wave:
    """A wave between 0 and 1.

    At update t it is at x = offset + t / period; of cycle floor(x), the part u = x - floor(x) has
    elapsed. It goes up, c(1 - u / rise), for u < rise, then down, c((u - rise) / (1 - rise)), and
    is decay^floor(x) high.

    Args:
        length: updates it takes.
        period: updates per cycle, any number above 0.
        curve: c, how it goes down, and, played backwards, up.
        rise: the part of a cycle that goes up, in [0, 1].
        offset: where in the first cycle it starts, in [0, 1).
        decay: height of a cycle over that of the one before, above 0.
        late: whether the boundary between two cycles belongs to the one before.

    >>> Wave(8, 4.0, decay=0.5)(np.arange(9))
    array([0.  , 0.5 , 1.  , 0.5 , 0.  , 0.25, 0.5 , 0.25, 0.  ])
    """

    length: int
    period: float
    curve: Curve = CURVES["linear"]
    rise: float = 0.5
    offset: float = 0.0
    decay: float = 1.0
    late: bool = False

    @property
    def first(self) -> float:
        """The value at update 0."""
        return float(self(np.zeros(1, dtype=np.int64))[0])

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps`; the end of a cycle at `length` is not yet the next one."""
        at = self.offset + np.minimum(steps, self.length) / self.period
        cycle = np.floor(at)
        ended = steps >= self.length
        if self.late or ended.any():
            cycle -= (at == cycle) & (self.late | ended & (at > 0))
        values = self._height(at - cycle)
        return values if self.decay == 1.0 else values * self.decay**cycle

    def _height(self, part: Floats) -> Floats:
        if self.rise == 0.0:
            return self.curve(part)
        place = 1.0 - part / self.rise
        if self.rise < 1.0:
            # On the way up the one is positive and the other negative, on the way down vice versa.
            place = np.maximum(place, (part - self.rise) / (1.0 - self.rise))
        return self.curve(np.clip(place, 0.0, 1.0))

    def simplified(self) -> Node:
        """It is as simple as can be."""
        return self

    def landed(self) -> Node:
        """The same cycles over one update less, then their end."""
        if self.length <= 1:
            return settled(self)
        shorter = self.fitted(self.length - 1)
        return Sequence((shorter, hold(1, valued(shorter, self.length - 1))))

    def fitted(self, length: int) -> Node:
        """The same cycles over another number of updates."""
        if not (length and self.length):
            return hold(length, self.first)
        if length == self.length:
            return self
        return replace(self, length=length, period=self.period * length / self.length)

    def document(self) -> dict[str, Any]:
        """The wave as JSON-able values."""
        return {
            "wave": {
                "length": self.length,
                "period": self.period,
                "curve": self.curve.document(),
                "rise": self.rise,
                "offset": self.offset,
                "decay": self.decay,
                "late": self.late,
            }
        }
