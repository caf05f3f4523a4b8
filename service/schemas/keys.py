"""API keys on the wire.

The one idea: a token is in one answer only, that to its creation.
Not here: how a key is made and checked (`service.store.keys`, `service.api.keyring`).
"""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from service.schemas.base import Name, Schema


class Scope(StrEnum):
    """What the holder of a key may do within its project."""

    READ = "studies:read"
    WRITE = "studies:write"
    WORK = "work"
    ADMIN = "admin"


PROJECT_PATTERN = r"^[a-z0-9][a-z0-9_-]*$"
ProjectName = Annotated[
    str, StringConstraints(min_length=1, max_length=63, pattern=PROJECT_PATTERN)
]
# JSON knows no enums; a strict schema would take only what Python calls one.
ScopeName = Annotated[Scope, Field(strict=False)]


class KeyRequest(Schema):
    """A key to make."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"label": "laptop", "scopes": ["studies:read", "studies:write"]}]
        }
    )

    label: Name = Field(description="whose or what for; your own words")
    scopes: list[ScopeName] = Field(
        min_length=1, max_length=len(Scope), description="what its holder may do"
    )
    expires_at: str | None = Field(
        default=None, max_length=64, description="when it ends, ISO 8601 with time zone; never"
    )
    project: ProjectName | None = Field(
        default=None, description="whose it is; the caller's own project if none"
    )
    all_projects: bool = Field(
        default=False, description="whether it works and administers for every project"
    )


class KeyView(Schema):
    """A key without its secret; `last_used_at` may be a minute behind.

    `sessions` counts the browsers that are signed in with it.
    """

    id: str
    project: str
    label: str
    scopes: list[ScopeName]
    all_projects: bool
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    sessions: int


class KeyMade(KeyView):
    """A new key with its token, which is shown this once."""

    token: str


class KeyPage(Schema):
    """A page of keys, newest first."""

    items: list[KeyView]
    next: str | None = None
