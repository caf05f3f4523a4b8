"""Every place of the API that takes a text or a number, found in its own OpenAPI.

The one idea: bodies are walked by their schemas, through references, lists and maps, so that a new
field is attacked as soon as it is there; a request is an example of the API with one value changed.
Not here: what is written there (`corpus`), and what must come of it (`test_injection.py`).
"""

import copy
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from tests.fuzz.corpus import Payload

Document = Mapping[str, Any]
Steps = tuple[str | int, ...]

MARK = "a place of its own"
MOST_STEPS = 7  # schedules hold schedules
NAMED = re.compile(r"\{(\w+)\}")  # a part of a path
KEY = "k"  # of a map that may have any
JSON = "application/json"
# What only reads its headers as text.
HEADERS = ("User-Agent", "Cookie", "X-Forwarded-For", "traceparent", "Accept", "Origin", "Range")


@dataclass(frozen=True)
class Place:
    """A field of an operation: where it is, and its steps within the body."""

    method: str
    path: str
    part: str  # body, name, path, query, header
    steps: Steps
    statuses: frozenset[int]
    example: Any = field(default=None, hash=False, compare=False)

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.method} {self.path}, {self.part} {'/'.join(map(str, self.steps))}"


@dataclass(frozen=True)
class Request:
    """What is sent; header values are bytes, for they may be anything."""

    method: str
    target: str
    headers: Mapping[str, bytes]
    content: bytes


def find(document: Document, more: Mapping[str, Any]) -> Iterator[Place]:
    """All places; `more` are examples of bodies by path, where OpenAPI's own fit nothing here."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            statuses = frozenset(map(int, operation["responses"]))
            here = (method.upper(), path)
            for one in operation.get("parameters", ()):
                yield Place(*here, one["in"], (one["name"],), statuses)
            for name in HEADERS:
                yield Place(*here, "header", (name,), statuses)
            body = operation.get("requestBody", {}).get("content", {}).get(JSON)
            if body is None:
                continue
            example = more.get(path) or _example(body, document)
            for steps in sorted(set(_walk(body["schema"], document, ())), key=str):
                yield Place(*here, "body", steps, statuses, example)
            yield Place(*here, "name", (), statuses, example)
            yield Place(*here, "twice", (), statuses, example)


def _example(body: Document, document: Document) -> Any:  # noqa: ANN401 # any JSON
    """The first example of a body."""
    schema = _resolved(body["schema"], document)
    for holder in (body, schema):
        if "example" in holder:
            return holder["example"]
        if isinstance(holder.get("examples"), list):
            return holder["examples"][0]
    return {}


def _walk(schema: Document, document: Document, steps: Steps) -> Iterator[Steps]:
    """The steps to all scalars, and to whatever may be anything."""
    schema = _resolved(schema, document)
    if len(steps) > MOST_STEPS:
        return
    for name in ("anyOf", "oneOf", "allOf"):
        for one in schema.get(name, ()):
            yield from _walk(one, document, steps)
    kind = schema.get("type")
    if kind == "object" or "properties" in schema:
        for name, one in schema.get("properties", {}).items():
            yield from _walk(one, document, (*steps, name))
        rest = schema.get("additionalProperties")
        if rest not in (None, False):
            inner = {} if rest is True else rest
            yield from _walk(inner, document, (*steps, KEY))
    elif kind == "array":
        for number, one in enumerate(schema.get("prefixItems", ())):
            yield from _walk(one, document, (*steps, number))
        yield from _walk(schema.get("items") or {}, document, (*steps, 0))
    elif kind != "null" and steps and not any(one in schema for one in ("anyOf", "oneOf", "allOf")):
        yield steps


def _resolved(schema: Document, document: Document) -> Document:
    while "$ref" in schema:
        here: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            here = here[step]
        schema = here
    return schema


def put(example: Any, steps: Sequence[str | int], value: Any) -> Any:  # noqa: ANN401 # any JSON
    """A copy of a document with a value at some place, which is made if need be."""
    if not steps:
        return value
    step, *rest = steps
    if isinstance(step, int):
        items = list(example) if isinstance(example, list) else []
        items += [None] * (step + 1 - len(items))
        items[step] = put(items[step], rest, value)
        return items
    members = dict(example) if isinstance(example, dict) else {}
    members[step] = put(members.get(step), rest, value)
    return members


def attack(place: Place, payload: Payload, ids: Mapping[str, str]) -> Request | None:
    """A request with a payload at its place; None if it cannot be there."""
    path = place.path
    headers: dict[str, bytes] = {}
    if place.part == "path":
        if not payload.text:
            return None
        path = path.replace(f"{{{place.steps[0]}}}", _quoted(payload.text))
    path = NAMED.sub(lambda name: ids.get(name[1], "absent"), path)
    if place.part == "query":
        if payload.text is None:
            return None
        path = f"{path}?{place.steps[0]}={_quoted(payload.text)}"
    content = b""
    if place.part == "header":
        # Ends of lines end the header itself: that is another request, not a header's value.
        if payload.text is None or any(one in payload.text for one in "\r\n"):
            return None
        headers[str(place.steps[0])] = payload.text.encode("utf-8")
    elif place.example is not None:
        content = _body(place, payload)
    if place.example is not None or place.part == "header":
        headers.setdefault("Content-Type", JSON.encode())
    return Request(place.method, path, headers, content)


def _body(place: Place, payload: Payload) -> bytes:
    """The example's JSON with the payload in it, as a value, a name, or a second member."""
    example = copy.deepcopy(place.example)
    if place.part == "body":
        document = json.dumps(put(example, place.steps, MARK))
        return document.replace(json.dumps(MARK), payload.literal).encode()
    document = json.dumps(example)
    if place.part == "name":
        name = payload.literal if payload.literal.startswith('"') else json.dumps(payload.literal)
        member = f"{name}: 1"
    else:  # the first member twice, and who knows which one counts
        first = next(iter(example), "a") if isinstance(example, dict) else "a"
        member = f"{json.dumps(first)}: {payload.literal}"
    joint = ", " if document != "{}" else ""
    return (document[:-1] + joint + member + "}").encode()


def _quoted(text: str) -> str:
    return quote(text, safe="")
