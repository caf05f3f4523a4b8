"""YAML as plain data: the core schema of YAML 1.2, with the line of every value.

The one idea: PyYAML finds the tree, and nothing else of it is used. Its own rules are those of YAML
1.1, by which `1e-3` is a text, `no` is false and `010` is eight; here a scalar is a number only if
JSON or the core schema says so. No tag makes anything but the data of JSON.
Not here: which fields there may be.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import yaml

NULLS = {"", "~", "null", "Null", "NULL"}
BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
NUMBERS: tuple[tuple[re.Pattern[str], Callable[[str], float]], ...] = (
    (re.compile(r"[-+]?[0-9]+"), int),
    (re.compile(r"0o[0-7]+"), lambda text: int(text, 0)),
    (re.compile(r"0x[0-9a-fA-F]+"), lambda text: int(text, 0)),
    (re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"), float),
    (re.compile(r"[-+]?\.(inf|Inf|INF)"), lambda text: -math.inf if text[0] == "-" else math.inf),
    (re.compile(r"\.(nan|NaN|NAN)"), lambda _: math.nan),
)
PLAIN = "a scalar without quotes"
TEXT, SEQUENCE, MAPPING = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map"))
TAGS = {PLAIN, TEXT, SEQUENCE, MAPPING}
DEEPEST = 100  # levels
MOST_VALUES = 100_000  # an alias counts as what it stands for


def read_yaml(text: str) -> tuple[Any, Mapping[str, int]]:
    r"""A document, and the line of each of its values by JSON pointer, from 1 on.

    Raises ValueError that tells line and column.

    >>> read_yaml("budget:\n  trials: 20\npeak: [1e-4, 0.1]\nlabel: no")[0]
    {'budget': {'trials': 20}, 'peak': [0.0001, 0.1], 'label': 'no'}
    """
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        raise ValueError(_words(error.problem or "no YAML", error.problem_mark)) from error
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    reading = _Reading()
    return (None if node is None else reading.value(node, "")), reading.lines


class _Loader(yaml.SafeLoader):
    """Finds the tree; which scalar is a number is decided below."""

    def resolve(self, kind: type[yaml.Node], _value: object, implicit: object) -> str:
        """The tag of a node that has none."""
        if kind is yaml.ScalarNode:
            return PLAIN if implicit == (True, False) else TEXT
        return SEQUENCE if kind is yaml.SequenceNode else MAPPING


class _Reading:
    """Turns nodes into data and notes their lines."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self.lines: dict[str, int] = {}

    def value(self, node: yaml.Node, pointer: str) -> Any:  # noqa: ANN401 # any JSON value
        """The data of a node."""
        self.lines[pointer] = node.start_mark.line + 1
        if node.tag not in TAGS:
            raise ValueError(_words(f"the tag {node.tag} is not allowed", node.start_mark))
        if pointer.count("/") > DEEPEST or len(self.lines) > MOST_VALUES:
            raise ValueError(_words("nested too deeply or too large", node.start_mark))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(one, f"{pointer}/{place}") for place, one in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, pointer)
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, pointer: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError(_words("a name is no text", key.start_mark))  # noqa: TRY004 # of the file
            if name in found:
                raise ValueError(_words(f"{name!r} stands there twice", key.start_mark))
            escaped = name.replace("~", "~0").replace("/", "~1")
            found[name] = self.value(value, f"{pointer}/{escaped}")
            self.lines[f"{pointer}/{escaped}"] = key.start_mark.line + 1
        return found


def _scalar(node: yaml.Node) -> Any:  # noqa: ANN401 # any JSON value
    text: str = node.value
    if node.tag != PLAIN:
        return text
    if text in NULLS:
        return None
    if text in BOOLEANS:
        return BOOLEANS[text]
    for pattern, read in NUMBERS:
        if pattern.fullmatch(text):
            return read(text)
    return text


def _words(problem: str, mark: yaml.Mark | None) -> str:
    return (
        problem if mark is None else f"{problem} in line {mark.line + 1}, column {mark.column + 1}"
    )
