"""Whatever the API does, the command line does, unless a reason stands here."""

import ast
from pathlib import Path

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
    """What commands call, and the worker that `glideslope worker` runs."""
    found = set()
    for folder in ("cli", "worker"):
        for path in (ROOT / "service" / folder).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
                    found.add(f"{node.value.attr}.{node.attr}")
    return found


def test_every_route_has_a_command() -> None:
    """A new route without one fails here; so does an exception that is none any more."""
    assert methods() - called() == set(EXCEPTIONS)
