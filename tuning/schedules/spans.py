"""Spans: lengths in the JSON of a tree that depend on how many updates there are.

The one idea: all lengths of a tree are resolved at once to integers, before there is any node, so
that nodes know whole updates only. A length is an integer, a fraction (a float) of its span, "rest"
or {"updates": n, "pinned": true}. The span is what the nearest loop around it takes, or else all
there is. Integers scale with the horizon, pinned ones do not. In a sequence a rest takes what the
others leave; without one, all parts that are not pinned share what the pinned leave, in proportion.
Nested sequences are one sequence, and lengths always sum to exactly what there is.
Not here: reading (`tuning.schedules.expressions`), the rule of sharing (`lengths`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, final

from tuning.errors import InvalidValue
from tuning.schedules.lengths import Ask, share
from tuning.schedules.limits import Integer

LONGEST = 10_000_000
REST = "rest"
SEQUENCE = "sequence"

Document: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Span:
    """A length that is no mere number of updates: a fraction, a rest or a pinned length."""

    has_rest: bool = False
    has_fraction: bool = True
    fewest: int = 0  # pinned

    def __call__(self, field: str, value: object) -> object:
        """Return it in its one form; a length that is not pinned after all is its number."""
        match value:
            case "rest" if self.has_rest:
                return value
            case float() if (
                self.has_fraction and 0.0 <= value <= 1.0 and (value or not self.fewest)
            ):
                return float(value) + 0.0  # a negative zero becomes zero
            case {"updates": updates, "pinned": bool(pinned), **others} if not others:
                checked = Integer(self.fewest, LONGEST)(f"{field}.updates", updates)
                return {"updates": checked, "pinned": True} if pinned else checked
        raise InvalidValue(field, value, str(self))

    def __str__(self) -> str:
        """The allowed forms in words."""
        low = "above" if self.fewest else "from"
        forms = [
            *([f"a fraction {low} 0.0 to 1.0"] if self.has_fraction else []),
            *(['"rest"'] if self.has_rest else []),
            'an object {"updates": n, "pinned": true}',
        ]
        return "a number of updates, " + " or ".join(forms)


SPANS: Mapping[str, Span] = {
    "length": Span(has_rest=True),
    "start": Span(),
    "updates": Span(fewest=1),
    "period": Span(has_fraction=False, fewest=1),  # a float is a number of updates there
}

# The fields of a node that are lengths, where it is not `length` alone.
_LENGTHS: Mapping[str, tuple[str, ...]] = {
    "affine": (),
    "every": ("updates",),
    "part": ("start", "length"),
    "wave": ("length", "period"),
}


def lengths_of(kind: str, inner: Document) -> dict[str, Any]:
    """The fields of a node that are lengths."""
    return {name: inner[name] for name in _LENGTHS.get(kind, ("length",)) if name in inner}


def is_span(name: str, value: object) -> bool:
    """Whether the field `name` of a node has one of the forms of `Span`, right or wrong."""
    span = SPANS.get(name)
    forms = (str, Mapping, float) if span and span.has_fraction else (str, Mapping)
    return span is not None and isinstance(value, forms)


def measures(tree: Document) -> Iterator[tuple[str, Any]]:
    """Every length of a tree, with the name of its field."""
    ((kind, inner),) = tree.items()
    if isinstance(inner, list | tuple):
        for one in inner:
            yield from measures(one)
        return
    yield from lengths_of(kind, inner).items()
    if "of" in inner:
        yield from measures(inner["of"])


def depends(tree: Document) -> bool:
    """Whether a tree has no length of its own, some of its lengths being fractions or rests."""
    return any(
        is_span(name, value) and not isinstance(value, Mapping) for name, value in measures(tree)
    )


def counts(tree: Document) -> bool:
    """Whether some length of a tree is a mere number of updates, which scales."""
    return any(not is_span(name, value) for name, value in measures(tree))


def taken(tree: Document, updates: int, reference: int) -> int:
    """The updates the lengths of a tree add up to, before any is stretched; see `resolved`."""
    return _nearest(_Layout(updates, updates / reference).size(tree))


def resolved(tree: Document, updates: int, reference: int, field: str = "node") -> dict[str, Any]:
    """The tree with integers for all lengths, taking so many updates.

    Args:
        tree: the JSON of a tree, complete.
        updates: what there is, >= 1.
        reference: over how many updates its integers are meant; they are in proportion over others.
        field: where the tree stands.

    Raises `InvalidValue` naming the node whose lengths take more than there is, or leave some.

    >>> tree = {"sequence": [{"hold": {"length": 0.5}}, {"hold": {"length": 2}},
    ...     {"hold": {"length": "rest"}}]}
    >>> [part["hold"]["length"] for part in resolved(tree, 20, 10)["sequence"]]
    [10, 4, 6]
    """
    layout = _Layout(updates, updates / reference)
    share(field, updates, [layout.ask(tree)])  # refuses what does not fit
    return layout.filled(tree, updates, field)


@final
@dataclass(frozen=True, slots=True)
class _Layout:
    """What lengths mean: fractions of a span, integers times a scale."""

    span: int
    scale: float

    def ask(self, tree: Document) -> Ask:
        """What a node asks for."""
        ((kind, inner),) = tree.items()
        if isinstance(inner, list | tuple):
            asks = [self.ask(one) for one in inner]
            return sum(asks, Ask()) if kind == SEQUENCE else _longest(asks)
        return self._measured(inner["length"]) if "length" in inner else self.ask(inner["of"])

    def _measured(self, value: Any) -> Ask:  # noqa: ANN401 # any form of a length
        match value:
            case str():
                return Ask(rests=1)
            case Mapping():
                return Ask(pinned=value["updates"])
            case float():
                return Ask(asked=value * self.span)
        return Ask(asked=value * self.scale)

    def size(self, tree: Document) -> float:
        """The updates a node takes that has nothing to fill; the whole span if it has a rest."""
        ask = self.ask(tree)
        return self.span if ask.rests else ask.pinned + ask.asked

    def filled(self, tree: Document, room: int, field: str) -> dict[str, Any]:
        """The node over so many updates."""
        ((kind, inner),) = tree.items()
        path = f"{field}.{kind}"
        if kind == SEQUENCE:
            parts = list(_flattened(inner, path))
            rooms = share(field, room, [self.ask(part) for part, _ in parts])
            filled = zip(parts, rooms, strict=True)
            return {kind: [self.filled(part, length, at) for (part, at), length in filled]}
        if isinstance(inner, list | tuple):
            return {kind: list(self._beside(inner, room, path))}
        return {kind: self._fields(kind, inner, room, path)}

    def _beside(self, nodes: Sequence[Document], room: int, path: str) -> Iterator[dict[str, Any]]:
        """Nodes at the same updates: the longest fills the room, the others are in proportion."""
        asks = [self.ask(node) for node in nodes]
        longest = _longest(asks)
        left = max(0, room - longest.pinned)
        is_stretched = longest.asked and not longest.rests
        for place, (node, ask) in enumerate(zip(nodes, asks, strict=True)):
            field = f"{path}[{place}]"
            if ask.pinned > room:
                words = f"pinned lengths of {ask.pinned:,} updates"
                raise InvalidValue(field, words, f"at most the {room:,} updates there are")
            asked = ask.asked * left / longest.asked if is_stretched else ask.asked
            wanted = room if ask.rests else _nearest(ask.pinned + asked)
            yield self.filled(node, min(room, wanted), field)

    def _fields(self, kind: str, inner: Document, room: int, path: str) -> dict[str, Any]:
        lengths = lengths_of(kind, inner).items()
        found: dict[str, Any] = {name: self._updates(name, value) for name, value in lengths}
        if "length" in inner:
            found["length"] = room
        if "of" in inner:
            # A loop plays a node of at least one update, even where it has no room itself.
            within = replace(self, span=max(1, room)) if kind == "loop" else self
            least = int(kind == "loop")
            own = max(least, _nearest(within.size(inner["of"]))) if "length" in inner else room
            found["of"] = within.filled(inner["of"], own, f"{path}.of")
        return {**inner, **found}

    def _updates(self, name: str, value: Any) -> float:  # noqa: ANN401 # any form of a length
        """A length that nothing is shared for: a period, a start, a stair."""
        if name == "period" and not isinstance(value, Mapping):
            return float(value * self.scale)
        ask = self._measured(value)
        return max(SPANS[name].fewest, _nearest(ask.pinned + ask.asked))


def _longest(asks: Sequence[Ask]) -> Ask:
    return max(asks, key=lambda ask: (ask.rests, ask.pinned + ask.asked))


def _flattened(nodes: Sequence[Document], path: str) -> Iterator[tuple[Document, str]]:
    """The nodes of a sequence and of those within it, each with its path."""
    for place, node in enumerate(nodes):
        at = f"{path}[{place}]"
        if SEQUENCE in node:
            yield from _flattened(node[SEQUENCE], f"{at}.{SEQUENCE}")
        else:
            yield node, at


def _nearest(updates: float) -> int:
    """The nearest whole number, half an update rounded down."""
    return math.ceil(updates - 0.5)
