"""Exchange: one call over HTTP, tried until it is answered or patience ends.

The one idea: the request is built once and sent again byte for byte, so the server can recognise
a repetition; a lost answer and a lost request look the same from here.
Not here: what is called (`service.client.client`).
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

import httpx2
from pydantic import ValidationError

from service.client.errors import BadAnswer, ProblemError, Unreachable
from service.client.patience import Patience
from service.schemas.base import Schema
from service.schemas.problems import Problem

JSON = {"Content-Type": "application/json"}
LONGEST_DETAIL = 500

Answer = TypeVar("Answer", bound=Schema)


@dataclass(frozen=True, slots=True)
class Exchange:
    """Sends requests through one HTTP client, which may be shared by threads."""

    http: httpx2.Client

    def send(
        self,
        method: str,
        path: str,
        *,
        patience: Patience,
        content: str | None = None,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> httpx2.Response:
        """Return the answer, a 2xx or 304, or raise `Unreachable` or `ProblemError`."""
        request = self.http.build_request(
            method,
            path,
            content=content,
            params=params,
            headers=(headers or {}) | ({} if content is None else JSON),
            timeout=patience.answer_seconds,
        )
        deadline = patience.clock() + patience.seconds
        for bound in patience.bounds():
            outcome = self._try(request)
            if not _is_temporary(outcome, patience):
                break
            if patience.is_over(deadline, bound, _asked_pause(outcome)):
                break
        if isinstance(outcome, httpx2.Response):
            return _accept(outcome)
        raise Unreachable(str(request.url), outcome) from outcome

    def _try(self, request: httpx2.Request) -> httpx2.Response | httpx2.RequestError:
        try:
            return self.http.send(request)
        except httpx2.UnsupportedProtocol as error:
            raise Unreachable(str(request.url), error) from error
        except httpx2.RequestError as error:
            return error


def parse(schema: type[Answer], response: httpx2.Response) -> Answer:
    """Read an answer; fields that a newer server added are ignored, the rest is strict."""
    try:
        return schema.model_validate_json(response.content, extra="ignore")
    except ValidationError as error:
        raise BadAnswer(
            f"{response.url} did not answer with a {schema.__name__}: {error}"
        ) from error


def _is_temporary(outcome: httpx2.Response | httpx2.RequestError, patience: Patience) -> bool:
    return isinstance(outcome, httpx2.RequestError) or outcome.status_code in patience.statuses


def _accept(response: httpx2.Response) -> httpx2.Response:
    if response.is_success or response.status_code == HTTPStatus.NOT_MODIFIED:
        return response
    raise ProblemError(read_problem(response))


def read_problem(response: httpx2.Response) -> Problem:
    """The problem document of a refusal, made up if something else on the way answered."""
    try:
        return Problem.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        return Problem(
            type="about:blank",
            title=response.reason_phrase or "Error",
            status=response.status_code,
            detail=response.text[:LONGEST_DETAIL],
            instance="",
        )


def _asked_pause(outcome: httpx2.Response | httpx2.RequestError) -> float:
    """Seconds that the server asked to wait; a date or nonsense counts as none."""
    if not isinstance(outcome, httpx2.Response):
        return 0.0
    asked = outcome.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else 0.0
