"""A log as programs and as people read it: one line a request, and nothing between.

The one idea: whoever can make the log say something that did not happen must write a line of their
own; so lines are counted, each must be one of ours, and each must come from a logger that there is.
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

REQUESTS = "service.api.requests"
LOGGERS = ("service", "tuning", "uvicorn", "alembic", "concurrent", "asyncio", "py.warnings")
PARTS = {"time", "level", "message", "process"}
# As people read it; whatever a terminal or an editor takes for the end of a line is one.
TEXT = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (?P<level>[A-Z]+) (?P<logger>[\w.]+): "
    r"(?P<message>[^\x00-\x08\x0a-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*)"
)
REQUEST = re.compile(r" request=(\S+)")  # the first one: what is told of a request follows its id


def read(log: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The lines that are objects, and what is wrong with the others."""
    entries, wrong = [], []
    for number, line in enumerate(log.read_text("utf-8", "backslashreplace").split("\n"), 1):
        if not line:
            continue
        try:
            entry = json.loads(line)
        except ValueError:
            entry = None
        if isinstance(entry, dict):
            entries.append(entry)
        else:
            wrong.append(f"line {number} of the log is no object: {line[:200]!r}")
    return entries, wrong


def read_text(log: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """The same of a log for people."""
    entries, wrong = [], []
    for number, line in enumerate(log.read_text("utf-8", "backslashreplace").splitlines(), 1):
        found = TEXT.fullmatch(line)
        if found is None:
            wrong.append(f"line {number} of the log is none of ours: {line[:200]!r}")
            continue
        request = REQUEST.search(line)
        entries.append({**found.groupdict(), "process": None, "request": request and request[1]})
    return entries, wrong


def check(log: Path, sent: Collection[str], form: str = "json") -> Iterator[str]:
    """What is wrong with a log after requests of these ids: missing, doubled or forged lines."""
    entries, wrong = read(log) if form == "json" else read_text(log)
    yield from wrong
    told = Counter(one.get("request") for one in entries if one.get("logger") == REQUESTS)
    for name in sent:
        if told[name] != 1:
            yield f"request {name} has {told[name]} lines in the log"
    for entry in entries:
        logger = str(entry.get("logger"))
        if logger.partition(".")[0] not in LOGGERS:
            yield f"a line of {logger!r}, which is no logger: {str(entry)[:300]}"
        if not entry.keys() >= PARTS:
            yield f"a line without its time, level, message or process: {str(entry)[:300]}"
