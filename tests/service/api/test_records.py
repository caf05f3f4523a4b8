"""Records are found one by one, however the text is cut and laid out."""

import io
import json
from typing import Any, BinaryIO

import pytest
from starlette.exceptions import HTTPException

from service.api import records
from service.api.records import read_members, write_members
from tuning.errors import InvalidValue

DOCUMENT: dict[str, Any] = {
    "format": "x@1",
    "study": {"label": 'a "quoted" ]}, text ü\u2028', "numbers": [1, 2.5e-300, None]},
    "trials": [{"n": n, "text": "x" * n} for n in range(40)],
    "runs": [],
}
SINGLE, ARRAYS = ("format", "study"), ("trials", "runs")


class Dripping(io.BytesIO):
    """A stream that never gives more than a few bytes."""

    def read(self, size: int | None = -1, /) -> bytes:
        """At most three of them."""
        return super().read(min(3, size) if size and size > 0 else 3)


def read(stream: BinaryIO) -> dict[str, Any]:
    """The document that was read."""
    found: dict[str, Any] = {name: [] for name in ARRAYS}
    for name, place, text in read_members(stream, SINGLE, ARRAYS):
        if name in ARRAYS:
            assert place == len(found[name])
            found[name].append(json.loads(text))
        else:
            found[name] = json.loads(text)
    return found


@pytest.mark.parametrize("kind", [io.BytesIO, Dripping])
@pytest.mark.parametrize("indent", [None, 2])
def test_what_is_written_is_read(kind: type[io.BytesIO], indent: int | None) -> None:
    """By us, or laid out anew by another program; whole or byte by byte."""
    single = {name: DOCUMENT[name] for name in SINGLE}
    ours = "".join(write_members(single, [(name, DOCUMENT[name]) for name in ARRAYS]))
    assert json.loads(ours) == DOCUMENT
    for text in (ours, json.dumps(DOCUMENT, indent=indent, ensure_ascii=False)):
        assert read(kind(text.encode())) == DOCUMENT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"format": ',
        '{"format": NaN',
        '{"format": 1 "study": 2}',
        '{"format": 1, "study": {}, "trials": [{}',
        '{"format": 1, "study": {}, "trials": [{} {}], "runs": []}',
        '{"format": 1, "study": {}, "trials": {}, "runs": []}',
        '{"format": 1, "study": {}, "trials": [], "runs": []} x',
        '{"format": 1, "study": {}, "trials": [' + "[" * 100_000,
        b'{"format": "\xff"',
        b'{"format": "\xc3',
    ],
)
def test_what_is_no_json_is_refused(text: str | bytes) -> None:
    """With a place in words, not with an error of the decoder."""
    content = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(HTTPException) as refused:
        read(io.BytesIO(content))
    assert refused.value.status_code == 400
    assert refused.value.detail


def test_members_out_of_order_are_named() -> None:
    """The one that was due is."""
    for text in ('{"study": {}}', '{"format": 1, "runs": []}', '{"format": 1, "study": {}}'):
        with pytest.raises((InvalidValue, HTTPException)):
            read(io.BytesIO(text.encode()))


def test_an_element_without_end_is_refused_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before all of it is in memory."""
    monkeypatch.setattr(records, "LONGEST", 1000)
    monkeypatch.setattr(records, "WINDOW", 100)
    text = json.dumps({"format": "x" * 100_000, "study": {}, "trials": [], "runs": []})
    stream = io.BytesIO(text.encode())
    with pytest.raises(InvalidValue, match="format"):
        read(stream)
    assert stream.tell() < 5000
