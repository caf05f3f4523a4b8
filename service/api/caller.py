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

from service.errors import Forbidden, NotFound, Unidentified
from service.schemas.keys import Scope
from service.store import reach

DEFAULT_PROJECT = "default"
# Addresses that tell nobody's secrets.
PUBLIC = frozenset({"/livez", "/readyz", "/docs", "/openapi.json", "/sign-in"})
STATIC = "/static/"  # what lies below is part of the program
SIGN_IN = ("POST", "/v1/sessions")  # whose caller shows a key in the body

CALLER = "glideslope.caller"  # its place in the scope of a request
CROSSING = frozenset({Scope.WORK, Scope.ADMIN})  # what a caller of all projects does for all


def is_public(method: str, path: str) -> bool:
    """Whether nobody is asked who they are.

    >>> is_public("GET", "/static/site.css"), is_public("GET", "/v1/sessions")
    (True, False)
    """
    return path in PUBLIC or path.startswith(STATIC) or (method, path) == SIGN_IN


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    `key` is the public id of the key that was shown, None where none is needed; it `ends` so many
    seconds after 1970. That of a session has the `parent` which somebody signed in with. A caller
    of `all_projects` works and administers for every project; everything else is of its own.
    Whoever follows a link has no scope, but may read one `study`.
    """

    project: str
    key: str | None
    scopes: frozenset[Scope]
    all_projects: bool = False
    study: str | None = None
    ends: float = math.inf
    label: str = ""
    parent: str | None = None

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

    Without a scope any key will do, but not a link; raises Unidentified for it.
    What `is_shared` is open to who follows a link to its study, too, for whom others are not there.
    As a class, for OpenAPI tells of it what it tells of FastAPI's own kinds of security.
    """

    def __init__(self, scope: Scope | None, *, is_shared: bool = False) -> None:
        self.model = HTTPBearer(description="An API key: `Authorization: Bearer gs_…`")
        self.scheme_name = "key"
        self.scope = scope
        self.is_shared = is_shared

    async def __call__(self, request: Request) -> Caller:
        """The caller of a request, which from now on reaches what is the caller's."""
        caller: Caller = request.scope[CALLER]
        self._check(caller, request)
        crosses = caller.all_projects and self.scope in CROSSING
        reach.settle(reach.EVERYTHING if crosses else caller.project)
        return caller

    def _check(self, caller: Caller, request: Request) -> None:
        if self.scope in caller.scopes or (self.scope is None and caller.study is None):
            return
        if self.scope is None:
            raise Unidentified(is_shown=False)
        if self.is_shared and caller.study is not None:
            asked = request.path_params["study"]
            if asked != caller.study:
                raise NotFound("study", asked)
            return
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
KeyHolder = Annotated[Caller, Security(Needs(None))]
