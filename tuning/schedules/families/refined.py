"""Refined: the linear decay, adapted to how large the gradients of one run before were.

The one idea: where gradients are large the learning rate should be small, and what is left to do is
counted in the same weights; equal gradients give the linear decay back.
Not here: the run that measures them.
"""

from bisect import bisect_left, insort
from dataclasses import dataclass
from itertools import repeat
from typing import Annotated, ClassVar, Literal, final

import numpy as np

from tuning.schedules.compose import Node, Ramp
from tuning.schedules.families.base import Family
from tuning.schedules.limits import Each, Fraction, Number
from tuning.schedules.points import Points

MOST_NORMS = 10_000

# Within sixty decades of each other their weights neither overflow nor vanish.
Norms = Annotated[tuple[float, ...], Each(Number(1e-30, 1e30), fewest=2, most=MOST_NORMS)]


@final
@dataclass(frozen=True, kw_only=True)
class RefinedLinear(Family):
    """The linear decay, refined by the gradient norms of one run before.

    P η_j / max η with η_j = w_j (w_{j+1} + ... + w_n), w_j = G_j^-e, e the `norm_exponent` and G_j
    the median of the `norms` around the j-th of n, in a window of `filter_width` times n norms; at
    the beginning the first norm is repeated, at the end the norms are mirrored (Defazio et al.,
    2023, arXiv:2310.07831). For SGD e is 2, with Euclidean norms; for Adam 1, with sums of absolute
    values.

    η_j stands at the part (j - 1) / (n - 1) of the updates after warmup, with straight lines in
    between, so that it can be laid out over any horizon: over n updates with the end on the `last`
    it is as published. Of a run longer than 10,000 updates give every k-th norm.

    >>> from tuning.schedules import Schedule
    >>> Schedule(RefinedLinear(1.0, norms=(2.0, 1.0, 1.0), filter_width=0.0), 4)(range(5))
    array([0.5 , 0.75, 1.  , 0.5 , 0.  ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup",)
    reaches_peak: ClassVar[bool] = False

    norms: Norms = (1.0, 1.0)
    filter_width: Fraction = 0.1
    norm_exponent: Annotated[float, Number(0.0, 2.0, above=True)] = 2.0
    kind: Literal["refined_linear"] = "refined_linear"

    def body(self, length: int) -> Node:
        """The refined curve; the line itself if all weights are one."""
        count = len(self.norms)
        width = 2 * (int(self.filter_width * count) // 2) + 1
        norms = np.array(running_median(self.norms, width))
        weights = (norms.min() / norms) ** self.norm_exponent
        if weights.min() == 1.0:
            return Ramp(length, 1.0, 0.0)
        left = np.append(np.cumsum(weights[:0:-1])[::-1], 0.0)
        refined = weights * left
        places = np.arange(count) / (count - 1)
        return Points(length, tuple(places.tolist()), tuple((refined / refined.max()).tolist()))


def running_median(values: tuple[float, ...], width: int) -> list[float]:
    """The median of the `width` (odd) values around each.

    The first value is repeated before the beginning, the values are mirrored at the last.

    >>> running_median((5.0, 1.0, 2.0, 9.0), 3)
    [5.0, 2.0, 2.0, 2.0]
    """
    half = width // 2
    around = [*repeat(values[0], half), *values, *values[-2::-1][:half]]
    window = sorted(around[:width])
    medians = [window[half]]
    for gone, come in zip(around, around[width:], strict=False):
        del window[bisect_left(window, gone)]
        insort(window, come)
        medians.append(window[half])
    return medians
