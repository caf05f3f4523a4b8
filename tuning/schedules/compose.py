"""Compose: the small algebra every family is written in.

The one idea: a node is a pure function of the update within it, over a whole number of updates.
Three kinds suffice for most: a `Ramp` moves between two values, a `Sequence` puts nodes one after
another, each with a clock of its own, and `Affine` maps 0..1 to low..high. `cycles` repeats a node.
Beyond its last update a node stays where it ended. `simplified` brings functionally equal
expressions to one form, which is what is evaluated and hashed: equal form, equal bits.
Not here: products, sums, windows and stairs of nodes (`tuning.schedules.combine`), waves and given
points (`waves`, `points`), how fractions become lengths (`lengths`), what happens after the end of
a schedule (`schedule`).
"""

from collections.abc import Callable, Iterator
from collections.abc import Sequence as Items
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Protocol, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

from tuning.errors import InvalidValue
from tuning.schedules.curves import CURVES, Curve, Floats
from tuning.schedules.lengths import apportion

Steps: TypeAlias = NDArray[np.int64]
Phase: TypeAlias = tuple[float, float]

EXACT: Phase = (0, 0)
LAST: Phase = (0, -1)


class Node(Protocol):
    """A function of the update within a node, over `length` updates."""

    @property
    def length(self) -> int:
        """Updates it takes."""

    @property
    def first(self) -> float:
        """The value it nominally starts from."""

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps` (>= 0, any shape); at `length` and beyond, the value it ends at."""

    def simplified(self) -> "Node":
        """The same function in its simplest form."""

    def landed(self) -> "Node":
        """The same node, its end value reached at its last update instead of one later."""

    def fitted(self, length: int) -> "Node":
        """The same node laid out over another number of updates, its parts in proportion."""

    def document(self) -> dict[str, Any]:
        """The node as JSON-able values."""


def progress(steps: Steps, length: int, phase: Phase = EXACT) -> tuple[Floats, Floats]:
    """How far u = (t + a) / (length + b), within [0, 1], has come, and 1 - u.

    Each has a single rounding. From update `length` on u is 1; if length + b = 0 it is 0 before.
    """
    a, b = phase
    intervals = length + b
    if intervals <= 0:
        ended = (steps >= length).astype(np.float64)
        return ended, 1.0 - ended
    done = np.clip(steps + a, 0, intervals) if b or a else np.minimum(steps, length)
    if b:
        done = np.where(steps >= length, intervals, done)
    return done / intervals, (intervals - done) / intervals


@final
@dataclass(frozen=True, slots=True)
class Ramp:
    """Move from `start` to `end` along a curve.

    The value at update t is the weighted power mean of order p of the higher value h and the lower
    value l, (w h^p + (1 - w) l^p)^(1/p), at u = (t + a) / (length + b) clipped to [0, 1] with
    weight w = c(u) if the ramp falls and c(1 - u) if it rises. So p = 1 moves along the curve
    itself, p = 0 geometrically (h^w l^(1-w), an exponential decay), p = -1 harmonically (an inverse
    time decay) and p = -2 as an inverse square root.

    Args:
        length: updates it takes.
        start: value at u = 0.
        end: value at u = 1.
        curve: how the weight falls from 1 to 0.
        order: p, the order of the power mean; below 1 both ends must be positive.
        phase: (a, b); parts of an update are allowed, for ramps that begin or end between two. A
            single update with nowhere to go, length + b = 0, shows `start`.

    >>> Ramp(4, 1.0, 0.0)(np.arange(6))
    array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ])
    """

    length: int
    start: float
    end: float
    curve: Curve = CURVES["linear"]
    order: float = 1.0
    phase: Phase = EXACT

    def __post_init__(self) -> None:
        """Refuse a mean that does not exist."""
        for field in ("start", "end"):
            value = getattr(self, field)
            if self.order < 1.0 and value <= 0.0:
                raise InvalidValue(field, value, f"above 0 for a mean of order {self.order:g}")

    @property
    def first(self) -> float:
        """The value it nominally starts from."""
        return self.start

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps`."""
        if self.start == self.end:
            return np.full(steps.shape, self.start)
        elapsed, left = progress(steps, self.length, self.phase)
        if self.start < self.end:
            return self._mean(self.curve(left, elapsed), self.start, self.end)
        return self._mean(self.curve(elapsed, left), self.end, self.start)

    def _mean(self, weight: Floats, low: float, high: float) -> Floats:
        rest = 1.0 - weight
        if self.order == 1.0:
            # Exact at both ends as it is; in between rounding must not pass them.
            return np.clip(high * weight + low * rest, low, high)
        if self.order == 0.0:
            values = low**rest if high == 1.0 else high**weight * low**rest
        else:
            powers = weight * high**self.order + rest * low**self.order
            values = powers ** (1.0 / self.order)
        # Rounding must neither pass an end nor miss it.
        values = np.where(weight >= 1.0, high, np.where(weight <= 0.0, low, values))
        return np.clip(values, low, high)

    def simplified(self) -> "Ramp":
        """The same ramp; one that goes nowhere has one form."""
        return Ramp(self.length, self.start, self.start) if self.start == self.end else self

    def landed(self) -> "Ramp":
        """The same ramp, its end value reached at its last update."""
        return replace(self, phase=LAST)

    def fitted(self, length: int) -> "Ramp":
        """The same ramp over another number of updates."""
        return replace(self, length=length)

    def document(self) -> dict[str, Any]:
        """The ramp as JSON-able values."""
        return {
            "ramp": {
                "length": self.length,
                "start": self.start,
                "end": self.end,
                "curve": self.curve.document(),
                "order": self.order,
                "phase": list(self.phase),
            }
        }


def hold(length: int, value: float = 1.0) -> Ramp:
    """Stay at a value."""
    return Ramp(length, value, value)


@final
@dataclass(frozen=True)
class Sequence:
    """Nodes one after another, each with its own clock; at least one. An empty node is not there.

    >>> Sequence((Ramp(2, 0.0, 1.0), hold(2)))(np.arange(5))
    array([0. , 0.5, 1. , 1. , 1. ])
    """

    nodes: tuple[Node, ...]

    @property
    def length(self) -> int:
        """Updates of all nodes."""
        return sum(node.length for node in self.nodes)

    @property
    def first(self) -> float:
        """The value the first node that takes updates nominally starts from."""
        return next((node.first for node in self.nodes if node.length), self.nodes[0].first)

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps`."""
        nodes, starts = self._layout
        lowest, highest = (steps.min(), steps.max()) if steps.size else (0, 0)
        places = np.searchsorted(starts, (lowest, highest), side="right") - 1
        first, last = int(places[0]), int(places[1])
        if first == last:
            return nodes[first](steps - starts[first])
        flat = steps.ravel()
        if (flat[1:] >= flat[:-1]).all():
            cuts = np.searchsorted(flat, starts[first + 1 : last + 1])
            parts = zip(range(first, last + 1), np.split(flat, cuts), strict=True)
            values: Floats = np.concatenate([nodes[at](part - starts[at]) for at, part in parts])
            return values.reshape(steps.shape)
        return self._scattered(flat).reshape(steps.shape)

    def _scattered(self, flat: Steps) -> Floats:
        """The values at steps in any order."""
        nodes, starts = self._layout
        places = np.searchsorted(starts, flat, side="right") - 1
        order = np.argsort(places, kind="stable")
        cuts = np.searchsorted(places[order], np.arange(1, len(nodes)))
        values = np.empty(flat.shape)
        for node, start, among in zip(nodes, starts, np.split(order, cuts), strict=True):
            if among.size:
                values[among] = node(flat[among] - start)
        return values

    @cached_property
    def _layout(self) -> tuple[tuple[Node, ...], Steps]:
        """The nodes that take updates, and at which each begins."""
        nodes = self._present()
        return nodes, np.cumsum([0, *(node.length for node in nodes[:-1])])

    def _present(self) -> tuple[Node, ...]:
        present = tuple(node for node in self.nodes if node.length)
        return present or (hold(0, self.first),)

    def simplified(self) -> Node:
        """Nested sequences flattened, empty nodes dropped, neighbours at one value joined."""
        nodes: list[Node] = []
        for node in self._flattened():
            if nodes and _is_hold(node) and _is_hold(nodes[-1]) and nodes[-1].first == node.first:
                nodes[-1] = hold(nodes[-1].length + node.length, node.first)
            else:
                nodes.append(node)
        return nodes[0] if len(nodes) == 1 else Sequence(tuple(nodes))

    def _flattened(self) -> Iterator[Node]:
        for node in self._present():
            simple = node.simplified()
            yield from simple.nodes if isinstance(simple, Sequence) else (simple,)

    def landed(self) -> Node:
        """The same sequence, the end value of the last node that takes updates reached early."""
        simple = self.simplified()
        if not isinstance(simple, Sequence):
            return simple.landed()
        return Sequence((*simple.nodes[:-1], simple.nodes[-1].landed()))

    def fitted(self, length: int) -> "Sequence":
        """The same sequence, `length` shared among its nodes in proportion to theirs."""
        nodes = self._present()
        if length == self.length or not self.length:
            return self if length == self.length else Sequence((hold(length, self.first),))
        lengths = apportion(length, [float(node.length) for node in nodes])
        fitted = (node.fitted(part) for node, part in zip(nodes, lengths, strict=True))
        return Sequence(tuple(fitted))

    def document(self) -> dict[str, Any]:
        """The sequence as JSON-able values."""
        return {"sequence": [node.document() for node in self.nodes]}


