"""Expressions: trees of nodes as JSON, there and back.

The one idea: every node writes itself as an object with one key, its kind; `read_node` looks the
kind up in a table and checks each field by the limit that stands beside it. `Tree` is a frozen
value that holds the JSON of a node, so that a family can have a whole expression as a field; its
lengths may depend on how many updates there are.
Not here: the nodes (`compose`, `combine`, `points`, `waves`, `noise`), what lengths mean (`spans`).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias, final, get_args

from tuning.errors import InvalidValue, UnknownName
from tuning.schedules.combine import OPERATIONS, Combine, Every, Loop, Part, Turn
from tuning.schedules.compose import Affine, Node, Ramp, Sequence, hold
from tuning.schedules.curves import BASES, CURVES, Curve
from tuning.schedules.limits import Among, Each, Flag, Integer, Number, check_known
from tuning.schedules.noise import Noise
from tuning.schedules.points import Between, Points, Samples, Scale, Through
from tuning.schedules.spans import (
    LONGEST,
    SPANS,
    Document,
    Span,
    counts,
    depends,
    is_span,
    lengths_of,
    measures,
    resolved,
    taken,
)
from tuning.schedules.waves import Wave

DEEPEST = 64
MOST_NODES = 100_000
LARGEST_VALUE = 1e6

Check: TypeAlias = Callable[[str, object], Any]
Fields: TypeAlias = Mapping[str, Check]

UPDATES = Integer(0, LONGEST)
SOME_UPDATES = Integer(1, LONGEST)
VALUE = Number(-LARGEST_VALUE, LARGEST_VALUE)
FRACTION = Number(0.0, 1.0)
POSITIVE = Number(above=True)


def read_curve(field: str, value: object) -> Curve:
    """A curve by its name in `CURVES`, or by its fields."""
    if isinstance(value, str):
        return CURVES[Among(CURVES)(field, value)]
    document = _object(field, value)
    check_known(document, ("base", "warp", "power", "args"), field)
    named = dict(document)
    base = Among(BASES)(f"{field}.base", named.get("base", "linear"))
    if "args" in named:
        named["args"] = read_numbers(f"{field}.args", named["args"])
    try:
        return Curve(**{**named, "base": base})
    except InvalidValue as error:
        raise error.under(field) from error


def read_phase(field: str, value: object) -> tuple[float, float]:
    """A pair of offsets; whole ones stay integers."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise InvalidValue(field, value, "two numbers")
    a, b = (
        part if isinstance(part, int) and not isinstance(part, bool) else VALUE(field, part)
        for part in value
    )
    return a, b


def read_numbers(field: str, value: object) -> tuple[float, ...]:
    """Some numbers, at least one."""
    if not isinstance(value, list | tuple) or not value:
        raise InvalidValue(field, value, "a list of at least one number")
    return VALUE.each(field, value)


def read_places(field: str, value: object) -> tuple[float, ...]:
    """At least two increasing numbers from 0 to 1."""
    places = read_numbers(field, value)
    increasing = all(one < other for one, other in pairwise(places))
    if len(places) < 2 or not increasing or places[0] < 0.0 or places[-1] > 1.0:
        raise InvalidValue(field, list(places), "at least 2 increasing numbers from 0 to 1")
    return places


_CURVED: Fields = {"curve": read_curve, "phase": read_phase}

# What of a node is needed, and what may be left out.
_RAMP: Fields = {"length": UPDATES, "start": VALUE, "end": VALUE}
LEAVES: Mapping[str, tuple[Callable[..., Node], Fields, Fields]] = MappingProxyType(
    {
        "ramp": (Ramp, _RAMP, {**_CURVED, "order": VALUE}),
        "hold": (hold, {"length": UPDATES}, {"value": VALUE}),
        "samples": (
            Samples,
            {"length": UPDATES, "values": read_numbers},
            {"between": Among(get_args(Between)), "phase": read_phase},
        ),
        "noise": (
            Noise,
            {"length": UPDATES},
            {"seed": Integer(0, 2**63 - 1), "variance": Number(), "decay": Number()},
        ),
        "points": (
            Points,
            {"length": UPDATES, "at": read_places, "values": read_numbers},
            {
                "through": Among(get_args(Through)),
                "scale": Among(get_args(Scale)),
                "phase": read_phase,
            },
        ),
        "wave": (
            Wave,
            {"length": UPDATES, "period": POSITIVE},
            {
                "curve": read_curve,
                "rise": FRACTION,
                "offset": FRACTION,
                "decay": POSITIVE,
                "late": Flag(),
            },
        ),
    }
)
AROUND: Mapping[str, tuple[Callable[..., Node], Fields, Fields]] = MappingProxyType(
    {
        "affine": (Affine, {"low": VALUE, "high": VALUE}, {}),
        "every": (Every, {"updates": SOME_UPDATES}, {}),
        "part": (Part, {"start": UPDATES, "length": UPDATES}, {}),
        "loop": (Loop, {"length": UPDATES}, {"turn": Among(get_args(Turn))}),
    }
)
OVER = "over"
KINDS_OF_FIELDS = MappingProxyType({**LEAVES, **AROUND})
KINDS = (*KINDS_OF_FIELDS, "sequence", *OPERATIONS)


