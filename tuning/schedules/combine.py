"""Combine: nodes made of other nodes, beyond one after another.

The one idea: an operation on functions of the update gives a function of the update again.
`Combine` takes several nodes at once (product, sum, min, max), `Every` holds each value for some
updates, `Part` cuts a window out, `Loop` plays a node again and again.
Not here: sequences and maps (`tuning.schedules.compose`).
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal, TypeAlias, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.compose import Node, Ramp, Sequence, Steps, hold
from tuning.schedules.curves import Floats

Operation = Literal["product", "sum", "min", "max"]
Turn = Literal["again", "back"]
Operator: TypeAlias = Callable[[Floats, Floats], Floats]

OPERATIONS: Mapping[str, Operator] = MappingProxyType(
    {"product": np.multiply, "sum": np.add, "min": np.minimum, "max": np.maximum}
)


def scaled(updates: int, new: int, old: int) -> int:
    """So many of `old` updates in proportion to `new` ones, half an update rounded down."""
    return updates if new == old else max(0, math.ceil(updates * new / old - 0.5))


def valued(node: Node, step: int) -> float:
    """The value of a node at one update."""
    return float(node(np.array([step]))[0])


def settled(node: Node) -> Node:
    """A node whose last update shows the end value, the updates before being left as they are.

    For nodes whose pattern is tied to whole updates and cannot be squeezed by one.
    """
    if node.length <= 1:
        return node
    ending = hold(1, valued(node, node.length))
    return Sequence((Part(node, 0, node.length - 1), ending)).simplified()


@final
@dataclass(frozen=True, slots=True)
class Combine:
    """Several nodes at the same updates: their product, sum, least or largest value.

    It takes as many updates as its longest node; a shorter one stays where it ended. Products make
    envelopes and gains, `min` and `max` caps and floors.

    Args:
        operation: a name in `OPERATIONS`.
        nodes: at least one, taken from the left.

    >>> Combine("max", (Ramp(4, 1.0, 0.0), hold(4, 0.4)))(np.arange(5))
    array([1.  , 0.75, 0.5 , 0.4 , 0.4 ])
    """

    operation: Operation
    nodes: tuple[Node, ...]

    def __post_init__(self) -> None:
        """Refuse nothing to combine."""
        if not self.nodes:
            raise InvalidValue(self.operation, [], "at least one node")

    @property
    def length(self) -> int:
        """Updates of the longest node."""
        return max(node.length for node in self.nodes)

    @property
    def first(self) -> float:
        """What the starts of the nodes combine to."""
        return float(self._over([np.array(node.first) for node in self.nodes]))

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps`."""
        return self._over([node(steps) for node in self.nodes])

    def _over(self, values: list[Floats]) -> Floats:
        operator = OPERATIONS[self.operation]
        result = values[0]
        for value in values[1:]:
            result = operator(result, value)
        return result

    def simplified(self) -> Node:
        """Nested operations of one kind flattened; levels throughout combined."""
        nodes: list[Node] = []
        for node in (node.simplified() for node in self.nodes):
            same = isinstance(node, Combine) and node.operation == self.operation and not nodes
            nodes.extend(node.nodes if same and isinstance(node, Combine) else (node,))
        whole = replace(self, nodes=tuple(nodes))
        if len(nodes) == 1:
            return nodes[0]
        if all(isinstance(node, Ramp) and node.start == node.end for node in nodes):
            return hold(self.length, whole.first)
        return whole

    def landed(self) -> Node:
        """The same, the nodes that last to the end reaching their end values early."""
        length = self.length
        nodes = (node.landed() if node.length == length else node for node in self.nodes)
        return replace(self, nodes=tuple(nodes))

    def fitted(self, length: int) -> "Combine":
        """The same over another number of updates, each node in proportion."""
        old = self.length
        if length == old:
            return self
        fitted = (
            node.fitted(scaled(node.length, length, old) if old else 0) for node in self.nodes
        )
        return replace(self, nodes=tuple(fitted))

    def document(self) -> dict[str, Any]:
        """The operation as JSON-able values."""
        return {self.operation: [node.document() for node in self.nodes]}


