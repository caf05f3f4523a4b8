"""Whatever the API does, the command line does, unless a reason stands here."""

import ast
from pathlib import Path
from typing import TypeGuard

from service.client import Client
from service.client.methods import Listing, Method

ROOT = Path(__file__).parents[3]
# Methods of the client that no command calls, and why.
EXCEPTIONS = {
    "health.metrics": "for Prometheus, which asks over HTTP, without this program",
    "health.livez": "for what watches processes: it asks over HTTP, without this program",
    "health.readyz": "likewise",
    "schedules.schema": "for programs that check documents: a URL to fetch",
}


def methods() -> set[str]:
    """Every method of every resource; `tests.service.test_contract` ties each to its route."""
    client = Client("http://service.test")
    return {
        f"{resource}.{name}"
        for resource, held in vars(client).items()
        for name, value in vars(type(held)).items()
        if isinstance(value, Method | Listing)
    }


def called() -> set[str]:
    """What commands call, and the worker that `glideslope worker` runs.

    A resource that is handed on, as in `desk or client.keys`, is called by whatever follows there.
    """
    resources = set(vars(Client("http://service.test")))
    found = set()
    for folder in ("cli", "worker"):
        for path in (ROOT / "service" / folder).glob("*.py"):
            names = [node for node in ast.walk(ast.parse(path.read_text())) if is_name(node)]
            inner = {id(node.value) for node in names}
            handed_on = {
                one.attr for one in names if one.attr in resources and id(one) not in inner
            }
            found |= {f"{resource}.{one.attr}" for resource in handed_on for one in names}
            found |= {f"{one.value.attr}.{one.attr}" for one in names if is_name(one.value)}
    return found


def is_name(node: ast.AST) -> TypeGuard[ast.Attribute]:
    """Whether it is something of something."""
    return isinstance(node, ast.Attribute)


def test_every_route_has_a_command() -> None:
    """A new route without one fails here; so does an exception that is none any more."""
    assert methods() - called() == set(EXCEPTIONS)
