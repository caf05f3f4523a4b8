"""Pieces: an expression as a flat row of nodes over a given number of updates.

The one idea: what libraries join of several is, flattened, one row of ramps and holds; cutting it
at the horizon, or holding its last value until then, makes library lengths and ours agree.
Not here: which family a row is (`recognise`).
"""

from typing import TypeAlias

import numpy as np

from tuning.schedules.combine import Every, Part, valued
from tuning.schedules.compose import Node, Sequence, hold
from tuning.schedules.curves import Floats

Pieces: TypeAlias = tuple[Node, ...]

MOST_STEPS = 100  # levels that are written out, so that stairs may be a family
MOST_LEVELS = 1_000  # of an expression; a table is shorter than more


def pieces_of(node: Node) -> Pieces:
    """The nodes of a node, in sequence, in their simplest form."""
    simple = node.simplified()
    return simple.nodes if isinstance(simple, Sequence) else (simple,)


def spanning(node: Node, length: int) -> Node:
    """The first `length` updates of a node, which stays where it ended.

    >>> from tuning.schedules.compose import Ramp
    >>> [piece.length for piece in pieces_of(spanning(Ramp(4, 1.0, 0.5), 6))]
    [4, 2]
    >>> spanning(Ramp(4, 1.0, 0.0), 2).length
    2
    """
    cut: list[Node] = []
    left = length
    for piece in pieces_of(node):
        if left > 0:
            cut.append(Part(piece, 0, left) if piece.length > left else piece)
        left -= piece.length
    if left > 0:
        cut.append(hold(left, valued(node, node.length)))
    return Sequence(tuple(cut)).simplified()


def stairs(node: Node, updates: int) -> Node:
    """A node whose values are held for `updates` updates each.

    >>> from tuning.schedules.compose import Ramp
    >>> [level.first for level in pieces_of(stairs(Ramp(4, 1.0, 0.0), 3))]
    [1.0, 0.25]
    """
    starts = range(0, node.length, updates)
    if len(starts) > MOST_STEPS:
        return Every(node, updates)
    lengths = (min(updates, node.length - start) for start in starts)
    levels = (valued(node, start) for start in starts)
    return Sequence(tuple(map(hold, lengths, levels)))


def levels_of(rates: Floats) -> Node | None:
    """Rates as levels one after another, unless these are more than 1,000.

    >>> [level.length for level in pieces_of(levels_of(np.array([1.0, 1.0, 0.5])))]
    [2, 1]
    """
    changes = np.flatnonzero(np.diff(rates)) + 1
    if changes.size >= MOST_LEVELS:
        return None
    lengths = np.diff(changes, prepend=0, append=rates.size).tolist()
    levels = rates[np.concatenate(([0], changes))].tolist()
    return Sequence(tuple(map(hold, lengths, levels)))
