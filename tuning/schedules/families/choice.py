"""Choice: a family that moves up and down a list of bases as it listens to a metric.

The one idea: unlike the gains of `families.feedback`, what the metric moves is which base holds.
Not here: when metrics arrive (`tuning.execution`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, final

import numpy as np
from numpy.typing import NDArray

from tuning.schedules.compose import Node, hold
from tuning.schedules.expressions import AnyTrees, Tree
from tuning.schedules.families.base import Family
from tuning.schedules.families.feedback import LONGEST_WAIT, Mode, Wait
from tuning.schedules.limits import Fraction, Integer, Number


@final
@dataclass(frozen=True, kw_only=True)
class ChangeOnPlateau(Family):
    """Move up and down a list of schedules when a metric stays.

    Of the `nodes`, each a base as in `expression`, one is in force. If no two neighbours of the
    last `window` metrics, one more being there, differ by `threshold` for the better, the metric
    stays: the node before holds, or, once `turn` of all metrics are through, the one after; then
    `cooldown` metrics are not counted. LRBench's ChangeLROnPlateau (Wu et al., 2019,
    arXiv:1908.06477). Laid out is the node it starts with, `first`.

    >>> family = ChangeOnPlateau(0.1, window=2, cooldown=1, first=1)
    >>> family.choices([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    array([1, 1, 0, 0, 0, 0, 1])
    """

    is_feedback: ClassVar[bool] = True
    is_bounded: ClassVar[bool] = False
    reaches_peak: ClassVar[bool] = False

    nodes: AnyTrees = field(
        default_factory=lambda: tuple(Tree(hold(1, gain).document()) for gain in (1.0, 0.1))
    )
    first: Wait = 0
    window: Annotated[int, Integer(2, LONGEST_WAIT)] = 5
    threshold: Annotated[float, Number()] = 0.05
    cooldown: Wait = 5
    turn: Fraction = 0.8
    mode: Mode = "min"
    kind: Literal["change_on_plateau"] = "change_on_plateau"

    def body(self, length: int) -> Node:
        """The node it starts with, the last if there are fewer."""
        # All of them, as one that does not fit must not be found when it is turned to.
        trees = enumerate(self.nodes)
        nodes: list[Node] = [tree.node(length, f"nodes[{place}]") for place, tree in trees]
        return nodes[min(self.first, len(nodes) - 1)]

    def after(self, metrics: Sequence[float], total: int) -> tuple[Family, float]:
        """What is in force after some of `total` metrics: a family and the gain on it."""
        if not metrics:
            return self, 1.0
        return replace(self, first=int(self.choices(metrics, total)[-1])), 1.0

    def choices(self, metrics: Iterable[float], total: int | None = None) -> NDArray[np.int64]:
        """The index of the node in force after each metric, int64, as many as metrics.

        `total` is how many metrics there will be; by default no more follow.
        """
        known = list(metrics)
        total = len(known) if total is None else total
        chosen, cooling, last = min(self.first, len(self.nodes) - 1), 0, len(self.nodes) - 1
        choices = []
        for count in range(1, len(known) + 1):
            if cooling:
                cooling -= 1
            elif self._stays(known[:count]):
                step = -1 if count / total < self.turn else 1
                chosen, cooling = min(max(chosen + step, 0), last), self.cooldown
            choices.append(chosen)
        return np.array(choices, dtype=np.int64)

    def _stays(self, metrics: list[float]) -> bool:
        if len(metrics) <= self.window:
            return False
        sign = 1.0 if self.mode == "max" else -1.0
        gained = (sign * (new - old) for old, new in pairwise(metrics[-self.window :]))
        return max(gained) < self.threshold
