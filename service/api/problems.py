"""Every error as a problem document (RFC 9457), from one table.

The one idea: errors of the core and of the service know nothing of HTTP; this table gives each
class its status and stable type. An error nobody foresaw is logged and answered without detail.
Not here: the trees themselves (`tuning.errors`, `service.errors`).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from service import audit
from service.api.caller import CALLER, Caller
from service.api.fields import of_cell, of_core, of_schema, readable
from service.api.methods import is_taken, methods_at
from service.api.requests import HEADER, USUAL, bare_id, method_of, request_id, route_of
from service.errors import (
    Conflict,
    Forbidden,
    Foreign,
    HeadersTooLarge,
    KeyReused,
    NotFound,
    Outdated,
    QuotaExceeded,
    ServerEnds,
    StaleBatch,
    StoreBusy,
    Unidentified,
)
from service.schemas.problems import FieldProblem, Problem, QuotaProblem
from tuning.errors import BadCell, BadTable, DataError, IllegalMove, InvalidValue

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RARE = {"replies", "quota", "estimate"}  # members of few problems, else left out
MAX_FIELDS = 100  # offending fields that are told


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
    Unidentified: Kind(401, "no-key", "A valid API key is needed"),
    Foreign: Kind(403, "foreign", "The request came by way of another site"),
    Forbidden: Kind(403, "forbidden", "The caller may not do this"),
    NotFound: Kind(404, "not-found", "There is no such thing"),
    Conflict: Kind(409, "conflict", "The request contradicts what is stored"),
    IllegalMove: Kind(409, "illegal-move", "The state does not allow it"),
    Outdated: Kind(412, "outdated", "The study is not the one that the client knows"),
    KeyReused: Kind(422, "key-reused", "The idempotency key came with another body before"),
    HeadersTooLarge: Kind(431, "headers-too-large", "The address or the headers are too long"),
    QuotaExceeded: Kind(429, "quota-exceeded", "The project would use up more than it may"),
    ServerEnds: Kind(503, "server-ends", "The server is about to end"),
    StoreBusy: Kind(503, "store-busy", "The store cannot answer now"),
}
NOT_JSON = Kind(400, "not-json", "The body is not JSON")
TOO_LARGE = Kind(413, "too-large", "The body is too large")
TOO_SLOW = Kind(408, "request-timeout", "The request took too long to arrive")
INTERNAL = Kind(500, "internal", "Something went wrong inside the service")
# What Starlette and FastAPI raise themselves.
HTTP_KINDS: Mapping[int, Kind] = {
    400: NOT_JSON,
    404: Kind(404, "no-route", "There is nothing at this address"),
    405: Kind(405, "no-method", "This address does not take the method"),
    408: TOO_SLOW,
    413: TOO_LARGE,
}


def install(app: FastAPI) -> None:
    """Answer every error of `app` with a problem document."""
    for error_type in KINDS:
        app.add_exception_handler(error_type, _answer)
    app.add_exception_handler(RequestValidationError, _answer_misfit)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_internal)


def responses(
    *error_types: type[Exception], has_body: bool = False
) -> dict[int | str, dict[str, Any]]:
    """OpenAPI entries for the errors a route may answer with, 422 and 503 among them."""
    kinds = [KINDS[error_type] for error_type in (*error_types, InvalidValue, StoreBusy)]
    kinds += [NOT_JSON, TOO_SLOW, TOO_LARGE] if has_body else []
    return {
        kind.status: {"model": Problem, "description": kind.title, "content": {MEDIA_TYPE: {}}}
        for kind in kinds
    }


def answer(request: Request, error: Exception) -> JSONResponse:
    """The problem document of an error of the table."""
    kind = next(KINDS[base] for base in type(error).__mro__ if base in KINDS)
    if kind.status in audit.REFUSALS:
        _note(request, kind, error)
    fields = _fields(error)
    headers: dict[str, str] = {}
    more: dict[str, Any] = {}
    match error:
        case StaleBatch():
            more = {"replies": list(error.replies)}
        case Unidentified() | Forbidden():
            headers = _challenge(error)
        case QuotaExceeded():
            headers = {"Retry-After": str(error.retry_after)}
            more = {"quota": _quota(error)}
            more |= {} if error.estimate is None else {"estimate": error.estimate}
    return _document(request, kind, str(error), fields, headers, more)


def _note(request: Request, kind: Kind, error: Exception) -> None:
    """Have the audit log tell of a refusal."""
    caller: Caller | None = request.scope.get(CALLER)
    known = None if caller is None else caller.key
    audit.refused(
        kind.status,
        kind.type,
        str(error),
        method=method_of(request.scope),
        route=route_of(request.scope),
        client=None if request.client is None else request.client.host,
        key=error.key if isinstance(error, Unidentified) else known,
    )


def _challenge(error: Unidentified | Forbidden) -> dict[str, str]:
    """What RFC 6750 wants a refusal to say."""
    if isinstance(error, Forbidden):
        why = f', error="insufficient_scope", scope="{error.scope}"'
    else:
        why = ', error="invalid_token"' if error.is_shown else ""
    return {"WWW-Authenticate": f'Bearer realm="glideslope"{why}'}


def _quota(error: QuotaExceeded) -> dict[str, Any]:
    told = QuotaProblem(name=error.quota, used=error.used, limit=error.limit, asked=error.asked)
    return told.model_dump()


async def _answer(request: Request, error: Exception) -> JSONResponse:
    if isinstance(error, NotFound) and not is_taken(request):
        return _refuse_method(request)
    return answer(request, error)


def _refuse_method(request: Request) -> JSONResponse:
    """That an address does not take the method, and which it takes."""
    methods = ", ".join(sorted(methods_at(request)))
    detail = f"{request.method} is not taken here; {methods} is"
    return _document(request, HTTP_KINDS[405], detail, [], {"Allow": methods})


def _fields(error: Exception) -> list[FieldProblem]:
    match error:
        case InvalidValue():
            return [of_core(error)]
        case BadTable():
            return [of_cell(cell) for cell in error.cells]
        case BadCell():
            return [of_cell(error)]
    return []


async def _answer_misfit(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - the type it is registered for
    if not is_taken(request):
        return _refuse_method(request)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        place = f"{first['ctx']['error']} at character {first['loc'][-1]}"
        return _document(request, NOT_JSON, place, [])
    fields = [of_schema(one) for one in error.errors()[:MAX_FIELDS]]
    detail = "; ".join(f"{one.pointer or '/'}: {one.detail}" for one in fields[:3])
    return _document(request, KINDS[RequestValidationError], detail, fields)


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - the type it is registered for
    status = error.status_code
    if status == 405 and not is_taken(request):
        return _refuse_method(request)
    kind = HTTP_KINDS.get(status, Kind(status, f"http-{status}", str(error.detail)))
    # FastAPI's own words for a body that is nested too deeply, say, hide the reason.
    cause = error.__cause__ if kind is NOT_JSON else None
    return _document(request, kind, str(cause or error.detail), [], error.headers)


async def _answer_internal(request: Request, error: Exception) -> JSONResponse:
    logger.error("unforeseen error", exc_info=error, extra={"request": bare_id(request)})
    # This answer is given outside of `Requests`, which would have told it.
    headers = {HEADER: bare_id(request), **USUAL}
    return _document(request, INTERNAL, "see the server's log for this request", [], headers)


def _document(
    request: Request,
    kind: Kind,
    detail: str,
    fields: list[FieldProblem],
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> JSONResponse:
    problem = Problem(
        type=f"urn:glideslope:problem:{kind.type}",
        title=kind.title,
        status=kind.status,
        detail=readable(detail),
        instance=request_id(request),
        errors=fields,
    )
    retry = {"Retry-After": "1"} if kind.status == 503 else {}
    return JSONResponse(
        {**problem.model_dump(mode="json", exclude=RARE), **(more or {})},
        status_code=kind.status,
        media_type=MEDIA_TYPE,
        headers={**(headers or {}), **retry},
    )