def read_node(document: object, field: str = "node") -> Node:
    """The node of a JSON document, as `Node.document` writes it; fields with defaults may lack.

    Raises `InvalidValue` naming the field by its path, such as `node.sequence[1].ramp.length`.

    >>> read_node({"sequence": [{"hold": {"length": 3}}, {"ramp": {"length": 1, "start": 1,
    ...     "end": 0, "curve": "cosine"}}]}).length
    4
    """
    return _Reader().read(field, document, 0)


class _Reader:
    """Counts nodes while it reads them, as a tree may be deep or wide but not without end.

    With `has_spans`, lengths may be spans; in the node they are a single update.
    """

    def __init__(self, *, has_spans: bool = False) -> None:
        self.nodes = 0
        self.has_spans = has_spans

    def read(self, field: str, document: object, depth: int) -> Node:
        self.nodes += 1
        if depth > DEEPEST or self.nodes > MOST_NODES:
            allowed = f"at most {MOST_NODES:,} nodes, {DEEPEST} deep"
            raise InvalidValue(field, f"{self.nodes:,} nodes, {depth} deep", allowed)
        content = _object(field, document)
        if len(content) != 1:
            raise InvalidValue(field, sorted(content), "an object with one key, the kind of node")
        kind, inner = next(iter(content.items()))
        if kind not in KINDS:
            raise UnknownName(field, kind, KINDS)
        return self._read_kind(kind, f"{field}.{kind}", inner, depth + 1)

    def _read_kind(self, kind: str, field: str, inner: object, depth: int) -> Node:
        if kind not in KINDS_OF_FIELDS:
            nodes = self._several(field, inner, depth)
            return Sequence(nodes) if kind == "sequence" else Combine(kind, nodes)  # type: ignore[arg-type] # a key of OPERATIONS
        make, *known = KINDS_OF_FIELDS[kind]
        needed, optional = (self._fields(kind, inner, one) for one in known)
        if kind not in AROUND:
            return _make(make, field, _checked(field, inner, needed, optional))
        checked = _checked(field, inner, needed, optional, ("of",))
        of = self.read(f"{field}.of", _object(field, inner)["of"], depth)
        return _make(make, field, {"node": of, **checked})

    def _several(self, field: str, inner: object, depth: int) -> tuple[Node, ...]:
        if not isinstance(inner, list | tuple) or not inner:
            raise InvalidValue(field, inner, "a list of at least one node")
        return tuple(self.read(f"{field}[{place}]", one, depth) for place, one in enumerate(inner))

    def _fields(self, kind: str, inner: object, known: Fields) -> Fields:
        """The checks of fields, those of spans among them if there may be any."""
        if not self.has_spans or not isinstance(inner, Mapping):
            return known
        lengths = lengths_of(kind, inner).items()
        spans = {name: _stand_in(SPANS[name]) for name, value in lengths if is_span(name, value)}
        return {name: spans.get(name, check) for name, check in known.items()}


def _stand_in(span: Span) -> Check:
    def check(field: str, value: object) -> int:
        span(field, value)
        return 1

    return check


def _object(field: str, value: object) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidValue(field, value, "an object")
    return value


def _checked(
    field: str, value: object, needed: Fields, optional: Fields, others: tuple[str, ...] = ()
) -> dict[str, Any]:
    """The fields of an object, each checked; raises for a missing and for an unknown one."""
    content = _object(field, value)
    known = {**needed, **optional}
    check_known(content, (*known, *others), field)
    for name in (*needed, *others):
        if name not in content:
            raise InvalidValue(f"{field}.{name}", None, "a field of every such node")
    return {
        name: check(f"{field}.{name}", content[name])
        for name, check in known.items()
        if name in content
    }


def _make(make: Callable[..., Node], field: str, named: Mapping[str, Any]) -> Node:
    if "at" in named and len(named["at"]) != len(named["values"]):
        raise InvalidValue(f"{field}.values", len(named["values"]), "as many as places in `at`")
    if named.get("scale") == "log" and min(named["values"]) <= 0.0:
        raise InvalidValue(f"{field}.values", min(named["values"]), "above 0 on a log scale")
    try:
        return make(**named)
    except InvalidValue as error:
        raise error.under(field) from error


