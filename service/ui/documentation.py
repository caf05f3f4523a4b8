"""The description of the API for people: OpenAPI as chapters of calls and shapes to read.

The one idea: nothing is told here that the description does not say of itself, so the page is never
behind the service; and it is made here, not by a program from elsewhere, so it needs no network.
Not here: what the description says (`service.api.documentation`).
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

Json = Mapping[str, Any]  # a part of the description

# Names of the least and the most in JSON Schema, and what they count.
BOUNDS = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " items"),
    ("minProperties", "maxProperties", " entries"),
)
MOST_TEXT = 4000  # characters of an example that is no JSON
SHOWN = "$GLIDESLOPE_API_KEY"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value may be, in words; `shape` names the one it holds, if it holds one."""

    words: str
    shape: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """A parameter or a field: where it goes, what it may be, what it is if left out."""

    name: str
    place: str
    kind: Kind
    limits: str
    default: str
    is_required: bool
    help: str


@dataclass(frozen=True, slots=True)
class Shape:
    """An object that goes in or out."""

    name: str
    paragraphs: Sequence[str]
    entries: Sequence[Entry]
    example: str


@dataclass(frozen=True, slots=True)
class Body:
    """What goes in, or comes out, as one media type."""

    media_type: str
    kind: Kind
    example: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer says by its status."""

    status: int
    words: str
    bodies: Sequence[Body]


@dataclass(frozen=True, slots=True)
class Operation:
    """A call: what it does, needs and answers."""

    id: str
    method: str
    path: str
    summary: str
    paragraphs: Sequence[str]
    scopes: Sequence[str]
    parameters: Sequence[Entry]
    bodies: Sequence[Body]
    answers: Sequence[Answer]
    errors: Sequence[Answer]
    command: str


@dataclass(frozen=True, slots=True)
class Chapter:
    """Calls that belong together."""

    name: str
    help: str
    operations: Sequence[Operation]


def chapters(description: Json) -> list[Chapter]:
    """All calls, by what they are about."""
    calls = [
        (one["tags"][0], _operation(description, method, path, one))
        for path, methods in description["paths"].items()
        for method, one in methods.items()
    ]
    return [
        Chapter(
            tag["name"], tag["description"], [one for name, one in calls if name == tag["name"]]
        )
        for tag in description["tags"]
    ]


def shapes(description: Json) -> list[Shape]:
    """All objects, by name."""
    return [
        Shape(
            name=name,
            paragraphs=_paragraphs(one),
            entries=list(_fields(one)),
            example=_text(one["examples"][0]) if one.get("examples") else "",
        )
        for name, one in sorted(description["components"]["schemas"].items())
    ]


def _operation(description: Json, method: str, path: str, one: Json) -> Operation:
    bodies = list(_bodies(description, one.get("requestBody", {})))
    answers = [
        Answer(int(status), _words(int(status), told), list(_bodies(description, told)))
        for status, told in sorted(one["responses"].items())
    ]
    return Operation(
        id=one["operationId"],
        method=method.upper(),
        path=path,
        summary=one["summary"],
        paragraphs=_paragraphs(one),
        scopes=[scope for need in one.get("security", ()) for scope in need.get("key", ())],
        parameters=[_parameter(parameter) for parameter in one.get("parameters", ())],
        bodies=bodies,
        answers=[answer for answer in answers if answer.status < HTTPStatus.BAD_REQUEST],
        errors=[answer for answer in answers if answer.status >= HTTPStatus.BAD_REQUEST],
        command=_command(method.upper(), path, bodies),
    )


def _paragraphs(one: Json) -> list[str]:
    return [" ".join(part.split()) for part in one.get("description", "").split("\n\n") if part]


def _words(status: int, told: Json) -> str:
    words: str = told["description"]
    return HTTPStatus(status).phrase if words == "Successful Response" else words


def _parameter(one: Json) -> Entry:
    return _entry(one["name"], one["schema"], one["in"], one.get("required", False), one)


def _fields(schema: Json) -> Iterator[Entry]:
    required = schema.get("required", ())
    for name, one in schema.get("properties", {}).items():
        yield _entry(name, one, "", name in required, one)


def _entry(name: str, schema: Json, place: str, is_required: bool, told: Json) -> Entry:
    default = schema.get("default")
    return Entry(
        name=name,
        place=place,
        kind=kind(schema),
        limits=", ".join(_limits(schema)),
        default="" if default is None else json.dumps(default, ensure_ascii=False),
        is_required=is_required,
        help=" ".join(told.get("description", "").split()),
    )


def kind(schema: Json) -> Kind:
    """What a value may be."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        return Kind(name, name)
    if "anyOf" in schema:
        kinds = [kind(one) for one in schema["anyOf"]]
        named = next((one.shape for one in kinds if one.shape), None)
        return Kind(" or ".join(one.words for one in kinds), named)
    if schema.get("type") == "array":
        held = kind(schema.get("items", {}))
        return Kind(f"list of {held.words}", held.shape)
    if isinstance(schema.get("additionalProperties"), Mapping):
        held = kind(schema["additionalProperties"])
        return Kind(f"{held.words} by name", held.shape)
    return Kind(_plain(schema))


def _plain(schema: Json) -> str:
    if "enum" in schema:
        return " | ".join(str(one) for one in schema["enum"])
    return "bytes" if schema.get("format") == "binary" else str(schema.get("type", "anything"))


def _limits(schema: Json) -> Iterator[str]:
    for one in (schema, *schema.get("anyOf", ())):
        if "exclusiveMinimum" in one:
            yield f"above {one['exclusiveMinimum']:,}"
        for least, most, what in BOUNDS:
            if least in one and most in one:
                yield f"{one[least]:,} to {one[most]:,}{what}"
            elif least in one:
                yield f"at least {one[least]:,}{what}"
            elif most in one and "enum" not in one:
                yield f"at most {one[most]:,}{what}"


def _bodies(description: Json, told: Json) -> Iterator[Body]:
    for media_type, one in told.get("content", {}).items():
        schema = one.get("schema", {})
        found = kind(schema)
        yield Body(media_type, found, _example(description, one, found))


def _example(description: Json, one: Json, found: Kind) -> str:
    """What the description gives as an example of a body, or of its shape."""
    if "example" in one:
        return _text(one["example"])
    if one.get("examples"):
        return _text(next(iter(one["examples"].values()))["value"])
    if found.words != found.shape:
        return ""
    examples = description["components"]["schemas"][found.shape].get("examples")
    return _text(examples[0]) if examples else ""


def _text(example: object) -> str:
    if isinstance(example, str):
        return example[:MOST_TEXT]
    return json.dumps(example, indent=2, ensure_ascii=False)


def _command(method: str, path: str, bodies: Sequence[Body]) -> str:
    """The call as a line of a shell; whoever copies it puts their ids into it."""
    words = ["curl", *(["-X", method] if method != "GET" else [])]
    lines = [" ".join(words) + f' "$GLIDESLOPE_URL{path}"', f'-H "Authorization: Bearer {SHOWN}"']
    if bodies and bodies[0].media_type == "application/json" and bodies[0].example:
        lines += [
            "-H 'Content-Type: application/json'",
            f"-d {shlex.quote(json.dumps(json.loads(bodies[0].example), ensure_ascii=False))}",
        ]
    elif bodies:
        lines += [f"-H 'Content-Type: {bodies[0].media_type}'", "--data-binary @FILE"]
    return " \\\n  ".join(lines)
