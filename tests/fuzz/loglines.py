"""A log as programs read it: one JSON object a line, one line a request, and nothing between.

The one idea: whoever can make the log say something that did not happen must write a line of their
own; so lines are counted, each must be an object, and each must come from a logger that there is.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

REQUESTS = "service.api.requests"
LOGGERS = ("service", "tuning", "uvicorn", "alembic", "concurrent", "asyncio", "py.warnings")


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


def check(log: Path, sent: Collection[str]) -> Iterator[str]:
    """What is wrong with a log after requests of these ids: missing, doubled or forged lines."""
    entries, wrong = read(log)
    yield from wrong
    told = Counter(one.get("request") for one in entries if one.get("logger") == REQUESTS)
    for name in sent:
        if told[name] != 1:
            yield f"request {name} has {told[name]} lines in the log"
    for entry in entries:
        logger = str(entry.get("logger"))
        if logger.partition(".")[0] not in LOGGERS:
            yield f"a line of {logger!r}, which is no logger: {str(entry)[:300]}"
        if not {"time", "level", "message", "process"} <= entry.keys():
            yield f"a line without its time, level, message or process: {str(entry)[:300]}"