@final
class Tree(dict[str, Any]):
    """The JSON of a node as a value: made once, compared and hashed by content, not changed.

    A tree whose lengths are mere numbers of updates is laid out in proportion to them. One with
    fractions or rests may say over how many updates its other numbers are meant: {"over":
    {"updates": n, "of": tree}}; else they are meant over what there is.
    """

    def __eq__(self, other: object) -> bool:
        """Whether both say the same: a length of 1.0 is all there is, one of 1 is an update."""
        if not isinstance(other, Mapping) or not super().__eq__(other):
            return False
        pairs = zip(measures(self), measures(other), strict=True)
        return all(type(one) is type(two) for (_, one), (_, two) in pairs)

    __ne__ = object.__ne__  # the opposite; a dict has one of its own

    def __hash__(self) -> int:  # type: ignore[override] # never changed once made
        """The hash of the canonical JSON."""
        return hash(json.dumps(self, sort_keys=True))

    @property
    def length(self) -> int | None:
        """The updates it takes by itself; none if it depends on what there is."""
        return None if depends(self) else taken(self, 1, 1)

    def taken(self, room: int) -> int:
        """The updates its lengths add up to, before they are stretched over the `room` there is."""
        tree, reference = self._meant(room)
        own = self.length
        return taken(tree, room, reference) if own is None else own

    def node(self, length: int, field: str = "node") -> Node:
        """The node, laid out over so many updates; `field` is where the tree stands.

        Raises `InvalidValue` naming a node whose lengths do not fit.

        >>> tree = Grown()("node", {"sequence": [{"ramp": {"length": 0.2, "start": 0, "end": 1}},
        ...     {"hold": {"length": "rest"}}]})
        >>> [part.length for part in tree.node(10).nodes]
        [2, 8]
        """
        tree, reference = self._meant(length)
        if not any(is_span(name, value) for name, value in measures(tree)):
            return read_node(tree).fitted(length)
        if not length:  # the form it has over a single update
            return self.node(1, field).fitted(0)
        return read_node(resolved(tree, length, reference, field), field)

    def _meant(self, length: int) -> tuple[Document, int]:
        """The tree itself, and over how many updates its numbers are meant."""
        if OVER in self:
            return self[OVER]["of"], self[OVER]["updates"]
        return self, self.length or length or 1

    def stretched(self, updates: int) -> "Tree":
        """The same tree, its numbers of updates being meant over as many as given."""
        if OVER in self or not depends(self) or not counts(self):
            return self
        return Tree({OVER: {"updates": updates, "of": self}})


@dataclass(frozen=True, slots=True)
class Grown:
    """A node, or the JSON of one."""

    def __call__(self, field: str, value: object) -> Tree:
        """Return the complete JSON of the node, every field in it."""
        match value:
            case Tree():
                return value
            case Mapping() if set(value) == {OVER}:
                return _read_over(f"{field}.{OVER}", value[OVER])
            case Mapping():
                return _read_tree(field, value)
        return Tree(_own(field, value).document())


AnyTree = Annotated[Any, Grown()]
AnyTrees = Annotated[tuple[Any, ...], Each(Grown())]


def _read_over(field: str, value: object) -> Tree:
    content = _object(field, value)
    check_known(content, ("updates", "of"), field)
    updates = SOME_UPDATES(f"{field}.updates", content.get("updates"))
    tree = _read_tree(f"{field}.of", _object(f"{field}.of", content.get("of")))
    return tree.stretched(updates)


def _read_tree(field: str, value: Document) -> Tree:
    node = _Reader(has_spans=True).read(field, value, 0)
    return Tree(_with_spans(node.document(), value))


def _with_spans(complete: Document, written: Document) -> dict[str, Any]:
    """A complete tree that was read with its spans left out, and the spans that were written."""
    ((kind, inner),), (found,) = complete.items(), written.values()
    if isinstance(inner, list):
        return {kind: [_with_spans(*pair) for pair in zip(inner, found, strict=True)]}
    lengths = lengths_of(kind, found).items()
    spans = {name: SPANS[name](name, value) for name, value in lengths if is_span(name, value)}
    of = {"of": _with_spans(inner["of"], found["of"])} if "of" in inner else {}
    return {kind: {**inner, **spans, **of}}


def _own(field: str, value: object) -> Node:
    nodes = (Ramp, Sequence, Affine, Combine, Every, Part, Loop, Samples, Points, Wave, Noise)
    if not isinstance(value, nodes):
        raise InvalidValue(field, value, "a node, or the object that describes one")
    return read_node(value.document(), field)
