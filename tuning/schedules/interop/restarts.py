"""Restarts: cycles of any real length, as Keras and timm have them.

The one idea: a cycle is a ramp that begins and ends between two updates; which updates belong to it
is for the library to say, as its rounding may be a cycle off where two meet.
Not here: those rules (`keras_calls`, `timm_cycles`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from tuning.schedules.compose import Node, Ramp, Sequence, Steps
from tuning.schedules.curves import Curve, Floats

MOST_CYCLES = 1_000


@dataclass(frozen=True, slots=True)
class Geometric:
    """The clock of cycles that grow: cycle i takes `first` growth^i updates.

    >>> import numpy as np
    >>> clock = Geometric(2, 3.0)
    >>> clock.begins(np.arange(3.0)), clock.lengths(np.arange(3.0))
    (array([0., 2., 8.]), array([ 2.,  6., 18.]))
    """

    first: float
    growth: float

    def begins(self, places: Floats) -> Floats:
        """The updates, perhaps between two, at which cycles begin."""
        if self.growth == 1.0:
            return places * self.first
        return (self._grown(places) - 1.0) / (self.growth - 1.0) * self.first

    def lengths(self, places: Floats) -> Floats:
        """The updates that cycles take."""
        return self._grown(places) * self.first

    def _grown(self, places: Floats) -> Floats:
        grown: Floats = np.power(self.growth, places)
        return grown

    def done(self, steps: Steps, places: Floats) -> Floats:
        """How far the cycles of some updates have come."""
        return (steps - self.begins(places)) / self.lengths(places)


def in_cycles(
    places: Floats, clock: Geometric, ends: Callable[[float], tuple[float, float]], curve: Curve
) -> Node | None:
    """Ramps for the cycles that updates 0, 1, ... belong to, unless there are more than 1,000.

    Args:
        places: the number of the cycle of every update, never falling.
        clock: where cycles begin and how long they take.
        ends: the first and the last value of a cycle.
        curve: how it goes from one to the other.
    """
    firsts = np.flatnonzero(np.diff(places, prepend=-1.0))
    if firsts.size > MOST_CYCLES:
        return None
    own = places[firsts]
    begins, lengths = clock.begins(own), clock.lengths(own)
    close = max(int(np.ceil(begins[-1] + lengths[-1])), places.size)
    ramps = []
    for turn, (begin, end) in enumerate(pairwise([*firsts.tolist(), close])):
        phase = (begin - float(begins[turn]), float(lengths[turn]) - (end - begin))
        ramps.append(Ramp(end - begin, *ends(float(own[turn])), curve, phase=phase))
    return Sequence(tuple(ramps))
