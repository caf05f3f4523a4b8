"""JSON Schema: what a portable document may look like, for programs without Glideslope.

The one idea: the schema is derived from the limits that stand beside the fields, so it cannot say
anything else than the reader does. What a schema cannot say (that lengths fit into the horizon,
that the table is the family's) only the reader refuses.
Not here: reading (`tuning.schedules.documents`).
"""

import math
from dataclasses import Field, fields
from typing import Any, Literal, get_args, get_origin

from tuning.schedules.channels import CHANNELS, LONGEST_NAME, MOST_GROUPS
from tuning.schedules.combine import OPERATIONS
from tuning.schedules.curves import CURVES, Curve
from tuning.schedules.documents import FORM, FORMAT, NEEDED, OPTIONAL, REQUIRED
from tuning.schedules.expressions import (
    AROUND,
    KINDS_OF_FIELDS,
    LARGEST_VALUE,
    OVER,
    SOME_UPDATES,
    Check,
    Grown,
    read_curve,
    read_numbers,
    read_phase,
    read_places,
)
from tuning.schedules.families import FAMILIES, Family, Warmup
from tuning.schedules.families.warmup import PHASES, OffsetLimit
from tuning.schedules.limits import Among, Each, Flag, Integer, Number, OrNone, Share
from tuning.schedules.schedule import MAX_HORIZON
from tuning.schedules.spans import LONGEST, REST, SEQUENCE, SPANS, Span, lengths_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
SHA256: dict[str, Any] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}


