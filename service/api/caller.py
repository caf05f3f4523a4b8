"""Who asks: the project and the scopes behind a request.

The one idea: a route says in its signature what its caller must be allowed, and gets the project to
look in from the caller alone; so a route that says nothing has no project, and a test finds it.
Not here: how a key is checked; what a project may use up.
"""

import math
from dataclasses import dataclass
from typing import Annotated

from fastapi import Request, Security
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase

from service.errors import Forbidden, NotFound
from service.schemas.keys import Scope

DEFAULT_PROJECT = "default"
STATIC = "/static/"  # what lies below is part of the program
# Routes that tell nobody's secrets.
PUBLIC = frozenset({"/livez", "/readyz", "/docs", "/openapi.json", f"{STATIC}{{name}}"})

CALLER = "glideslope.caller"  # its place in the scope of a request


def is_public(path: str) -> bool:
    """Whether nobody is asked who they are at an address."""
    return path in PUBLIC or path.startswith(STATIC)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    `key` is the public id of the key that was shown, None where none is needed. A caller of
    `all_projects` works and administers for every project; everything else is of its own. Whoever
    follows a link has no scope, but may read one `study` until it `ends`, seconds after 1970.
    """

    project: str
    key: str | None
    scopes: frozenset[Scope]
    all_projects: bool = False
    study: str | None = None
    ends: float = math.inf

    @property
    def reach(self) -> str | None:
        """The project whose runs it may train; None for all."""
        return None if self.all_projects else self.project

    def worker(self, name: str) -> str:
        """What one of its workers is called; no other project's can have the name."""
        return name if self.all_projects else f"{self.project}/{name}"


# Whoever reaches a server that needs no keys.
OPEN = Caller(DEFAULT_PROJECT, None, frozenset(Scope), all_projects=True)


class Needs(SecurityBase):
    """A dependency: the caller, who must have a scope; raises Forbidden for any other.

    What `is_shared` is open to who follows a link to its study, too, for whom others are not there.
    As a class, for OpenAPI tells of it what it tells of FastAPI's own kinds of security.
    """

    def __init__(self, scope: Scope, *, is_shared: bool = False) -> None:
        self.model = HTTPBearer(description="An API key: `Authorization: Bearer gs_…`")
        self.scheme_name = "key"
        self.scope = scope
        self.is_shared = is_shared

    async def __call__(self, request: Request) -> Caller:
        """The caller of a request."""
        caller: Caller = request.scope[CALLER]
        if self.scope in caller.scopes:
            return caller
        if self.is_shared and caller.study is not None:
            asked = request.path_params["study"]
            if asked != caller.study:
                raise NotFound("study", asked)
            return caller
        raise Forbidden(self.scope)


# What a route asks for: in its signature, or among its dependencies if it needs no project.
READ = Security(Needs(Scope.READ), scopes=[Scope.READ])
WRITE = Security(Needs(Scope.WRITE), scopes=[Scope.WRITE])
WORK = Security(Needs(Scope.WORK), scopes=[Scope.WORK])
ADMIN = Security(Needs(Scope.ADMIN), scopes=[Scope.ADMIN])

Reader = Annotated[Caller, READ]
Viewer = Annotated[Caller, Security(Needs(Scope.READ, is_shared=True), scopes=[Scope.READ])]
Writer = Annotated[Caller, WRITE]
Trainer = Annotated[Caller, WORK]
Admin = Annotated[Caller, ADMIN]
