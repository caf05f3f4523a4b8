"""Case: one call of a library, and the dice that draw its arguments.

The one idea: case number i of a call is a function of (framework, call, i) alone, so the stored
cases are the first ones of any longer run, and adding a call moves no other.
Not here: which calls there are (`calls`), what the libraries answer (`runners`).
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

Kwargs: TypeAlias = dict[str, Any]

LONGEST = 56
PAST = 4  # updates recorded after the horizon, where the library goes on


@dataclass(frozen=True)
class Case:
    """A call, and over how many updates to follow it.

    Args:
        call: the library's own name.
        kwargs: its arguments as JSON; a nested call is {"call": ..., "kwargs": {...}}.
        base_lr: the learning rate the optimiser is made with.
        horizon: updates.
        metrics: what a feedback rule is told after each update; empty for all others.
        why: what a case written by hand shows; empty for drawn ones.
        row: its line in the table of results, where that is not the call alone.
        index: which draw of its row; -1 for cases written by hand.
    """

    call: str
    kwargs: Kwargs
    base_lr: float
    horizon: int
    metrics: tuple[float, ...] = ()
    why: str = ""
    row: str = field(default="", compare=False)
    index: int = field(default=-1, compare=False)

    @property
    def name(self) -> str:
        """Its row in the table of results."""
        return self.row or self.call


class Dice(random.Random):
    """Draws of the arguments that schedulers take."""

    def rounded(self, low: float, high: float) -> float:
        """Uniform, to three decimals."""
        return round(self.uniform(low, high), 3)

    def rate(self, low: float = 1e-4, high: float = 1.0) -> float:
        """Log-uniform, to four digits."""
        return float(f"{math.exp(self.uniform(math.log(low), math.log(high))):.4g}")

    def share(self, peak: float) -> float:
        """At most half of a peak, to four digits."""
        return float(f"{peak * self.uniform(0.0, 0.5):.4g}")

    def length(self, low: int = 1, high: int = LONGEST) -> int:
        """A number of updates, now and then among the fewest."""
        if self.random() < 0.1:
            return self.randint(low, min(low + 2, high))
        return self.randint(low, high)

    def horizon(self, length: int) -> int:
        """A horizon: mostly the call's own length, else a few updates off it."""
        if self.random() < 0.5:
            return length
        return max(1, min(LONGEST, length + self.randint(-6, 12)))

    def increasing(self, count: int, high: int = LONGEST) -> list[int]:
        """Different updates from 1, in order."""
        return sorted(self.sample(range(1, max(high, count) + 1), count))

    def thinned(self, kwargs: Kwargs, *kept: str) -> Kwargs:
        """The arguments, some of those that have defaults left out."""
        return {k: v for k, v in kwargs.items() if k in kept or self.random() < 0.8}


Draw: TypeAlias = Callable[[Dice], Case]


@dataclass(frozen=True)
class Calls:
    """The cases of one library: those drawn, one function per row, and those written by hand."""

    draws: Mapping[str, Draw]
    hand: tuple[Case, ...] = ()

    def cases(self, framework: str, count: int) -> list[Case]:
        """The cases written by hand, then the first `count` of every row."""
        drawn = [
            replace(draw(Dice(f"{framework} {row} {index}")), row=row, index=index)
            for row, draw in self.draws.items()
            for index in range(count)
        ]
        return [*self.hand, *drawn]
