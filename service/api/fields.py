"""Which field of a request was wrong, what it held, and what it may hold.

The one idea: whether the schema or the core refused a value, the client reads the same four things:
a pointer (RFC 6901) into what it sent, the reason, the value, and the allowed range in words.
Not here: statuses and documents (`service.api.problems`).
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from service.schemas.problems import FieldProblem
from tuning.errors import BadCell, InvalidValue, show

MAX_ECHO = 256  # characters of an offending value that are echoed
MAX_DETAIL = 1024

# What a field may hold, by the type of pydantic's error, where the error itself does not say.
ALLOWED: Mapping[str, str] = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "an object",
    "extra_forbidden": "no field of this name",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "int_parsing_size": "an integer of fewer digits",
    "int_type": "an integer",
    "list_type": "a list",
    "missing": "a value: the field is required",
    "model_attributes_type": "a JSON object",
    "model_type": "a JSON object",
    "path_not_directory": "a folder that exists",
    "string_type": "text",
    "string_unicode": "text without lone surrogates",
}
# The same in the context of an error; "{}" is the limit.
LIMITS: Mapping[str, str] = {
    "expected": "{}",
    "ge": "at least {}",
    "gt": "above {}",
    "le": "at most {}",
    "lt": "below {}",
    "min_length": "at least {} long",
    "max_length": "at most {} long",
    "pattern": "text that matches {}",
}
QUOTED = re.compile(r'\[("(?:[^"\\]|\\.)*")\]')  # a member that is no word
VALUELESS = frozenset({"missing", "json_invalid"})  # types of errors that no value caused


def of_core(error: InvalidValue) -> FieldProblem:
    """The field that the core refused."""
    return FieldProblem(
        pointer=_pointer(_steps(error.field)),
        detail=readable(f"{show(error.value)} is not allowed"),
        value=echo(error.value),
        allowed=readable(error.allowed),
    )


def _steps(field: str) -> list[str]:
    """The members that a field of the core goes through (`tuning.errors.member`).

    >>> _steps('results[0].metrics["val.loss"]')
    ['results', '0', 'metrics', 'val.loss']
    """
    first, *rest = QUOTED.split(field)
    steps = _plain_steps(first)
    for quoted, plain in zip(rest[::2], rest[1::2], strict=True):
        steps.append(json.loads(quoted))
        steps += _plain_steps(plain.removeprefix(".")) if plain else []
    return steps


def _plain_steps(field: str) -> list[str]:
    return field.replace("[", ".").replace("]", "").split(".")


def of_cell(error: BadCell) -> FieldProblem:
    """The cell of an uploaded table that cannot be used; the pointer names its row and column."""
    steps = [error.row.replace(" ", "_")] + ([] if error.column is None else [error.column])
    return FieldProblem(
        pointer=_pointer(steps),
        detail=readable(error.fault),
        value=echo(error.value),
        allowed=None if error.allowed is None else readable(error.allowed),
    )


def of_schema(error: Mapping[str, Any]) -> FieldProblem:
    """The field that a schema refused, from one of pydantic's errors."""
    # The first step says where in the request: body, query, header or path.
    steps = [str(step) for step in error["loc"][1:] if step != "[key]"]
    sent = error.get("input")
    if isinstance(sent, bytes):  # FastAPI read no JSON, for want of the header
        return FieldProblem(
            pointer="",
            detail="The body was not read as JSON",
            value=echo(error.get("input")),
            allowed="a JSON object, with the header Content-Type: application/json",
        )
    return FieldProblem(
        pointer=_pointer(steps),
        detail=readable(str(error["msg"])),
        value=None if error["type"] in VALUELESS else echo(sent),
        allowed=readable(allowed_range(error)),
    )


def echo(value: object) -> object:
    """A value as it may be shown back: JSON-able and short."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return readable(value if isinstance(value, str) else repr(value), MAX_ECHO)


def readable(text: str, longest: int = MAX_DETAIL) -> str:
    """A text that JSON can carry: short, lone surrogates written out."""
    short = text if len(text) <= longest else text[:longest] + "…"
    return short.encode("utf-8", "backslashreplace").decode()


def _pointer(steps: list[str]) -> str:
    escaped = (step.replace("~", "~0").replace("/", "~1") for step in steps)
    return readable("".join(f"/{step}" for step in escaped))


def allowed_range(error: Mapping[str, Any]) -> str:
    """What a field may hold, in words, from one of pydantic's errors.

    >>> allowed_range({"type": "less_than_equal", "msg": "...", "ctx": {"le": 200}})
    'at most 200'
    """
    context = error.get("ctx", {})
    parts = [words.format(_spell(context[key])) for key, words in LIMITS.items() if key in context]
    return " and ".join(parts) or ALLOWED.get(error["type"], str(error["msg"]))


def _spell(limit: object) -> object:
    """A limit without needless decimals."""
    return f"{limit:g}" if isinstance(limit, float) else limit


def read_moment(text: str | None, field: str = "deadline") -> datetime | None:
    """A moment as ISO 8601 with its time zone; raises InvalidValue for anything else."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise InvalidValue(field, text, "a moment with its time zone, as 2030-12-24T18:00:00Z")


def merge_patch(target: Mapping[str, Any], patch: Mapping[str, Any]) -> dict[str, Any]:
    """A document with a JSON merge patch applied (RFC 7396).

    >>> merge_patch({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": None}, "d": [4]})
    {'a': {'c': 2}, 'd': [4]}
    """
    merged = dict(target)
    for name, value in patch.items():
        before = merged.get(name)
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, dict):
            merged[name] = merge_patch(before if isinstance(before, dict) else {}, value)
        else:
            merged[name] = value
    return merged
