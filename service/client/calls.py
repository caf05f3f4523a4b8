"""Calls: one request of the HTTP contract as a value, with the reader of its answer.

The one idea: a call is pure data, made by a typed function and performed by whoever has a
connection, so that each is written once for the blocking and for the asynchronous client.
Not here: how often a call is tried (`service.client.flows`), which calls there are (one file per
resource).
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import quote

import httpx2
from pydantic import ValidationError

from service.client.errors import BadAnswer
from service.client.patience import Patience
from service.schemas.base import Schema

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Answer = TypeVar("Answer", bound=Schema)

JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One request and how its answer is read.

    Args:
        method: of HTTP.
        path: from the root of the service.
        read: turns an answer, a 2xx or 304, into what the caller gets.
        params: the query.
        content: the body: JSON as text, bytes, or a file that is streamed; None for none.
        headers: beside those that the body brings.
        patience: how long to try; the client's own if None.
    """

    method: str
    path: str
    read: Callable[[httpx2.Response], T_co]
    params: Mapping[str, str | list[str]] = field(default_factory=dict)
    content: str | bytes | Path | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    patience: Patience | None = None


def get(
    path: str, read: Callable[[httpx2.Response], T], params: Mapping[str, object] | None = None
) -> Call[T]:
    """A call that reads; parameters that are None are left out, a list is told one by one.

    >>> get("/v1/x", text, {"limit": 5, "table": True, "cursor": None, "state": ["a", "b"]}).params
    {'limit': '5', 'table': 'true', 'state': ['a', 'b']}
    """
    told = {
        name: [_word(one) for one in value] if isinstance(value, list | tuple) else _word(value)
        for name, value in (params or {}).items()
        if value is not None
    }
    return Call("GET", path, read, told)


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def post(
    path: str,
    read: Callable[[httpx2.Response], T],
    body: Schema | Mapping[str, Any] | None = None,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    patience: Patience | None = None,
) -> Call[T]:
    """A call that changes or computes something, with a JSON body unless `body` is None."""
    if body is None:
        return Call(method, path, read, headers=headers or {}, patience=patience)
    content = body.model_dump_json() if isinstance(body, Schema) else json.dumps(dict(body))
    return Call(method, path, read, {}, content, {**JSON, **(headers or {})}, patience)


def segment(name: str) -> str:
    """What a user types as an id, as one segment of a path, whatever it holds.

    >>> segment("../v1/keys?x=1")
    '..%2Fv1%2Fkeys%3Fx%3D1'
    """
    return quote(name, safe="")


def study_path(study: str) -> str:
    """The path of a study."""
    return "/v1/studies/" + segment(study)


def match(revision: int | None) -> dict[str, str]:
    """The header of what shall happen only to this revision of a study; none for any."""
    return {} if revision is None else {"If-Match": f'"{revision}"'}


def parsed(schema: type[Answer]) -> Callable[[httpx2.Response], Answer]:
    """Read a schema; fields that a newer server added are ignored, the rest is strict."""

    def read(response: httpx2.Response) -> Answer:
        try:
            return schema.model_validate_json(response.content, extra="ignore")
        except ValidationError as error:
            raise BadAnswer(
                f"{response.url} did not answer with a {schema.__name__}: {error}"
            ) from error

    return read


def document(response: httpx2.Response) -> dict[str, Any]:
    """Read a JSON object that has no schema here."""
    try:
        content = response.json()
    except ValueError as error:
        raise BadAnswer(f"{response.url} did not answer with JSON: {error}") from error
    if not isinstance(content, dict):
        raise BadAnswer(f"{response.url} did not answer with a JSON object")
    return content


def text(response: httpx2.Response) -> str:
    """Read text."""
    return response.text


def nothing(_response: httpx2.Response) -> None:
    """Read nothing: that it was answered is the answer."""


def whole(response: httpx2.Response) -> httpx2.Response:
    """The answer itself, for whoever needs its status and headers."""
    return response
