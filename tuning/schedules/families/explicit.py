"""Explicit: families given by their numbers or their expression instead of by a formula.

The one idea: whatever schedule there is, one of these holds it exactly. Values are fractions of the
peak, which stays the one number a search over the size of the steps moves.
"""

from collections.abc import Mapping
from collections.abc import Sequence as Items
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal, Self, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.compose import Node, Sequence, hold
from tuning.schedules.curves import Floats
from tuning.schedules.expressions import AnyTree, Tree
from tuning.schedules.families.base import Family
from tuning.schedules.families.warmup import Warmup
from tuning.schedules.lengths import resolve
from tuning.schedules.limits import Each, Lengths, Number
from tuning.schedules.parameters import KNOTS, PARAMETERS, Value
from tuning.schedules.pchip import pchip
from tuning.schedules.points import Between, Points, Samples

Switch = Literal["at", "after", "before"]
Levels = Annotated[tuple[float, ...], Each(Number(0.0, 1.0))]


@final
@dataclass(frozen=True, kw_only=True)
class Table(Family):
    """A table of values, one per update.

    P v_t with v the `values`. Over as many updates as there are values it is exactly them; over
    another horizon it is read `between` them, along straight lines or as stairs (`constant`). A
    negative value is kept, for parity with libraries that have one.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Table(0.1, values=(0.5, 1.0, 0.2)), 3)(range(4))
    array([0.05, 0.1 , 0.02, 0.02])
    """

    is_bounded: ClassVar[bool] = False
    reaches_peak: ClassVar[bool] = False

    values: Annotated[tuple[float, ...], Each(Number(-1.0, 1.0))] = (1.0,)
    between: Between = "linear"
    kind: Literal["table"] = "table"

    @classmethod
    def of(cls, rates: Items[float], **conventions: Any) -> Self:  # noqa: ANN401 # other fields
        """The family of a table of learning rates; its peak is the largest, in size, of them.

        Raises `InvalidValue` naming `rates` if there is none, or one is not finite.

        >>> Table.of([0.0, 0.2, 0.1]).values
        (0.0, 1.0, 0.5)
        """
        numbers = np.asarray(rates, dtype=np.float64).ravel()
        if not numbers.size or not np.isfinite(numbers).all():
            raise InvalidValue("rates", list(rates)[:3], "at least one finite number")
        peak = float(np.abs(numbers).max()) or 1.0
        return cls(peak, values=tuple((numbers / peak).tolist()), **conventions)

    def body(self, length: int) -> Node:
        """The table, read over the updates there are."""
        return Samples(length, self.values, self.between)


@final
@dataclass(frozen=True, kw_only=True)
class Expression(Family):
    """Any tree of the algebra.

    P f(t) with f the `node`: a node of `tuning.schedules`, or its JSON, such as {"ramp": {"length":
    90, "start": 1, "end": 0, "curve": "cosine"}}. Lengths are in updates; over another number of
    updates than the tree has, all of them change in proportion. The unit of its values is the peak:
    1 should be the largest.

    >>> from tuning.schedules import Schedule
    >>> tree = {"max": [{"ramp": {"length": 4, "start": 1, "end": 0}}, {"hold": {"length": 4,
    ...     "value": 0.4}}]}
    >>> Schedule(Expression(1.0, node=tree), 4)(range(5))
    array([1.  , 0.75, 0.5 , 0.4 , 0.4 ])
    """

    is_bounded: ClassVar[bool] = False
    reaches_peak: ClassVar[bool] = False

    node: AnyTree = field(default_factory=lambda: Tree(hold(1).document()))
    kind: Literal["expression"] = "expression"

    def body(self, length: int) -> Node:
        """The tree, laid out over the updates there are."""
        node: Node = self.node.node(length)
        return node


@final
@dataclass(frozen=True, kw_only=True)
class PiecewiseLinear(Family):
    """Straight lines through given points.

    P v at each of the places `at` (fractions of the updates after warmup, or updates), straight
    lines between them, level outside, as `numpy.interp`. The default is the schedule of
    Differential Machine Learning (Huge & Savine, 2020, arXiv:2005.02347), whose rates are 1e-8,
    0.1, 0.01, 1e-6 and 1e-8 at a peak of 0.1.

    >>> from tuning.schedules import Schedule
    >>> Schedule(PiecewiseLinear(0.1), 10)([0, 1, 2, 6, 9])
    array([1.0000000e-08, 5.0000005e-02, 1.0000000e-01, 1.0000000e-02,
           1.0000000e-06])
    """

    reaches_peak: ClassVar[bool] = False

    at: Lengths = (0.0, 0.2, 0.6, 0.9, 1.0)
    values: Levels = (1e-7, 1.0, 0.1, 1e-5, 1e-7)
    kind: Literal["piecewise_linear"] = "piecewise_linear"

    def __post_init__(self) -> None:
        """Refuse places that do not increase or have no value."""
        super().__post_init__()
        if len(self.at) < 2 or len(self.at) != len(self.values):
            raise InvalidValue(
                "at", self.at, f"as many places, at least 2, as {len(self.values)} values"
            )
        _refuse_disorder("at", self.at)

    def body(self, length: int) -> Node:
        """The lines."""
        if not length:
            return hold(0, self.values[0])
        at = tuple(_place("at", place, length) for place in self.at)
        _refuse_disorder("at", at)
        return Points(length, at, self.values)


