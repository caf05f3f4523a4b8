"""Controls: what a form asks for, and how an objective's settings become controls.

The one idea: a control is made from the JSON Schema that refuses its value; a type that no control
is made for is asked for as JSON, so that there is none that cannot be set.
Not here: how a control looks (`templates/parts/fields.html`), what is allowed.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal[
    "integer",
    "number",
    "text",
    "prose",
    "choice",
    "numbers",
    "json",
    "schedules",
    "moment",
    "bounds",
]

HEADING = re.compile(r"[A-Z][a-z]+:")  # of a section of a docstring, as `Args:`
NAMED = re.compile(r"(\w+): (.*)")


@dataclass(frozen=True, slots=True)
class Option:
    """What can be chosen: a value as JSON, and what it is called."""

    value: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """What a form asks for.

    Args:
        pointer: where its value goes in the request.
        id: of its element; no other of the page has it.
        label: its name.
        kind: what is typed or chosen, and how it is read.
        help: what it means, as words that go on from its name, with code between backticks.
        limits: what is allowed, in words.
        placeholder: what holds if it is left alone.
        options: of a choice.
        is_nullable: whether the word `null` means none, for what holds is another value.
    """

    pointer: str
    id: str
    label: str
    kind: Kind
    help: str = ""
    limits: str = ""
    placeholder: str = ""
    options: tuple[Option, ...] = ()
    is_nullable: bool = False


def pointer(*steps: str) -> str:
    """A JSON pointer (RFC 6901).

    >>> pointer("config", "a/b~")
    '/config/a~1b~0'
    """
    return "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)


def settings_controls(
    schema: Mapping[str, Any], prefix: str, datasets: Sequence[Option] | None
) -> tuple[Control, ...]:
    """A control for every setting of an objective.

    Args:
        schema: the JSON Schema of its settings.
        prefix: begins the ids of their elements.
        datasets: those that the setting `dataset` may name; None if it is a setting like others.
    """
    told = described(schema.get("description", ""))
    controls = []
    for name, one in schema.get("properties", {}).items():
        choices = datasets if name == "dataset" else None
        controls.append(_setting(name, one, f"{prefix}-{name}", told.get(name, ""), choices))
    return tuple(controls)


def _setting(
    name: str, schema: Mapping[str, Any], element: str, told: str, choices: Sequence[Option] | None
) -> Control:
    inner, is_optional = _without_null(schema)
    default = schema.get("default")
    is_nullable = is_optional and default is not None
    kind = "choice" if choices is not None else _kind(inner)
    if choices is None:
        choices = [Option(json.dumps(one), _word(one)) for one in _values(inner)]
        choices += [Option("null", "none")] if choices and is_nullable else []
    return Control(
        pointer=pointer("config", name),
        id=element,
        label=name.replace("_", " "),
        kind=kind,
        help=told,
        limits=_limits(inner),
        placeholder=_word(default),
        options=tuple(choices),
        is_nullable=is_nullable,
    )


def _without_null(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """What a schema allows beside null, and whether it allows null."""
    branches = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(branches) == len(schema.get("anyOf", ())):
        return schema, False
    return branches[0] if len(branches) == 1 else {}, True


def _kind(schema: Mapping[str, Any]) -> Kind:
    if "enum" in schema or schema.get("type") == "boolean":
        return "choice"
    match schema.get("type"):
        case "integer":
            return "integer"
        case "number":
            return "number"
        case "string":
            return "text"
        case "array" if schema.get("items", {}).get("type") in {"integer", "number"}:
            return "numbers"
    return "json"


def _values(schema: Mapping[str, Any]) -> Sequence[Any]:
    return (True, False) if schema.get("type") == "boolean" else schema.get("enum", ())


def _word(value: object) -> str:
    """A value as it is shown to people."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case str():
            return value
        case list() | tuple() if all(isinstance(one, int | float) for one in value):
            return ", ".join(map(str, value)) or "none"
    return json.dumps(value)


def _limits(schema: Mapping[str, Any]) -> str:
    """The limits of a number, or of every number of a list, in words.

    >>> _limits({"minimum": 1, "maximum": 4096}), _limits({"exclusiveMinimum": 0.0})
    ('1 to 4,096', 'above 0')
    """
    if "items" in schema:
        return ", each ".join(filter(None, ("numbers with commas", _limits(schema["items"]))))
    low, above, high = (schema.get(name) for name in ("minimum", "exclusiveMinimum", "maximum"))
    if low is not None and high is not None:
        return f"{_figure(low)} to {_figure(high)}"
    ends = (("at least", low), ("above", above), ("at most", high))
    return ", ".join(f"{words} {_figure(end)}" for words, end in ends if end is not None)


def _figure(number: float) -> str:
    """A number without needless decimals.

    >>> _figure(1000.0), _figure(1e-06)
    ('1,000', '1e-06')
    """
    return f"{int(number):,}" if float(number).is_integer() else f"{number:g}"


def described(docstring: str) -> dict[str, str]:
    r"""What a docstring says of each argument.

    >>> described("Settings.\n\nArgs:\n    batch: rows\n        per update.\n    l2: weight.")
    {'batch': 'rows per update.', 'l2': 'weight.'}
    """
    _, _, section = docstring.partition("Args:\n")
    told: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if HEADING.fullmatch(line.strip()):
            break
        found = NAMED.fullmatch(line.strip())
        if found and _indent(line) == _indent(section):
            name, told[found[1]] = found[1], found[2]
        elif name:
            told[name] = f"{told[name]} {line.strip()}".strip()
    return told


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())
