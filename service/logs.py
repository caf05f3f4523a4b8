"""Logs: one line per event on standard error, as text for people or JSON for programs.

The one idea: whoever logs says one sentence and puts ids (`study`, `run`, `worker`) into `extra`;
the id of the request at hand is added here, what looks like a secret is taken out here, and what
would begin a line of its own is written out, so that no caller has to think of any of it.
Not here: what is logged of a request (`service.api.requests`), what training code prints.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import IO, Any, get_args

from service.settings import LogFormat, LogLevel
from tuning.errors import UnknownName

LEVEL, FORMAT = "GLIDESLOPE_LOG_LEVEL", "GLIDESLOPE_LOG_FORMAT"
LONGEST_VALUE = 1_024  # characters of an extra value

# The id of the request that this task or thread serves.
request_at_hand: ContextVar[str | None] = ContextVar("request_at_hand", default=None)

# Each request of a worker or client again, and what migrations are made of: of use in debugging.
CHATTY = ("httpx2", "httpcore2", "alembic", "asyncio", "multipart")

SECRET_NAMES = frozenset(
    {"authorization", "database_url", "dsn", "password", "secret", "signature", "token", "tokens"}
)
HIDDEN = "…"
_SECRETS = (
    (re.compile(r"\b(gss?_)[A-Za-z0-9_\-.~=]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\bbearer\s+[^\s\"',]+"), f"Bearer {HIDDEN}"),
    (re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]*@"), rf"\1:{HIDDEN}@"),
    (re.compile(r"(?i)([?&](?:token|share|signature|sig|key)=)[^&\s\"']+"), rf"\1{HIDDEN}"),
)
# What would begin a new line, move a terminal's cursor or turn text round.
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


def start(stream: IO[str] | None = None) -> None:
    """Log in this process as the environment says, unless it logs already.

    Raises `UnknownName` for a level or form that there is not.
    """
    level = _chosen(LEVEL, "warning", get_args(LogLevel))
    form = _chosen(FORMAT, "text", get_args(LogFormat))
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    for name in CHATTY:
        quiet = logging.NOTSET if level == "debug" else logging.WARNING
        logging.getLogger(name).setLevel(quiet)


def _chosen(name: str, default: str, known: tuple[str, ...]) -> str:
    value = os.environ.get(name, default)
    if value not in known:
        raise UnknownName(name, value, known)
    return value


def hide_secrets(text: str) -> str:
    """A text without API keys, passwords of database URLs and signatures of links.

    >>> hide_secrets("postgresql://me:pw@host/db asked with gs_abc_def")
    'postgresql://me:…@host/db asked with gs_…'
    """
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text


def _written_out(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, ids, and the traceback if any."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": hide_secrets(record.getMessage()),
            **_extras(record),
            "process": record.process,
        }
        trace = self.formatException(record.exc_info) if record.exc_info else record.exc_text
        if trace:
            line["exception"] = hide_secrets(trace)
        return json.dumps(line, default=str)


class TextLines(logging.Formatter):
    """The same for people: ids behind the sentence, a traceback below it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - as the library has it
        """The sentence and its ids."""
        ids = "".join(f" {name}={value}" for name, value in _extras(record).items())
        return _CONTROLS.sub(_written_out, super().formatMessage(record).rstrip("\n") + ids)

    def format(self, record: logging.LogRecord) -> str:
        """The lines of a record."""
        return hide_secrets(super().format(record))


def _extras(record: logging.LogRecord) -> Mapping[str, Any]:
    """What the caller told beside the sentence, and the request."""
    told = {name: _plain(name, value) for name, value in vars(record).items() if _is_told(name)}
    request = request_at_hand.get()
    return told if request is None or "request" in told else {"request": request, **told}


def _is_told(name: str) -> bool:
    return name not in _STANDARD and not name.startswith("_")


def _plain(name: str, value: object) -> object:
    """A value as JSON has it: short, and nothing that nobody may know."""
    if name.lower() in SECRET_NAMES:
        return HIDDEN
    if value is None or isinstance(value, bool | int | float):
        return value
    return hide_secrets(str(value))[:LONGEST_VALUE]
