"""The description of the API (OpenAPI): what every route says of itself, made complete.

The one idea: what all routes have in common is added here once, whatever route comes next: how its
errors look, what its parameters mean, that it may fail. A test walks the result and finds what a
route forgot to say.
Not here: what a route does and which errors it knows of (each route says so), examples of bodies
(each schema has one).
"""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from service.api.problems import (
    INTERNAL,
    KINDS,
    MEDIA_TYPE,
    NOT_JSON,
    RARE,
    TOO_LARGE,
    TOO_SLOW,
    Kind,
)
from service.schemas.problems import Problem
from tuning.errors import InvalidValue

Document = dict[str, Any]  # JSON

TAGS: Mapping[str, str] = {
    "studies": "Searches for the best schedule: create, follow, move, and their best and verdict.",
    "results": "What came of a study, in detail: trials, runs, curves, evidence, whole as a file.",
    "work": "The worker protocol: claim runs, keep them, report, tell. Every call may be repeated.",
    "catalogue": "What can be tuned, and with which families of schedules.",
    "schedules": "Tools for schedules: points, lint, code for other libraries.",
    "datasets": "Tables of your own to train on.",
    "keys": "API keys: who may do what, in which project.",
    "sessions": "Signing in by key, for browsers; programs show their key with every request.",
    "webhooks": "Addresses that are told of what happens to studies.",
    "health": "Whether the server is well, and its figures for Prometheus.",
}

# What parameters mean, by name; a route that means something else says so itself.
PARAMETERS: Mapping[str, str] = {
    "Idempotency-Key": "an id of this request: repeated, it is answered as it was, and done once",
    "If-Match": "ETags of the study (its revision in quotes), or `*`: 412 if it is another by now",
    "If-None-Match": "the ETag of what the client has: 304 if it is still that",
    "Last-Event-ID": "the last event that was seen; those after it follow",
    "after": "the revision after which events are told",
    "cursor": "the `next` of the page before",
    "dataset": "id of a dataset, `ds_…`",
    "family": "of schedules, see `GET /v1/families`",
    "format": "of the answer; code of a framework, or data",
    "key": "public id of an API key",
    "label": "of the study, word for word",
    "limit": "items of a page, at most",
    "max_points": "points of a curve, at most; no extreme is lost",
    "measurements": "whether measurements of runs in training are told, too, at most once a second",
    "metric": "name of a metric; repeat it for several",
    "number": "of the trial, from 0 on; of the verdict, from 1 on, the last one by default",
    "objective": "name of an objective, see `GET /v1/objectives`",
    "phase": "what a run or trial is for: probe, baseline, search or confirm",
    "pick": "the winner of the verdict, or its recommendation, the simplest schedule of a tie",
    "q": "words that are looked for in id, label, labels and notes, in any case of letters",
    "run": "id of a run",
    "sort": "by what the list is sorted; what has no such figure comes last",
    "state": "of what is listed",
    "study": "id of a study, `st_…`",
    "table": "whether the learning rates of every update are told, too",
    "trial": "number of a trial; repeat it for several",
    "until": "what is waited for: that it `changed`, or is `final`",
    "webhook": "id of a webhook, `wh_…`",
    "wait": "seconds to wait for another answer than the client has, see `If-None-Match`",
}

_DETAILS: Mapping[int, str] = {
    400: "Expecting value at character 17",
    401: "this needs an API key: `Authorization: Bearer gs_…`",
    403: "this needs the scope 'studies:write'",
    404: "there is no study 'st_x'",
    408: "the body did not end within 30 s",
    409: "study st_x has no verdict yet; it is running",
    412: "study st_x is at revision 9, which If-Match does not name",
    413: "a body has at most 1,048,576 bytes",
    422: "budget.trials: 0 is not allowed; allowed: an integer from 1 to 1,000,000",
    429: "quota trials: 90 of 100 are used, and 60 more were asked for",
    431: "the address and the headers have more than 32,768 bytes",
    503: "the database did not answer: connection refused",
}
_FIELD = {
    "pointer": "/budget/trials",
    "detail": "0 is not allowed",
    "value": 0,
    "allowed": "an integer from 1 to 1,000,000",
}


def describe(app: FastAPI) -> None:
    """Have an application tell its description complete."""
    tell = app.openapi

    def complete() -> Document:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(tell())
        return app.openapi_schema

    app.openapi = complete  # type: ignore[method-assign] # what FastAPI provides it for


def _completed(document: Document) -> Document:
    document["tags"] = [{"name": name, "description": words} for name, words in TAGS.items()]
    document["info"]["description"] = (
        "Errors are problem documents (RFC 9457): `type` is stable, `instance` is the id of the "
        "request, and `errors` name every offending field by a JSON pointer. Lists come in pages: "
        "`next` of one is the `cursor` of the next."
    )
    for operation in operations(document):
        operation["responses"].setdefault("500", {"description": INTERNAL.title})
        for status, response in operation["responses"].items():
            if int(status) >= 400 and "Health" not in str(response):
                response["content"] = {MEDIA_TYPE: _problem(int(status))}
        for parameter in operation.get("parameters", []):
            words = PARAMETERS.get(parameter["name"])
            if words is not None:
                parameter.setdefault("description", words)
    return document


def operations(document: Document) -> Iterator[Document]:
    """Every method of every path."""
    for methods in document["paths"].values():
        yield from methods.values()


def _problem(status: int) -> Document:
    known = {
        kind.status: kind for kind in (*KINDS.values(), NOT_JSON, TOO_SLOW, TOO_LARGE, INTERNAL)
    }
    known[422] = KINDS[InvalidValue]
    kind = known.get(status, Kind(status, f"http-{status}", "An error"))
    problem = Problem(
        type=f"urn:glideslope:problem:{kind.type}",
        title=kind.title,
        status=status,
        detail=_DETAILS.get(status, "see the server's log for this request"),
        instance="urn:glideslope:request:0f3c9a5be2d17c44",
    )
    example = problem.model_dump(mode="json", exclude=RARE)
    if status == 429:
        example["quota"] = {"name": "trials", "used": 90, "limit": 100, "asked": 60}
    if status == 422:
        example["errors"] = [_FIELD]
    return {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
