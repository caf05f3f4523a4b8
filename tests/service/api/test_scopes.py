"""Every route says what its caller must be allowed."""

from pathlib import Path

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from service.api.caller import Needs, is_public
from service.app import create_app
from service.schemas.keys import Scope
from service.settings import Settings
from service.store.engine import Store


def needs(dependant: Dependant) -> set[Scope | None]:
    """The scopes that a route asks for, in its signature or its router's; None for any."""
    own = {dependant.call.scope} if isinstance(dependant.call, Needs) else set()
    return own.union(*map(needs, dependant.dependencies))


@pytest.fixture
def routes(tmp_path: Path) -> dict[tuple[str, str], set[Scope | None]]:
    """The scopes by method and path, of all there is to ask for."""
    store = Store(f"sqlite:///{tmp_path / 'empty.db'}")
    app = create_app(store, Settings())
    store.close()
    return {
        (method, str(one.path)): needs(one.dependant)
        if isinstance(one.original_route, APIRoute)
        else set()
        for one in iter_route_contexts(app.routes)
        for method in one.methods or {"ANY"}
    }


def test_every_route_asks_for_one_scope(routes: dict[tuple[str, str], set[Scope | None]]) -> None:
    """But those that are listed as public, which ask for none; a few take any key."""
    assert len(routes) > 30
    asking = {route for route, scopes in routes.items() if scopes}
    assert asking == {route for route in routes if not is_public(*route)}
    assert {len(scopes) for scopes in routes.values()} == {0, 1}
    assert {path for (_, path), scopes in routes.items() if None in scopes} == {"/v1/sessions"}


def test_a_scope_fits_the_method(routes: dict[tuple[str, str], set[Scope | None]]) -> None:
    """Whoever may only read studies changes nothing; whoever may only work reads none."""
    reading = {route for route, scopes in routes.items() if scopes == {Scope.READ}}
    assert {
        path
        for method, path in reading
        if method not in {"GET", "HEAD"} and not path.startswith("/v1/schedules:")
    } == set()
    working = {path for (_, path), scopes in routes.items() if scopes == {Scope.WORK}}
    work = ("/v1/work:", "/v1/runs:", "/v1/datasets/{dataset}/content")
    assert all(path.startswith(work) for path in working)
