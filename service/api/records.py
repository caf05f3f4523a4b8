"""Records: a JSON object whose long members are arrays, written and read one element at a time.

The one idea: an element is found by the standard library's decoder in a window of the text, which
grows while an element does not fit, so what is in memory is one element and not the document.
Not here: what the elements are (`service.schemas.transfer`).
"""

import codecs
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from starlette.exceptions import HTTPException

from tuning.errors import InvalidValue

WINDOW = 2**18  # characters read at once
LONGEST = 2**24  # characters of one element
SPACE = re.compile(r"[ \t\n\r]*")


def write_members(
    single: Mapping[str, object], arrays: Iterable[tuple[str, Iterable[Mapping[str, Any]]]]
) -> Iterator[str]:
    """The text of an object, a line per element.

    >>> print("".join(write_members({"a": 1}, [("b", [{"c": 2}, {"c": 3}])])))
    {"a": 1,
    "b": [
    {"c": 2},
    {"c": 3}
    ]}
    <BLANKLINE>
    """
    yield "{"
    separator = ""
    for name, value in single.items():
        yield f"{separator}{json.dumps(name)}: {json.dumps(value, allow_nan=False)}"
        separator = ",\n"
    for name, elements in arrays:
        yield f"{separator}{json.dumps(name)}: ["
        separator = "\n"
        for element in elements:
            yield separator + json.dumps(element, allow_nan=False)
            separator = ",\n"
        yield "\n]"
        separator = ",\n"
    yield "}\n"


def read_members(
    stream: BinaryIO, single: Iterable[str], arrays: Iterable[str]
) -> Iterator[tuple[str, int, str]]:
    """Name, place and JSON text of every element of an object whose members come in this order.

    A member that is no array is one element, at place 0. Raises InvalidValue naming a member that
    is not where it should be, and a refusal if the text is not JSON.
    """
    window = _Window(stream)
    wanted = [(name, False) for name in single] + [(name, True) for name in arrays]
    window.expect("{", "a JSON object")
    for number, (name, is_array) in enumerate(wanted):
        if number:
            window.expect(",", name)
        if json.loads(window.value(name)) != name:
            raise InvalidValue(name, None, "the members of the format in its order, this one next")
        window.expect(":", name)
        if is_array:
            yield from window.array(name)
        else:
            yield name, 0, window.value(name)
    window.expect("}", "the end of the object")
    window.end()


class _Window:
    """The part of a text that is being looked at."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._text = ""
        self._at = 0
        self._is_over = False
        self._find = json.JSONDecoder(parse_constant=_refuse_constant).raw_decode

    def _more(self) -> bool:
        """Look further; False at the end."""
        if self._is_over:
            return False
        rest = self._text[self._at :]
        block = self._stream.read(max(WINDOW, len(rest)))
        self._is_over = not block
        try:
            self._text = rest + self._decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise HTTPException(400, f"not UTF-8: {error.reason}") from error
        self._at = 0
        return True

    def _next(self) -> str:
        """The next character that is no space, empty at the end."""
        while True:
            self._at = SPACE.match(self._text, self._at).end()  # type: ignore[union-attr] # matches nothing, too
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def expect(self, character: str, what: str) -> None:
        """Pass over a character."""
        if self._next() != character:
            raise HTTPException(400, f"{what} is expected, not {self._next() or 'the end'!r}")
        self._at += 1

    def end(self) -> None:
        """Nothing may follow."""
        if self._next():
            raise HTTPException(400, f"nothing may follow, not {self._next()!r}")

    def value(self, name: str) -> str:
        """Pass over a value and return its text."""
        self._next()
        while True:
            trouble: Exception = EOFError("it ends too early")
            try:
                _, end = self._find(self._text, self._at)
                if end < len(self._text) or self._is_over:  # else a number might go on
                    text = self._text[self._at : end]
                    self._at = end
                    return text
            except (ValueError, RecursionError) as error:
                trouble = error
            if len(self._text) - self._at > LONGEST:
                raise InvalidValue(name, None, f"elements of at most {LONGEST:,} characters")
            if not self._more():
                raise HTTPException(400, f"{name}: {trouble}") from trouble

    def array(self, name: str) -> Iterator[tuple[str, int, str]]:
        """Pass over an array, element by element."""
        self.expect("[", f"an array of {name}")
        if self._next() == "]":
            self._at += 1
            return
        place = 0
        while True:
            yield name, place, self.value(f"{name}[{place}]")
            if self._next() != ",":
                break
            self._at += 1
            place += 1
        self.expect("]", f"the end of {name}")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
