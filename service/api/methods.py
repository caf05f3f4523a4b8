"""Which methods an address takes: of all routes there, and of no others.

The one idea: `/{study}:cancel` is an address of its own, though `/{study}` looks as if it took it,
too. The template that says most of an address is the one that is meant; whoever asks with a method
that it does not take is told 405, and in `Allow` all that it takes (RFC 9110), whichever route it
was that refused. Looked up for refusals alone.
"""

import re
from collections.abc import Iterator

from fastapi import FastAPI, Request
from fastapi.routing import iter_route_contexts

Template = tuple[re.Pattern[str], int, frozenset[str]]  # how much it says: its letters
PARAMETER = re.compile(r"\{\w+\}")


def methods_at(request: Request) -> frozenset[str]:
    """The methods of the address that was asked for; none if nothing is there."""
    known: list[Template] | None = getattr(request.app.state, "templates", None)
    if known is None:
        known = request.app.state.templates = list(_templates(request.app))
    path: str = request.scope["path"]
    found = [(letters, methods) for one, letters, methods in known if one.fullmatch(path)]
    most = max((letters for letters, _ in found), default=0)
    return frozenset().union(*(methods for letters, methods in found if letters == most))


def is_taken(request: Request) -> bool:
    """Whether the address takes the method; True where nothing is there."""
    methods = methods_at(request)
    return not methods or request.method in methods


def _templates(app: FastAPI) -> Iterator[Template]:
    for one in iter_route_contexts(app.routes):
        path, methods = one.path, one.methods
        if path is not None and methods:
            words = [re.escape(word) for word in PARAMETER.split(path)]
            letters = sum(map(len, PARAMETER.split(path)))
            yield re.compile("[^/]+".join(words)), letters, frozenset(methods)
