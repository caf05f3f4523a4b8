"""Every error as a problem document (RFC 9457), from one table.

The one idea: errors of the core and of the service know nothing of HTTP; this table gives each
class its status and stable type. An error nobody foresaw is logged and answered without detail.
Not here: the trees themselves (`tuning.errors`, `service.errors`).
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from service.api.requests import request_id
from service.errors import Conflict, KeyReused, NotFound, StoreBusy
from service.schemas.problems import FieldProblem, Problem
from tuning.errors import DataError, IllegalMove, InvalidValue

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
MAX_ECHO = 256  # characters of an offending value that are echoed


@dataclass(frozen=True, slots=True)
class Kind:
    """How a class of errors appears on the wire."""

    status: int
    type: str
    title: str


KINDS: Mapping[type[Exception], Kind] = {
    InvalidValue: Kind(422, "invalid-value", "A value is not allowed"),
    DataError: Kind(422, "invalid-data", "A data file cannot be used"),
    RequestValidationError: Kind(422, "invalid-request", "The request does not fit its schema"),
    NotFound: Kind(404, "not-found", "There is no such thing"),
    Conflict: Kind(409, "conflict", "The request contradicts what is stored"),
    IllegalMove: Kind(409, "illegal-move", "The state does not allow it"),
    KeyReused: Kind(422, "key-reused", "The idempotency key came with another body before"),
    StoreBusy: Kind(503, "store-busy", "The store cannot answer now"),
}
INTERNAL = Kind(500, "internal", "Something went wrong inside the service")


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    for error_type in KINDS:
        app.add_exception_handler(error_type, _answer)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_internal)


def responses(*error_types: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for the errors a route may answer with, 422 and 503 among them."""
    found: dict[int | str, dict[str, Any]] = {}
    for error_type in (*error_types, InvalidValue, StoreBusy):
        kind = KINDS[error_type]
        found[kind.status] = {
            "model": Problem,
            "description": kind.title,
            "content": {MEDIA_TYPE: {}},
        }
    return found


async def _answer(request: Request, error: Exception) -> JSONResponse:
    kind = next(KINDS[base] for base in type(error).__mro__ if base in KINDS)
    if isinstance(error, RequestValidationError):
        fields = [_schema_field(one) for one in error.errors()]
        detail = "; ".join(f"{one.pointer or '/'}: {one.detail}" for one in fields[:3])
        return _document(request, kind, detail, fields)
    fields = [_value_field(error)] if isinstance(error, InvalidValue) else []
    return _document(request, kind, str(error), fields)


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - the type it is registered for
    kind = Kind(error.status_code, f"http-{error.status_code}", str(error.detail))
    return _document(request, kind, str(error.detail), [], error.headers)


async def _answer_internal(request: Request, error: Exception) -> JSONResponse:
    logger.error("unforeseen error", exc_info=error, extra={"request": request_id(request)})
    return _document(request, INTERNAL, "see the server's log for this request", [])


def _document(
    request: Request,
    kind: Kind,
    detail: str,
    fields: list[FieldProblem],
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    problem = Problem(
        type=f"urn:glideslope:problem:{kind.type}",
        title=kind.title,
        status=kind.status,
        detail=detail,
        instance=request_id(request),
        errors=fields,
    )
    retry = {"Retry-After": "1"} if kind.status == 503 else {}
    return JSONResponse(
        problem.model_dump(mode="json"),
        status_code=kind.status,
        media_type=MEDIA_TYPE,
        headers={**(headers or {}), **retry},
    )


def _value_field(error: InvalidValue) -> FieldProblem:
    pointer = "/" + error.field.replace("[", "/").replace("]", "").replace(".", "/")
    return FieldProblem(
        pointer=pointer, detail=str(error), value=_echo(error.value), allowed=error.allowed
    )


def _schema_field(error: Mapping[str, Any]) -> FieldProblem:
    place = [str(part) for part in error["loc"] if part != "body"]
    value = None if error["type"] in {"missing", "json_invalid"} else _echo(error.get("input"))
    return FieldProblem(
        pointer="/" + "/".join(place) if place else "",
        detail=str(error["msg"]),
        value=value,
        allowed=_allowed(error.get("ctx", {})),
    )


def _allowed(limits: Mapping[str, Any]) -> str | None:
    """The allowed range in words, from pydantic's context of an error."""
    words = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
    parts = [f"{words[key]} {value}" for key, value in limits.items() if key in words]
    parts += [str(value) for key, value in limits.items() if key == "expected"]
    for key, what in (("min_length", "at least"), ("max_length", "at most")):
        if key in limits:
            parts.append(f"{what} {limits[key]} long")
    return " and ".join(parts) or None


def _echo(value: object) -> object:
    """A value as it may be shown back: JSON-able and short."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) < 2**53:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    text = value if isinstance(value, str) else repr(value)
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MAX_ECHO else text[:MAX_ECHO] + "…"
