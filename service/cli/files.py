"""Files that commands are given: JSON or YAML, from a path or from standard input.

The one idea: a document remembers on which line each of its values stands, so that whatever
refuses a value later can say where the user wrote it. YAML is read as YAML 1.2 says: `1e-3` is a
number, `no` and `2030-12-24` are texts, a name that stands twice is a mistake; nothing but plain
data is ever made of it.
Not here: which fields there are (the service checks them).
"""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.client import Invalid
from service.schemas.problems import FieldProblem
from tuning.errors import InvalidValue

STANDARD_INPUT = Path("-")
KINDS = {".json": "JSON", ".yaml": "YAML", ".yml": "YAML"}


@dataclass(frozen=True, slots=True)
class Given:
    """An object from a file; `lines` has the line of each value by its JSON pointer."""

    name: str
    content: dict[str, Any]
    lines: Mapping[str, int]


def read_object(path: Path, name: str) -> dict[str, Any]:
    """The object in a file; `-` is standard input.

    Raises `InvalidValue` naming `name`, the option or argument, if there is none.
    """
    return read_given(path, name).content


def read_text(path: Path, name: str) -> str:
    """The text in a file; `-` is standard input. Raises `InvalidValue` naming `name`."""
    try:
        return sys.stdin.read() if path == STANDARD_INPUT else path.read_text()
    except (OSError, ValueError) as error:
        raise InvalidValue(name, str(path), f"a readable text file ({error})") from error


def read_schedule(path: Path, name: str) -> dict[str, Any]:
    """The document of a schedule in a file, alone or as the `schedule` of something else."""
    content = read_object(path, name)
    inner = content.get("schedule")
    return inner if isinstance(inner, dict) and "format" not in content else content


def read_given(path: Path, name: str) -> Given:
    """The same, with what is known of its lines."""
    shown = "standard input" if path == STANDARD_INPUT else str(path)
    kind = KINDS.get(path.suffix, "JSON or YAML")
    try:
        text = sys.stdin.read() if path == STANDARD_INPUT else path.read_text()
        if kind == "YAML" or (kind != "JSON" and not text.lstrip().startswith("{")):
            content, lines = _read_yaml(text)
        else:
            content, lines = json.loads(text), {}
    except (OSError, ValueError, RecursionError) as error:
        raise InvalidValue(name, shown, f"a readable {kind} file ({error})") from error
    if not isinstance(content, dict):
        raise InvalidValue(name, shown, f"a {kind} object")
    return Given(shown, content, lines or _lines_of_json(text))


@contextmanager
def located(given: Given | None, sent: Mapping[str, Any]) -> Iterator[None]:
    """Name file and line in a refusal of what a file said and no option changed."""
    try:
        yield
    except Invalid as error:
        if given is None:
            raise
        fields = [_locate(one, given, sent) for one in error.problem.errors]
        raise Invalid(error.problem.model_copy(update={"errors": fields})) from error


def _locate(one: FieldProblem, given: Given, sent: Mapping[str, Any]) -> FieldProblem:
    pointer = one.pointer
    if _value_at(given.content, pointer) != _value_at(sent, pointer):
        return one
    while pointer and pointer not in given.lines:
        pointer = pointer.rpartition("/")[0]
    place = f"{given.name}:{given.lines.get(pointer, 1)}"
    return one.model_copy(update={"pointer": f"{place} {one.pointer or '/'}"})


def _value_at(document: Any, pointer: str) -> Any:  # noqa: ANN401 # any JSON value
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list):
            document = (
                document[int(name)] if name.isdecimal() and int(name) < len(document) else None
            )
        else:
            document = document.get(name) if isinstance(document, Mapping) else None
    return document


def _lines_of_json(text: str) -> Mapping[str, int]:
    """JSON is YAML but for its tabs; where it is not, lines are not known."""
    try:
        return _read_yaml(text.replace("\t", " "))[1]
    except (ValueError, RecursionError):
        return {}


def _read_yaml(text: str) -> tuple[Any, Mapping[str, int]]:
    """A YAML document and the line of each of its values; raises ValueError with the place."""
    # Here and not above: few commands read a file.
    from service.cli.plain_yaml import read_yaml  # noqa: PLC0415

    return read_yaml(text)