@final
@dataclass(frozen=True, slots=True)
class Every:
    """Hold each value of a node for `updates` updates: steps per epoch, stairs.

    The value at update t is that of the node at k floor(t / k).

    >>> Every(Ramp(4, 1.0, 0.0), 2)(np.arange(6))
    array([1. , 1. , 0.5, 0.5, 0. , 0. ])
    """

    node: Node
    updates: int

    @property
    def length(self) -> int:
        """Updates of the node."""
        return self.node.length

    @property
    def first(self) -> float:
        """The value the node nominally starts from."""
        return self.node.first

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps`."""
        held = steps // self.updates * self.updates
        return self.node(np.where(steps >= self.length, self.length, held))

    def simplified(self) -> Node:
        """The node itself if it is held for one update only, or is level."""
        node = self.node.simplified()
        is_level = isinstance(node, Ramp) and node.start == node.end
        return node if self.updates == 1 or is_level else replace(self, node=node)

    def landed(self) -> Node:
        """The same stairs, the last update at the end value."""
        return settled(self)

    def fitted(self, length: int) -> "Every":
        """The same stairs over another number of updates, each as much longer as the whole."""
        if not self.length:
            return replace(self, node=self.node.fitted(length))
        updates = max(1, scaled(self.updates, length, self.length))
        return Every(self.node.fitted(length), updates)

    def document(self) -> dict[str, Any]:
        """The stairs as JSON-able values."""
        return {"every": {"updates": self.updates, "of": self.node.document()}}


@final
@dataclass(frozen=True, slots=True)
class Part:
    """A window of a node: `length` updates from update `start` on.

    What is left of a schedule when it is resumed, or what fits of one that was laid out longer.

    >>> Part(Ramp(4, 1.0, 0.0), 1, 2)(np.arange(4))
    array([0.75, 0.5 , 0.25, 0.25])
    """

    node: Node
    start: int
    length: int

    @property
    def first(self) -> float:
        """The value at the beginning of the window."""
        return self.node.first if self.start == 0 else valued(self.node, self.start)

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps`."""
        return self.node(self.start + np.minimum(steps, self.length))

    def simplified(self) -> Node:
        """The node itself if the window shows all of it; a window of a window is one window."""
        node = self.node.simplified()
        if isinstance(node, Part) and self.start + self.length <= node.length:
            return Part(node.node, node.start + self.start, self.length).simplified()
        if isinstance(node, Ramp) and node.start == node.end:
            return hold(self.length, node.start)
        if self.start == 0 and self.length == node.length:
            return node
        return replace(self, node=node)

    def landed(self) -> Node:
        """The same window, the last update at the end value."""
        return settled(self)

    def fitted(self, length: int) -> Node:
        """The same window of the node laid out longer or shorter in proportion."""
        if length == self.length:
            return self
        if not self.length:
            return hold(length, self.first)
        whole, start = (
            scaled(updates, length, self.length) for updates in (self.node.length, self.start)
        )
        return Part(self.node.fitted(whole), start, length)

    def document(self) -> dict[str, Any]:
        """The window as JSON-able values."""
        return {"part": {"start": self.start, "length": self.length, "of": self.node.document()}}


@final
@dataclass(frozen=True, slots=True)
class Loop:
    """Play a node again and again until `length` updates are full.

    Args:
        node: takes at least one update.
        length: updates it takes in all.
        turn: `again` from its first update on, or `back` and forth, first to last and last to
            first, with a period of twice its length, as PyTorch's cosine.

    >>> Loop(Ramp(2, 1.0, 0.0), 5)(np.arange(6))
    array([1. , 0.5, 1. , 0.5, 1. , 0.5])
    >>> Loop(Ramp(2, 1.0, 0.0), 5, "back")(np.arange(6))
    array([1. , 0.5, 0. , 0.5, 1. , 0.5])
    """

    node: Node
    length: int
    turn: Turn = "again"

    def __post_init__(self) -> None:
        """Refuse to repeat nothing."""
        if self.node.length < 1:
            raise InvalidValue("loop.of", self.node.length, "a node of at least one update")

    @property
    def first(self) -> float:
        """The value the node nominally starts from."""
        return self.node.first

    def __call__(self, steps: Steps) -> Floats:
        """The values at `steps`; where a whole number of rounds ends, the end of the node."""
        span = self.node.length
        played = np.minimum(steps, self.length)
        if self.turn == "back":
            return self.node(span - np.abs(played % (2 * span) - span))
        ended = (steps >= self.length) & (self.length % span == 0) & (self.length > 0)
        return self.node(np.where(ended, span, played % span))

    def simplified(self) -> Node:
        """The node itself if it is played once, or is level."""
        node = self.node.simplified()
        if self.length == node.length:
            return node
        if isinstance(node, Ramp) and node.start == node.end:
            return hold(self.length, node.start)
        if self.length < node.length:
            return Part(node, 0, self.length).simplified()
        return replace(self, node=node)

    def landed(self) -> Node:
        """The same rounds, the last update at the end value."""
        return settled(self)

    def fitted(self, length: int) -> "Loop":
        """The same number of rounds over another number of updates, as far as they are whole."""
        if not self.length:
            return replace(self, length=length)
        span = max(1, scaled(self.node.length, length, self.length))
        return Loop(self.node.fitted(span), length, self.turn)

    def document(self) -> dict[str, Any]:
        """The rounds as JSON-able values."""
        return {
            "loop": {"length": self.length, "turn": self.turn, "of": self.node.document()},
        }
