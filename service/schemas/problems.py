"""Problem documents (RFC 9457): the one shape of every error on the wire."""

from typing import Any

from pydantic import Field

from service.schemas.base import Schema
from service.schemas.studies import Estimate
from service.schemas.work import Reply


class FieldProblem(Schema):
    """One offending value: where (a JSON pointer), what it was, and what is allowed."""

    pointer: str
    detail: str
    value: Any = None
    allowed: str | None = None


class QuotaProblem(Schema):
    """A quota that would be exceeded: what is used of it, its limit, and what was asked for."""

    name: str
    used: int
    limit: int
    asked: int


class Problem(Schema):
    """An error; `type` is stable, `instance` is the request's id.

    Where every run of a batch is stale, `replies` says of each why to stop training it. Where a
    quota is used up, `quota` says which, and `estimate` what the refused study would cost, if it
    is one.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[FieldProblem] = Field(default_factory=list)
    replies: list[Reply] | None = None
    quota: QuotaProblem | None = None
    estimate: Estimate | None = None