@final
@dataclass(frozen=True, kw_only=True)
class PiecewiseConstant(Family):
    """One level after another.

    P v_i until the i-th of the `boundaries` (fractions of the updates after warmup, or updates),
    P v_{i+1} from there on; there is one value more than boundaries. The new value is there at the
    boundary itself (`switch` "at": PyTorch, Optax, Paddle), one update `after` it (Keras) or one
    `before` (timm).

    >>> from tuning.schedules import Schedule
    >>> Schedule(PiecewiseConstant(1.0, boundaries=(2, 4), values=(1.0, 0.5, 0.1)), 5)(range(5))
    array([1. , 1. , 0.5, 0.5, 0.1])
    """

    reaches_peak: ClassVar[bool] = False

    boundaries: Lengths = (0.5, 0.75)
    values: Levels = (1.0, 0.1, 0.01)
    switch: Switch = "at"
    kind: Literal["piecewise_constant"] = "piecewise_constant"

    def __post_init__(self) -> None:
        """Refuse boundaries that do not increase, or not one more value."""
        super().__post_init__()
        if len(self.boundaries) + 1 != len(self.values):
            allowed = f"one fewer than the {len(self.values)} values"
            raise InvalidValue("boundaries", self.boundaries, allowed)
        _refuse_disorder("boundaries", self.boundaries, is_strict=False)

    def body(self, length: int) -> Node:
        """The levels; a boundary beyond the end is not reached."""
        shift = {"at": 0, "after": 1, "before": -1}[self.switch]
        ends = (_nearest(end, length) + shift for end in self.boundaries)
        inside = (min(max(0, end), length) for end in ends)
        lengths = (after - before for before, after in pairwise([0, *inside, length]))
        return Sequence(tuple(map(hold, lengths, self.values)))


@final
@dataclass(frozen=True, kw_only=True)
class Knots(Family):
    """A smooth curve through a few levels, in the logarithm of the learning rate.

    P exp(pchip(log v)) with v the `values` at the Chebyshev places (1 - cos(πj/(n-1)))/2, the ends
    among them, in the updates after warmup. It cannot overshoot, so the largest value caps it. Six
    knots come within 0.21 % of the best schedule there is on six solvable problems.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Knots(1.0, values=(1.0, 0.1, 0.01)), 2)(range(3))
    array([1.  , 0.1 , 0.01])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", *KNOTS)
    reaches_peak: ClassVar[bool] = False

    values: Annotated[tuple[float, ...], Each(Number(0.0, 1.0, above=True), fewest=2)] = (
        1.0,
        1.0,
        1.0,
        0.97,
        0.83,
        0.55,
        0.25,
        0.07,
        0.01,
    )
    kind: Literal["knots"] = "knots"

    @classmethod
    def from_coordinates(cls, peak: float, params: Mapping[str, Value]) -> Self:
        """A search moves nine levels, each under a name of its own."""
        levels = dict(zip(KNOTS, cls.values, strict=True))
        levels |= {name: float(params[name]) for name in KNOTS if name in params}
        warmup = Warmup(length=float(params.get("warmup", 0.0)))
        return cls(peak, values=tuple(levels.values()), warmup=warmup)

    def _coordinate(self, name: str) -> Value:
        """A curve through more or fewer levels is read where the nine would be."""
        if name not in KNOTS:
            return super()._coordinate(name)
        if len(self.values) == len(KNOTS):
            return self.values[KNOTS.index(name)]
        place = knot_places(len(KNOTS))[KNOTS.index(name) : KNOTS.index(name) + 1]
        height = pchip(place, knot_places(len(self.values)), np.log(self.values))
        declared = PARAMETERS[name]
        return min(max(float(np.exp(height[0])), declared.low), declared.high)

    def body(self, length: int) -> Node:
        """The curve."""
        at = tuple(knot_places(len(self.values)).tolist())
        return Points(length, at, self.values, "pchip", "log")


def knot_places(count: int) -> Floats:
    """Where `count` knots stand, as elapsed parts: closer together towards both ends.

    >>> knot_places(3)
    array([0. , 0.5, 1. ])
    """
    return np.asarray(0.5 - 0.5 * np.cos(np.pi * np.arange(count) / (count - 1)))


def _nearest(place: float, length: int) -> int:
    """A boundary in updates; one beyond the end is at the end."""
    within = min(place, length) if isinstance(place, int) else place
    return resolve("boundaries", within, length)


def _place(name: str, place: float, length: int) -> float:
    """A place as a fraction."""
    return resolve(name, place, length) / length if isinstance(place, int) else place


def _refuse_disorder(name: str, places: Items[float], *, is_strict: bool = True) -> None:
    """Refuse places that do not increase; fractions and updates are compared each among theirs."""
    for kind in (int, float):
        same = [place for place in places if isinstance(place, kind)]
        if any(
            before > after or (is_strict and before == after) for before, after in pairwise(same)
        ):
            raise InvalidValue(name, tuple(places), "increasing")