def _is_hold(node: Node) -> bool:
    return isinstance(node, Ramp) and node.start == node.end


@final
@dataclass(frozen=True, slots=True)
class Affine:
    """Map the values of a node from 0..1 to low..high, either way round: v high + (1 - v) low.

    >>> Affine(Ramp(2, 1.0, 0.0), 0.2, 0.6)(np.arange(3))
    array([0.6, 0.4, 0.2])
    """

    node: Node
    low: float
    high: float

    @property
    def length(self) -> int:
        """Updates of the node."""
        return self.node.length

    @property
    def first(self) -> float:
        """The mapped value the node nominally starts from."""
        return self._map(self.node.first)

    def _map(self, value: float) -> float:
        return value * self.high + (1.0 - value) * self.low

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps`."""
        shares = self.node(steps)
        values = shares * self.high + (1.0 - shares) * self.low
        # A share within 0..1 never leaves low..high by a rounding; beyond, the line goes on.
        inside = (shares >= 0.0) & (shares <= 1.0)
        bounded = np.clip(values, min(self.low, self.high), max(self.low, self.high))
        return np.where(inside, bounded, values)

    def simplified(self) -> Node:
        """Carried inwards to the ends of ramps, as far as the mean they move by allows."""
        if self.low == self.high:
            return hold(self.length, self.low)
        node = self.node.simplified()
        if isinstance(node, Sequence):
            mapped = tuple(Affine(part, self.low, self.high) for part in node.nodes)
            return Sequence(mapped).simplified()
        rises = self.low <= self.high
        if isinstance(node, Ramp) and (_is_hold(node) or (node.order == 1.0 and rises)):
            start, end = self._map(node.start), self._map(node.end)
            return Ramp(node.length, start, end, node.curve, node.order, node.phase).simplified()
        return node if (self.low, self.high) == (0.0, 1.0) else replace(self, node=node)

    def landed(self) -> "Affine":
        """The same map of the node, its end value reached at its last update."""
        return replace(self, node=self.node.landed())

    def fitted(self, length: int) -> "Affine":
        """The same map of the node over another number of updates."""
        return replace(self, node=self.node.fitted(length))

    def document(self) -> dict[str, Any]:
        """The map as JSON-able values."""
        return {"affine": {"low": self.low, "high": self.high, "of": self.node.document()}}


def cycles(node: Callable[[int], Node], lengths: Items[int], amplitudes: Items[float]) -> Sequence:
    """Repeat a node over `lengths`, its values multiplied by `amplitudes`.

    >>> cycles(lambda n: Ramp(n, 1.0, 0.0), (2, 4), (1.0, 0.5))(np.arange(6))
    array([1.   , 0.5  , 0.5  , 0.375, 0.25 , 0.125])
    """
    return Sequence(
        tuple(
            Affine(node(length), 0.0, amplitude)
            for length, amplitude in zip(lengths, amplitudes, strict=True)
        )
    )
