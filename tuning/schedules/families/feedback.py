"""Feedback: families that also listen to a metric.

The one idea: what is laid out over the horizon is a base schedule; each metric that arrives moves a
small state, a pure function of the state before and the metric, and the state says which gain
multiplies the base, or which base holds, until the next. So a warmup and a cosine combine with a
plateau rule, and a log of metrics replays to the same learning rates.
Not here: a rule that chooses among several bases (`families.choice`), nor when metrics arrive and
who applies the gains (`tuning.execution`).
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import (
    Annotated,
    ClassVar,
    Literal,
    NamedTuple,
    Protocol,
    TypeVar,
    final,
    runtime_checkable,
)

import numpy as np

from tuning.schedules.compose import Node, hold
from tuning.schedules.curves import Floats
from tuning.schedules.expressions import AnyTree, Tree
from tuning.schedules.families.base import Family
from tuning.schedules.limits import Flag, Fraction, Integer, Number, PositiveFraction

LONGEST_WAIT = 1_000_000

Wait = Annotated[int, Integer(0, LONGEST_WAIT)]
Yes = Annotated[bool, Flag()]
Factor = Annotated[float, Number(1e-6, 0.999999)]
Mode = Literal["min", "max"]
Tolerance = Literal["rel", "abs"]


def level() -> Tree:
    """A base that is at the peak throughout."""
    return Tree(hold(1).document())


def is_better(
    metric: float, best: float, threshold: float, tolerance: str, mode: str, margin: float = 0.0
) -> bool:
    """Whether a metric is better than the best by more than a threshold, as the libraries do it."""
    step, apart = (threshold, margin) if mode == "max" else (-threshold, -margin)
    bar = (best * (1.0 + step) if tolerance == "rel" else best + step) + apart
    return metric > bar if mode == "max" else metric < bar


def worst(mode: str) -> float:
    """What any metric is better than."""
    return -math.inf if mode == "max" else math.inf


class State(Protocol):
    """Where a rule stands."""

    @property
    def gain(self) -> float:
        """What the base is multiplied by."""


S = TypeVar("S", bound=State)


@runtime_checkable
class Listening(Protocol):
    """A family that listens while it is trained with."""

    def after(self, metrics: Sequence[float], total: int) -> tuple[Family, float]:
        """What is in force after some of `total` metrics: a family and the gain on it."""


class Rule(Protocol[S]):
    """A pure reducer of metrics."""

    def opening(self) -> S:
        """The state before any metric."""

    def moved(self, state: S, metric: float) -> S:
        """The state after a metric."""


def replay(rule: Rule[S], metrics: Iterable[float]) -> Floats:
    """The gain in force after each metric."""
    states = accumulate(metrics, rule.moved, initial=rule.opening())
    return np.array([state.gain for state in states][1:])


class PlateauState(NamedTuple):
    """Where a plateau rule stands: gain, best metric, bad ones in a row, cooldown and wait left.

    `mean` is that of the `heard` metrics that do not make a whole accumulation yet.
    """

    gain: float
    best: float
    bad: int = 0
    cooling: int = 0
    waiting: int = 0
    heard: int = 0
    mean: float = 0.0


@final
@dataclass(frozen=True, kw_only=True)
class Plateau(Family):
    """Cut the learning rate when a metric no longer improves.

    The gain starts at 1 and is multiplied by `factor`, not below `min_gain`, when `patience` bad
    metrics in a row have been reached (`count_rule` "ge") or passed ("gt"); a metric is bad unless
    it is better than the best by more than `threshold`, relative to the best or absolute
    (`tolerance`), and `margin`, which is absolute. After a cut, `cooldown` metrics are not counted.
    Five fields tell the libraries apart: PyTorch is gt, rel, a best that moves during cooldown
    (`best_in_cooldown`) and a last metric of the cooldown that does not count
    (`last_cooldown_counts`); Keras is ge, abs and that metric counts; Optax is ge; Paddle is gt,
    and its best rests during cooldown.

    Args:
        node: the base schedule, as in `expression`.
        wait: metrics that are passed over before the first that counts, as those of timm's warmup.
        accumulation: so many metrics in a row count as one, their mean, as in Optax.
        smallest_change: cuts that change the gain by no more are left out, as PyTorch's eps.
        mode: whether the metric should fall ("min") or rise ("max").

    >>> family = Plateau(0.1, patience=2, count_rule="ge", factor=0.5)
    >>> family.gains([1.0, 1.0, 1.0, 1.0, 1.0])
    array([1.  , 1.  , 0.5 , 0.5 , 0.25])
    """

    is_feedback: ClassVar[bool] = True
    is_bounded: ClassVar[bool] = False
    reaches_peak: ClassVar[bool] = False

    node: AnyTree = field(default_factory=level)
    factor: Factor = 0.1
    patience: Wait = 10
    threshold: Annotated[float, Number()] = 1e-4
    tolerance: Tolerance = "rel"
    margin: Annotated[float, Number()] = 0.0
    count_rule: Literal["gt", "ge"] = "gt"
    wait: Wait = 0
    accumulation: Annotated[int, Integer(1, LONGEST_WAIT)] = 1
    cooldown: Wait = 0
    best_in_cooldown: Yes = True
    last_cooldown_counts: Yes = False
    min_gain: Fraction = 0.0
    smallest_change: Fraction = 0.0
    mode: Mode = "min"
    kind: Literal["plateau"] = "plateau"

    def body(self, length: int) -> Node:
        """The base."""
        node: Node = self.node.node(length)
        return node

    def opening(self) -> PlateauState:
        """The state before any metric."""
        return PlateauState(1.0, worst(self.mode), waiting=self.wait)

    def moved(self, state: PlateauState, metric: float) -> PlateauState:
        """The state after a metric; one that is no number is bad."""
        if state.waiting:
            return state._replace(waiting=state.waiting - 1)
        heard = state.heard + 1
        mean = (state.heard * state.mean + metric) / heard  # as Optax adds them up
        if heard < self.accumulation:
            return state._replace(heard=heard, mean=mean)
        return self._judged(state, mean)

    def _judged(self, state: PlateauState, metric: float) -> PlateauState:
        cooling = max(0, state.cooling - 1)
        resting = state.cooling > 0 and not (self.last_cooldown_counts and cooling == 0)
        flags = (self.threshold, self.tolerance, self.mode, self.margin)
        improved = is_better(metric, state.best, *flags)
        moves_best = improved and (self.best_in_cooldown or not resting)
        best = metric if moves_best else state.best
        bad = 0 if resting or improved else state.bad + 1
        if not bad or bad < self.patience + (self.count_rule == "gt"):
            return PlateauState(state.gain, best, bad, cooling)
        lower = max(state.gain * self.factor, self.min_gain)
        gain = lower if state.gain - lower > self.smallest_change else state.gain
        return PlateauState(gain, best, 0, self.cooldown)

    def gains(self, metrics: Iterable[float]) -> Floats:
        """The gain in force after each metric, float64, as many as metrics."""
        return replay(self, metrics)

    def after(self, metrics: Sequence[float], total: int) -> tuple[Family, float]:
        """What is in force after some of `total` metrics: a family and the gain on it."""
        del total
        return self, float(self.gains(metrics)[-1]) if metrics else 1.0


class GreedyState(NamedTuple):
    """Where the greedy rule stands: as a plateau's, good metrics, and cuts left at the floor.

    `recent` are the metrics of the window before the next one.
    """

    gain: float
    best: float
    left: int
    bad: int = 0
    good: int = 0
    waiting: int = 0
    recent: tuple[float, ...] = ()


@final
@dataclass(frozen=True, kw_only=True)
class Greedy(Family):
    """Raise the learning rate while a metric improves, lower it while it does not.

    After more than `patience` good metrics in a row the gain is divided by `factor`, after more
    than as many bad ones multiplied by it, within `min_gain` and `max_gain`; then `warmup_wait` or
    `cooldown` metrics are not counted. After `reset_after` cuts in vain at `min_gain` it starts
    anew (GreedyLR, 2025, arXiv:2512.14527, as in Transformers). Gains are fractions of the peak,
    starting from `first_gain`. A metric counts as the mean of the last `window` of them.

    >>> Greedy(0.1, patience=1, factor=0.5, first_gain=0.5).gains([3.0, 2.0, 1.0, 1.0, 1.0])
    array([0.5, 1. , 1. , 1. , 0.5])
    """

    is_feedback: ClassVar[bool] = True
    is_bounded: ClassVar[bool] = False
    reaches_peak: ClassVar[bool] = False

    node: AnyTree = field(default_factory=level)
    factor: Factor = 0.95
    patience: Wait = 10
    threshold: Annotated[float, Number()] = 1e-6
    tolerance: Tolerance = "abs"
    cooldown: Wait = 0
    warmup_wait: Wait = 0
    first_gain: PositiveFraction = 0.1
    min_gain: Fraction = 1e-3
    max_gain: PositiveFraction = 1.0
    smallest_change: Fraction = 0.0
    reset_after: Annotated[int, Integer(1, LONGEST_WAIT)] = 500
    window: Annotated[int, Integer(1, LONGEST_WAIT)] = 1
    mode: Mode = "min"
    kind: Literal["greedy"] = "greedy"

    def body(self, length: int) -> Node:
        """The base."""
        node: Node = self.node.node(length)
        return node

    def opening(self) -> GreedyState:
        """The state before any metric."""
        return GreedyState(self.first_gain, worst(self.mode), self.reset_after)

    def moved(self, state: GreedyState, metric: float) -> GreedyState:
        """The state after a metric; one that is no number is bad."""
        known = (*state.recent, metric)
        metric = sum(known) / len(known)
        state = state._replace(recent=known[max(0, len(known) + 1 - self.window) :])
        if state.waiting:
            return state._replace(waiting=state.waiting - 1, bad=0, good=0)
        if is_better(metric, state.best, self.threshold, self.tolerance, self.mode):
            state = state._replace(best=metric, bad=0, good=state.good + 1)
        else:
            state = state._replace(bad=state.bad + 1, good=0)
        if state.good > self.patience:
            return self._raised(state)
        return self._lowered(state) if state.bad > self.patience else state

    def _raised(self, state: GreedyState) -> GreedyState:
        higher = min(state.gain / self.factor, self.max_gain)
        gain = higher if higher - state.gain > self.smallest_change else state.gain
        return state._replace(gain=gain, good=0, waiting=self.warmup_wait, left=self.reset_after)

    def _lowered(self, state: GreedyState) -> GreedyState:
        lower = max(state.gain * self.factor, self.min_gain)
        gain = lower if state.gain - lower > self.smallest_change else state.gain
        left = state.left if gain > self.min_gain else state.left - 1
        if left <= 0:
            return self.opening()._replace(waiting=self.cooldown)
        return state._replace(gain=gain, bad=0, waiting=self.cooldown, left=left)

    def gains(self, metrics: Iterable[float]) -> Floats:
        """The gain in force after each metric, float64, as many as metrics."""
        return replay(self, metrics)

    def after(self, metrics: Sequence[float], total: int) -> tuple[Family, float]:
        """What is in force after some of `total` metrics: a family and the gain on it."""
        del total
        return self, float(self.gains(metrics)[-1]) if metrics else 1.0


class AdaptiveState(NamedTuple):
    """Where the adaptive rule stands; a gain of zero is the end of training."""

    gain: float
    best: float
    bad: int = 0


@final
@dataclass(frozen=True, kw_only=True)
class Adaptive(Family):
    """Divide by five when the training loss stays, and stop when that is small.

    A metric that is not better than the best by `threshold` is bad; after `patience` bad ones in a
    row the gain is multiplied by `factor`, or becomes 0, the end of training, once it is no more
    than `min_gain`: scikit-learn's `adaptive`, whose 1e-6 is a learning rate, here a fraction of
    the peak. Unlike `plateau`, the best moves with every improvement, however small.

    >>> Adaptive(0.1, patience=2, min_gain=0.1).gains([1.0] * 9)
    array([1.  , 1.  , 0.2 , 0.2 , 0.04, 0.04, 0.  , 0.  , 0.  ])
    """

    is_feedback: ClassVar[bool] = True
    is_bounded: ClassVar[bool] = False
    reaches_peak: ClassVar[bool] = False

    node: AnyTree = field(default_factory=level)
    factor: Factor = 0.2
    patience: Annotated[int, Integer(1, LONGEST_WAIT)] = 5
    threshold: Annotated[float, Number()] = 1e-3
    min_gain: Fraction = 1e-5
    mode: Mode = "min"
    kind: Literal["adaptive"] = "adaptive"

    def body(self, length: int) -> Node:
        """The base."""
        node: Node = self.node.node(length)
        return node

    def opening(self) -> AdaptiveState:
        """The state before any metric."""
        return AdaptiveState(1.0, worst(self.mode))

    def moved(self, state: AdaptiveState, metric: float) -> AdaptiveState:
        """The state after a metric; one that is no number is bad."""
        sign = 1.0 if self.mode == "min" else -1.0
        loss, best = sign * metric, sign * state.best
        bad = 0 if loss <= best - self.threshold else state.bad + 1
        best = sign * (min(best, loss))
        if bad < self.patience:
            return AdaptiveState(state.gain, best, bad)
        gain = state.gain * self.factor if state.gain > self.min_gain else 0.0
        return AdaptiveState(gain, best, 0)

    def gains(self, metrics: Iterable[float]) -> Floats:
        """The gain in force after each metric, float64, as many as metrics."""
        return replay(self, metrics)

    def after(self, metrics: Sequence[float], total: int) -> tuple[Family, float]:
        """What is in force after some of `total` metrics: a family and the gain on it."""
        del total
        return self, float(self.gains(metrics)[-1]) if metrics else 1.0