def schedule_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a schedule's document.

    >>> schedule_schema()["properties"]["format"]
    {'const': 'glideslope/schedule@1'}
    """
    return {
        "$schema": DIALECT,
        "$id": f"urn:{FORMAT.replace('/', ':')}",
        "title": "A learning-rate schedule",
        "description": (
            "Update t (from 0 to horizon - 1) is multiplied by the learning rate table.values[t]; "
            "family, peak, warmup and params say the same as a formula."
        ),
        **_object({name: PROPERTIES[name] for name in (*REQUIRED, *OPTIONAL)}, REQUIRED),
        "allOf": [PARAMS],
        "$defs": {
            "tree": _tree(),
            "node": _node(),
            "params": {"allOf": [_when(kind, family) for kind, family in FAMILIES.items()]},
            "channel": {
                **_object({name: PROPERTIES[name] for name in (*NEEDED, *FORM)}, NEEDED),
                "allOf": [PARAMS],
            },
        },
    }


def _object(properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """A closed object."""
    needed = {"required": list(required)} if required else {}
    return {
        "type": "object",
        "properties": properties,
        **needed,
        "additionalProperties": False,
    }


def _when(kind: str, family: type[Family]) -> dict[str, Any]:
    """The parameters of one family."""
    own = family.own_fields()
    params = {entry.name: _field(entry) for entry in fields(family) if entry.name in own}
    summary = (family.__doc__ or "").strip().splitlines()[0]
    return {
        "if": {"properties": {"family": {"const": kind}}},
        "then": {"properties": {"params": {"description": summary, **_object(params)}}},
    }


def _field(entry: Field[Any]) -> dict[str, Any]:
    """What a field of a frozen value may hold."""
    if get_origin(entry.type) is Literal:
        return {"enum": list(get_args(entry.type))}
    (limit,) = get_args(entry.type)[1:]
    return limit_schema(limit)


def limit_schema(limit: object) -> dict[str, Any]:  # noqa: PLR0911 # one for each kind of limit
    """What is within a limit.

    >>> limit_schema(Integer(1, 9))
    {'type': 'integer', 'minimum': 1, 'maximum': 9}
    """
    match limit:
        case Number():
            low = "exclusiveMinimum" if limit.above else "minimum"
            high = {"maximum": limit.high} if limit.high < math.inf else {}
            return {"type": "number", low: limit.low, **high}
        case Integer():
            return {"type": "integer", "minimum": limit.low, "maximum": limit.high}
        case Share():
            fraction = {"type": "number", "minimum": 0.0, "maximum": limit.longest}
            return {"anyOf": [fraction, {"type": "integer", "minimum": 0}]}
        case Flag():
            return {"type": "boolean"}
        case OrNone():
            return {"anyOf": [limit_schema(limit.limit), {"type": "null"}]}
        case Among():
            return {"enum": list(limit.names)}
        case OffsetLimit():
            return {"enum": [list(phase) for phase in PHASES]}
        case Grown():
            return {"$ref": "#/$defs/tree"}
        case Each():
            most = {"maxItems": limit.most} if limit.most < math.inf else {}
            items = limit_schema(limit.limit)
            return {"type": "array", "items": items, "minItems": limit.fewest, **most}
    raise TypeError(f"no JSON Schema of {limit!r}")


def _tree() -> dict[str, Any]:
    """A node, with the updates its numbers are meant over if it needs to say so."""
    over = _object({"updates": limit_schema(SOME_UPDATES), "of": NODE}, ("updates", "of"))
    return {"anyOf": [NODE, _object({OVER: over}, (OVER,))]}


def _node() -> dict[str, Any]:
    """A node of the algebra: an object with one key, its kind."""
    several = {"type": "array", "items": NODE, "minItems": 1}
    kinds = {
        **{kind: _kind(kind) for kind in KINDS_OF_FIELDS},
        **dict.fromkeys((SEQUENCE, *OPERATIONS), several),
    }
    summary = "A node of the algebra: an object with one key, its kind."
    return {"description": summary, **_object(kinds), "minProperties": 1, "maxProperties": 1}


def _kind(kind: str) -> dict[str, Any]:
    """The fields of a node."""
    _, needed, optional = KINDS_OF_FIELDS[kind]
    known = {**needed, **optional}
    spans = lengths_of(kind, known)
    properties = {
        name: {"anyOf": [_check(check), *_span(SPANS[name])]} if name in spans else _check(check)
        for name, check in known.items()
    }
    if kind not in AROUND:
        return _object(properties, tuple(needed))
    return _object({**properties, "of": NODE}, (*needed, "of"))


def _check(check: Check) -> dict[str, Any]:
    return READ[check] if check in READ else limit_schema(check)


def _span(span: Span) -> list[dict[str, Any]]:
    """The forms of a length that is no mere number."""
    updates = limit_schema(Integer(span.fewest, LONGEST))
    pinned = _object({"updates": updates, "pinned": {"type": "boolean"}}, ("updates", "pinned"))
    fraction = Number(0.0, 1.0, above=span.fewest > 0)
    return [
        *([limit_schema(fraction)] if span.has_fraction else []),
        *([{"const": REST}] if span.has_rest else []),
        pinned,
    ]


def _common(name: str) -> dict[str, Any]:
    return next(_field(entry) for entry in fields(Family) if entry.name == name)


PARAMS: dict[str, Any] = {"$ref": "#/$defs/params"}
UPDATES = Integer(0, MAX_HORIZON)
NODE: dict[str, Any] = {"$ref": "#/$defs/node"}
VALUE: dict[str, Any] = {"type": "number", "minimum": -LARGEST_VALUE, "maximum": LARGEST_VALUE}
NUMBERS: dict[str, Any] = {"type": "array", "items": VALUE, "minItems": 1}
PLACES: dict[str, Any] = {"type": "number", "minimum": 0.0, "maximum": 1.0}
# What the readers of fields of nodes accept that are no limits.
READ: dict[Check, dict[str, Any]] = {
    read_curve: {
        "anyOf": [
            {"enum": list(CURVES)},
            _object(
                {one.name: NUMBERS if one.name == "args" else _field(one) for one in fields(Curve)}
            ),
        ]
    },
    read_numbers: NUMBERS,
    read_phase: {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
    read_places: {"type": "array", "items": PLACES, "minItems": 2},
}
PROPERTIES: dict[str, Any] = {
    "format": {"const": FORMAT},
    "horizon": limit_schema(Integer(1, MAX_HORIZON)),
    "family": {"enum": list(FAMILIES)},
    "peak": _common("peak"),
    "warmup": _object(
        {"steps": limit_schema(UPDATES), **{entry.name: _field(entry) for entry in fields(Warmup)}}
    ),
    "params": {"type": "object"},
    "end": _common("end"),
    "after_end": _common("after_end"),
    "identity": SHA256,
    "table": _object(
        {
            "sha256": SHA256,
            "values": {
                "type": "array",
                "items": {"type": "number"},
                "minItems": 1,
                "maxItems": MAX_HORIZON,
            },
        }
    ),
    "channels": _object(
        {
            name: {"description": f"{channel.help}, {channel.holds}.", "$ref": "#/$defs/channel"}
            for name, channel in CHANNELS.items()
        }
    ),
    "groups": {
        "description": "Factors of the learning rate, by the names of parameter groups.",
        "type": "object",
        "propertyNames": {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME},
        "additionalProperties": limit_schema(Number(above=True)),
        "maxProperties": MOST_GROUPS,
    },
}
