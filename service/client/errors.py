"""Errors of the client: one tree, drawn here.

    ClientError
    ├── Unreachable     no answer came within the patience of the call
    ├── ProblemError    the service refused: carries its problem document
    └── BadAnswer       the answer is not what the contract promises

Not here: errors on the server's side (`service.errors`).
"""

from service.schemas.problems import FieldProblem, Problem


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

    >>> raise ProblemError(Problem(
    ...     type="about:blank", title="Conflict", status=409, detail="no best yet", instance=""
    ... ))
    Traceback (most recent call last):
    service.client.errors.ProblemError: 409 Conflict: no best yet
    """

    def __init__(self, problem: Problem) -> None:
        """Say status and title, then the detail or each offending field on a line of its own."""
        self.problem = problem
        self.status = problem.status
        head = f"{problem.status} {problem.title}"
        lines = "".join(f"\n{_line(error)}" for error in problem.errors)
        super().__init__(head + (lines or f": {problem.detail}"))


class BadAnswer(ClientError):
    """The answer is not what the contract promises."""


def _line(error: FieldProblem) -> str:
    allowed = f"; allowed: {error.allowed}" if error.allowed else ""
    return f"  {error.pointer or '/'}: {error.detail}{allowed}"
