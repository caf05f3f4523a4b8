"""The JSON Schema and the reader agree: what is written fits, what is refused does not."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tuning.errors import InvalidValue
from tuning.schedules import FAMILIES, Constant, Expression, OneCycle, Schedule, Warmup
from tuning.schedules.json_schema import schedule_schema

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool}


def is_typed(value: object, name: str) -> bool:
    """Whether a JSON value has a type of JSON Schema."""
    if name in TYPES:
        return isinstance(value, TYPES[name])
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (name == "number" or float(value).is_integer())  # type: ignore[arg-type]


def misfits(value: Any, schema: dict[str, Any]) -> Iterator[str]:  # noqa: ANN401, C901, PLR0912
    """Why a value does not fit; the keywords our schema uses, typed out from the standard."""
    for keyword, wanted in schema.items():
        match keyword, value:
            case "$schema" | "$id" | "$defs" | "title" | "description" | "then", _:
                pass
            case "$ref", _:
                yield from misfits(value, schedule_schema()["$defs"][wanted.rpartition("/")[2]])
            case "const", _:
                yield from () if value == wanted else (f"not {wanted}",)
            case "enum", _:
                yield from () if value in wanted else (f"{value} not among them",)
            case "type", _:
                yield from () if is_typed(value, wanted) else (f"{value} is no {wanted}",)
            case "minimum", int() | float():
                yield from () if value >= wanted else (f"{value} < {wanted}",)
            case "exclusiveMinimum", int() | float():
                yield from () if value > wanted else (f"{value} <= {wanted}",)
            case "maximum", int() | float():
                yield from () if value <= wanted else (f"{value} > {wanted}",)
            case "pattern", str():
                yield from () if re.search(wanted, value) else (f"{value} is no {wanted}",)
            case ("minLength", str()) | ("minItems", list()) | ("minProperties", dict()):
                yield from () if len(value) >= wanted else ("too few",)
            case ("maxLength", str()) | ("maxItems", list()) | ("maxProperties", dict()):
                yield from () if len(value) <= wanted else ("too many",)
            case "items", list():
                yield from (why for one in value for why in misfits(one, wanted))
            case "required", dict():
                yield from (f"no {name}" for name in wanted if name not in value)
            case "properties", dict():
                for name in wanted.keys() & value.keys():
                    yield from misfits(value[name], wanted[name])
            case "additionalProperties", dict():
                extra = value.keys() - schema.get("properties", {}).keys()
                for name in extra:
                    yield from misfits(value[name], wanted) if wanted else (f"extra {name}",)
            case "propertyNames", dict():
                yield from (why for name in value for why in misfits(name, wanted))
            case "anyOf", _:
                yield from () if any(fits(value, one) for one in wanted) else ("no alternative",)
            case "allOf", _:
                yield from (why for one in wanted for why in misfits(value, one))
            case "if", _:
                yield from misfits(value, schema["then"]) if fits(value, wanted) else ()
            case known, _:
                assert known in {
                    "minimum",
                    "maximum",
                    "exclusiveMinimum",
                    "pattern",
                    "items",
                    "minItems",
                    "maxItems",
                    "required",
                    "properties",
                    "additionalProperties",
                    "propertyNames",
                    "minProperties",
                    "maxProperties",
                }, known


def fits(value: object, schema: dict[str, Any]) -> bool:
    """Whether a value fits."""
    return not list(misfits(value, schema))


def written(kind: str, horizon: int = 40) -> Any:  # noqa: ANN401 # JSON
    """A document as it travels."""
    warmup = Warmup(4, start=0.1)
    family = FAMILIES[kind](0.1, warmup=warmup)
    channels = {"momentum": OneCycle(0.95), "weight_decay": Constant(0.1, warmup=warmup)}
    schedule = Schedule(family, horizon, channels=channels, groups={"head": 2.0})
    return json.loads(json.dumps(schedule.document(table=True)))


HOLD: dict[str, Any] = {"hold": {"length": "rest"}}
PINNED: dict[str, Any] = {"updates": 4, "pinned": True}
CURVED: dict[str, Any] = {"start": 1, "end": 0, "curve": "cosine", "phase": [0, -0.5]}


@pytest.mark.parametrize(
    "node",
    [
        HOLD,
        {"sequence": [{"ramp": {"length": 0.25, **CURVED}}, {"sequence": [HOLD]}]},
        {"hold": {"length": 1.0}},
        {"sequence": [{"hold": {"length": PINNED}}, {"noise": {"length": 3}}, HOLD]},
        {"loop": {"length": "rest", "of": {"samples": {"length": 0.5, "values": [1, 0]}}}},
        {
            "part": {
                "start": 0.5,
                "length": "rest",
                "of": {"every": {"updates": PINNED, "of": HOLD}},
            }
        },
        {"affine": {"low": -1, "high": 1, "of": {"wave": {"length": "rest", "period": PINNED}}}},
        {"max": [{"points": {"length": 0.5, "at": [0, 1], "values": [1, 2]}}, HOLD]},
        {"over": {"updates": 20, "of": {"sequence": [{"hold": {"length": 3}}, HOLD]}}},
    ],
)
def test_lengths_of_all_forms_fit(node: dict[str, Any]) -> None:
    """As users write them, and as they are written from it."""
    schedule = Schedule(Expression(0.1, node=node), 40)
    document = json.loads(json.dumps(schedule.document(table=True)))
    for one in (document, {**document, "params": {"node": node}}):
        assert list(misfits(one, schedule_schema())) == []
        assert Schedule.from_document(one) == schedule


@pytest.mark.parametrize("kind", FAMILIES)
def test_what_is_written_fits(kind: str) -> None:
    """Documents of all families, with their tables; one field more does not."""
    schema = schedule_schema()
    document = written(kind)
    assert list(misfits(document, schema)) == []
    assert not fits({**document, "surprise": 1}, schema)
    assert not fits({**document, "params": {**document["params"], "surprise": 1}}, schema)


@pytest.mark.parametrize(
    ("kind", "path", "value"),
    [
        ("wsd", ("format",), "glideslope/schedule@2"),
        ("wsd", ("horizon",), 0),
        ("wsd", ("horizon",), 1.5),
        ("wsd", ("family",), "wsdd"),
        ("wsd", ("peak",), 0.0),
        ("wsd", ("peak",), "0.1"),
        ("wsd", ("end",), "never"),
        ("wsd", ("after_end",), None),
        ("wsd", ("warmup", "length"), -0.1),
        ("wsd", ("warmup", "length"), 1.5),
        ("wsd", ("warmup", "curve"), "steep"),
        ("wsd", ("warmup", "phase"), [3, 3]),
        ("wsd", ("warmup", "pinned"), 1),
        ("wsd", ("warmup", "updates"), 4),
        ("wsd", ("params", "cooldown"), "hot"),
        ("wsd", ("params", "floor"), 2.0),
        ("wsd", ("params",), []),
        ("wsd", ("table", "values"), "many"),
        ("wsd", ("table", "size"), 40),
        ("step", ("params", "drops"), 0),
        ("step", ("params", "drop_factor"), 0.0),
        ("knots", ("params", "values"), [1.0]),
        ("plateau", ("params", "best_in_cooldown"), "yes"),
        ("expression", ("params", "node"), {"ramps": {}}),
        ("expression", ("params", "node"), {}),
        ("expression", ("params", "node"), {"ramp": {"length": 0.5, "start": 1.0}}),
        ("expression", ("params", "node"), {"hold": {"length": 0.5, "level": 1.0}}),
        ("expression", ("params", "node"), {"hold": {"length": 1.5}}),
        ("expression", ("params", "node"), {"hold": {"length": -1}}),
        ("expression", ("params", "node"), {"hold": {"length": "all"}}),
        ("expression", ("params", "node"), {"hold": {"length": {"updates": 4}}}),
        ("expression", ("params", "node"), {"hold": {"length": {"updates": 0.5, "pinned": True}}}),
        ("expression", ("params", "node"), {"hold": {"length": 1, "value": "rest"}}),
        ("expression", ("params", "node"), {"sequence": []}),
        ("expression", ("params", "node"), {"min": [{"hold": {"length": None}}]}),
        ("expression", ("params", "node"), {"every": {"updates": "rest", "of": HOLD}}),
        ("expression", ("params", "node"), {"every": {"updates": 0, "of": HOLD}}),
        ("expression", ("params", "node"), {"every": {"updates": 0.5}}),
        ("expression", ("params", "node"), {"part": {"start": "rest", "length": 1, "of": HOLD}}),
        ("expression", ("params", "node"), {"wave": {"length": 1, "period": 0.0}}),
        ("expression", ("params", "node"), {"over": {"updates": 4}}),
        ("expression", ("params", "node"), {"over": {"updates": 0.5, "of": HOLD}}),
        ("expression", ("params", "node"), {"sequence": [{"over": {"updates": 4, "of": HOLD}}]}),
        ("plateau", ("params", "node"), {"hold": {"length": "all"}}),
        ("change_on_plateau", ("params", "nodes"), [{"hold": {"length": 2.5}}]),
        ("wsd", ("channels",), []),
        ("wsd", ("channels", "beta2"), {"family": "constant", "peak": 0.9}),
        ("wsd", ("channels", "momentum"), 0.9),
        ("wsd", ("channels", "momentum"), {"family": "constant"}),
        ("wsd", ("channels", "momentum", "peak"), -1.0),
        ("wsd", ("channels", "momentum", "horizon"), 40),
        ("wsd", ("channels", "weight_decay", "params"), {"floor": 0.1}),
        ("wsd", ("channels", "weight_decay", "warmup", "steps"), -1),
        ("wsd", ("groups",), [2.0]),
        ("wsd", ("groups", "head"), 0.0),
        ("wsd", ("groups", "head"), "2"),
        ("wsd", ("groups", ""), 1.0),
        ("wsd", ("groups", "x" * 129), 1.0),
    ],
)
def test_schema_and_reader_refuse_the_same(kind: str, path: tuple[str, ...], value: object) -> None:
    """A value outside its range is outside it for both."""
    document = written(kind)
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert not fits(document, schedule_schema())
    with pytest.raises(InvalidValue):
        Schedule.from_document(document)


@pytest.mark.parametrize("name", ["format", "horizon", "family", "peak"])
def test_what_is_needed_is_needed(name: str) -> None:
    """For both."""
    document = written("cosine")
    del document[name]
    assert not fits(document, schedule_schema())
    with pytest.raises(InvalidValue, match=name):
        Schedule.from_document(document)
