"""The base of every schema: strict, closed, finite, and text that can be stored and shown.

The one idea: what no database stores (NUL, half a surrogate pair) and no terminal should print
(control characters) is refused at the door, so that nothing behind it has to think of it.
Not here: ranges and meaning of values (`tuning`).
"""

import math
import unicodedata
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    JsonValue,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

CONTROLS = frozenset({"Cc", "Cs"})  # Unicode categories: control characters, surrogates
MAX_DEPTH = 16  # of lists and objects in an objective's settings


def check_plain(text: str) -> str:
    """Return a text of one line without control characters, else raise."""
    for place, character in enumerate(text):
        if unicodedata.category(character) in CONTROLS:
            raise _refused_text(text, place, "text without control characters or lone surrogates")
    return text


def check_storable(text: str) -> str:
    """Return a text that may have many lines and tabs but no NUL or surrogate, else raise."""
    for place, character in enumerate(text):
        if character == "\0" or unicodedata.category(character) == "Cs":
            raise _refused_text(text, place, "text without NUL or lone surrogates")
    return text


def check_settings(value: Any, depth: int = 0, deepest: int = MAX_DEPTH) -> Any:  # noqa: ANN401 # any JSON value
    """Return a JSON value made of finite numbers and storable text, else raise."""
    match value:
        case float() if not math.isfinite(value):
            raise PydanticCustomError(
                "finite_number", "a number is not finite", {"expected": "finite numbers"}
            )
        case str():
            check_storable(value)
        case list() | dict() if depth == deepest:
            allowed = f"at most {deepest} levels of lists and objects"
            raise PydanticCustomError("too_deep", "nested too deeply", {"expected": allowed})
        case list():
            for item in value:
                check_settings(item, depth + 1, deepest)
        case dict():
            for name, item in value.items():
                check_storable(name)
                check_settings(item, depth + 1, deepest)
    return value


def check_scalar(value: Any) -> float | int:  # noqa: ANN401 # any JSON value
    """Return a finite number in the type JSON gave it (`2` stays an integer), else raise."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or (isinstance(value, float) and not math.isfinite(value)):
        raise PydanticCustomError("number", "not a number", {"expected": "a finite number"})
    number: float | int = value
    return number


def check_choice(value: Any) -> float | int | str:  # noqa: ANN401 # any JSON value
    """Return a finite number or a plain text, else raise."""
    if isinstance(value, str):
        return check_plain(value)
    try:
        return check_scalar(value)
    except PydanticCustomError as error:
        allowed = {"expected": "a finite number or a text"}
        raise PydanticCustomError("scalar", "neither a number nor a text", allowed) from error


def _refused_text(text: str, place: int, allowed: str) -> PydanticCustomError:
    return PydanticCustomError(
        "text",
        "character {place} is U+{code}",
        {"place": place, "code": f"{ord(text[place]):04X}", "expected": allowed},
    )


Text = Annotated[str, AfterValidator(check_plain)]
Prose = Annotated[str, AfterValidator(check_storable)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=128), AfterValidator(check_plain)]
# Plain validators, for a union would report one error per member and turn 2 into 2.0.
Number = Annotated[float | int, PlainValidator(check_scalar), WithJsonSchema({"type": "number"})]
Scalar = Annotated[
    float | int | str,
    PlainValidator(check_choice),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]
Settings = Annotated[dict[Name, Any], AfterValidator(check_settings)]


class Schema(BaseModel):
    """A JSON object that refuses unknown fields, wrong types and non-finite numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


def example(**fields: JsonValue) -> ConfigDict:
    """What makes OpenAPI show a schema with these fields."""
    return ConfigDict(json_schema_extra={"examples": [fields]})
