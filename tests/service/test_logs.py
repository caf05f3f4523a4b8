"""Logs: one line per event, with ids and without secrets, for people and for programs."""

import json
import logging
import sys
from collections.abc import Callable

import pytest

from service import logs
from service.logs import JsonLines, TextLines, request_at_hand
from tuning.errors import UnknownName

Write = Callable[..., str]


@pytest.fixture(params=[JsonLines, TextLines])
def write(request: pytest.FixtureRequest) -> Write:
    """The line of a sentence with extras, in either form."""

    def line(message: str, *args: object, **extra: object) -> str:
        record = logging.getLogger("service.x").makeRecord(
            "service.x", logging.WARNING, "x.py", 1, message, args, None, extra=extra
        )
        text: str = request.param().format(record)
        return text

    return line


def told(line: str) -> dict[str, object]:
    """A line of JSON."""
    document: dict[str, object] = json.loads(line)
    return document


def test_a_line_is_one_object() -> None:
    """Time in UTC, level, logger, sentence and ids, on one line whatever the sentence holds."""
    record = logging.getLogger("service.x").makeRecord(
        *("service.x", logging.WARNING, "x.py", 1, "a\nblock of %s", ("st_a",), None),
        extra={"study": "st_a", "count": 3, "none": None},
    )
    line = JsonLines().format(record)

    assert "\n" not in line
    document = told(line)
    assert str(document.pop("time")).endswith("+00:00")
    assert document.pop("process") == record.process
    assert document == {
        "level": "warning",
        "logger": "service.x",
        "message": "a\nblock of st_a",
        "study": "st_a",
        "count": 3,
        "none": None,
    }


def test_no_words_begin_a_line_of_their_own(write: Write) -> None:
    """Nor do they move a terminal's cursor or turn the text round, in a sentence or beside it."""
    evil = "a\nb\rc\x1b[2Kd\x85e\u2028f\u202eg"
    for line in (write("of %s", evil), write("x", study=evil)):
        assert len(line.splitlines()) == 1
        assert not {"\x1b", "\x85", "\u202e"} & set(line)
        for letter in ("a\\nb", "\\rc", "d\\x85e" if "\\x85" in line else "d\\u0085e"):
            assert letter in line


def test_the_request_at_hand_is_told(write: Write) -> None:
    """Unless the caller names another."""
    token = request_at_hand.set("r1")
    assert "r1" in write("x")
    assert "r1" not in write("x", request="r2")
    request_at_hand.reset(token)
    assert "r1" not in write("x")


@pytest.mark.parametrize(
    ("message", "secret"),
    [
        ("asked with gs_abc123_s3cr3t.x", "s3cr3t"),
        ("asked with gss_abc123.s3cr3t-x", "s3cr3t"),
        ("Authorization: Bearer s3cr3t", "s3cr3t"),
        ("cannot reach postgresql://me:s3cr3t@host/db", "s3cr3t"),
        ("GET /v1/studies?share=s3cr3t&x=1", "s3cr3t"),
        ("GET /v1/studies?x=1&signature=s3cr3t", "s3cr3t"),
    ],
)
def test_what_looks_like_a_secret_is_left_out(write: Write, message: str, secret: str) -> None:
    """In sentences and in what comes beside them."""
    assert secret not in write(message)
    assert secret not in write("%s", message)
    assert secret not in write("x", detail=message)


def test_what_is_called_a_secret_is_left_out(write: Write) -> None:
    """Whatever it looks like."""
    assert "plain" not in write("x", token="plain", Password="plain")


def test_a_traceback_is_told(write: Write) -> None:
    """In one line of JSON, below a sentence for people, secrets left out."""
    try:
        int("gs_abc_s3cr3t")
    except ValueError:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, "x.py", 1, "it failed", (), sys.exc_info()
        )
    for form in (JsonLines(), TextLines()):
        line = form.format(record)
        assert "ValueError: invalid literal" in (
            str(told(line)["exception"]) if isinstance(form, JsonLines) else line
        )
        assert "s3cr3t" not in line


@pytest.mark.parametrize("name", [logs.LEVEL, logs.FORMAT])
def test_an_unknown_choice_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """By the name of its variable, with those that there are."""
    monkeypatch.setenv(name, "loud")
    with pytest.raises(UnknownName, match=f"{name}: 'loud' is not allowed; allowed: one of"):
        logs.start()
