"""Errors of the client: one tree, drawn here.

    ClientError
    ├── Unreachable             no answer came within the patience of the call
    ├── ProblemError            the service refused: carries its problem document
    │   ├── NotAuthenticated    401: no key, or one that is not known, expired or revoked
    │   ├── Forbidden           403: the key may not do this
    │   ├── NotFound            404: no such thing in this project
    │   ├── Conflict            409: what is stored contradicts it
    │   ├── Outdated            412: the study is another by now than `if_match` says
    │   ├── TooLarge            413: the body is larger than the service takes
    │   ├── Invalid             400, 422: a value is not allowed; `problem.errors` names each
    │   ├── QuotaExceeded       429: too much or too often; `retry_after` says when to come back
    │   └── Unavailable         503: not now; `retry_after` likewise
    ├── GaveUp                  whoever waited was told to stop waiting
    └── BadAnswer               the answer is not what the contract promises

Not here: errors on the server's side (`service.errors`).
"""

import httpx2
from pydantic import ValidationError

from service.schemas.problems import FieldProblem, Problem

LONGEST_DETAIL = 500  # characters of an answer that is no problem document


class ClientError(Exception):
    """A call to the service did not succeed."""


class Unreachable(ClientError):
    """No answer came within the patience of the call."""

    def __init__(self, url: str, cause: Exception) -> None:
        """Name the address and the last thing that went wrong."""
        self.url = url
        super().__init__(f"no answer from {url}: {type(cause).__name__}: {cause}")


class ProblemError(ClientError):
    """The service refused the call; `problem` is its problem document.

    `retry_after` are the seconds after which it asks to come back, None if it does not.

    >>> raise ProblemError(Problem(
    ...     type="about:blank", title="Conflict", status=409, detail="no best yet", instance=""
    ... ))
    Traceback (most recent call last):
    service.client.errors.ProblemError: 409 Conflict: no best yet
    """

    def __init__(self, problem: Problem, *, retry_after: float | None = None) -> None:
        """Say status and title, then the detail or each offending field on a line of its own."""
        self.problem = problem
        self.status = problem.status
        self.retry_after = retry_after
        head = f"{problem.status} {problem.title}"
        lines = "".join(f"\n{_line(error)}" for error in problem.errors)
        super().__init__(head + (lines or f": {problem.detail}"))


class NotAuthenticated(ProblemError):
    """401: no key, or one that is not known, expired or revoked."""


class Forbidden(ProblemError):
    """403: the key may not do this."""


class NotFound(ProblemError):
    """404: there is no such thing in this project."""


class Conflict(ProblemError):
    """409: what is stored contradicts it, or its state does not allow it."""


class Outdated(ProblemError):
    """412: the study is another by now than `if_match` says."""


class TooLarge(ProblemError):
    """413: the body is larger than the service takes."""


class Invalid(ProblemError):
    """400 or 422: a value is not allowed; `problem.errors` names each."""


class QuotaExceeded(ProblemError):
    """429: too much or too often."""


class Unavailable(ProblemError):
    """503: the service cannot answer now."""


class GaveUp(ClientError):
    """Whoever waited was told to stop waiting."""


class BadAnswer(ClientError):
    """The answer is not what the contract promises."""


BY_STATUS: dict[int, type[ProblemError]] = {
    400: Invalid,
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: Outdated,
    413: TooLarge,
    422: Invalid,
    429: QuotaExceeded,
    503: Unavailable,
}


def refusal(response: httpx2.Response) -> ProblemError:
    """The error of a refusal; its document is made up if something else on the way answered."""
    try:
        problem = Problem.model_validate_json(response.content, extra="ignore")
    except ValidationError:
        problem = Problem(
            type="about:blank",
            title=response.reason_phrase or "Error",
            status=response.status_code,
            detail=response.text[:LONGEST_DETAIL],
            instance="",
        )
    kind = BY_STATUS.get(response.status_code, ProblemError)
    return kind(problem, retry_after=asked_pause(response))


def asked_pause(response: httpx2.Response) -> float | None:
    """Seconds that the server asked to wait; a date or nonsense counts as none."""
    asked = response.headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else None


def _line(error: FieldProblem) -> str:
    allowed = f"; allowed: {error.allowed}" if error.allowed else ""
    return f"  {error.pointer or '/'}: {error.detail}{allowed}"
