"""Catalogue: what the service can train, and with which families."""

from dataclasses import dataclass
from typing import Generic, TypeVar, final

import httpx2

from service.client.calls import Call, get, parsed
from service.client.drivers import Driver
from service.client.methods import call
from service.schemas.catalogue import FamilyList, FamilyView, ObjectiveList, ObjectiveView

D = TypeVar("D", bound=Driver)


@final
@dataclass(frozen=True, slots=True)
class Catalogue(Generic[D]):
    """`client.catalogue`."""

    driver: D

    @call
    def objectives(self) -> Call[list[ObjectiveView]]:
        """All registered objectives."""
        return get("/v1/objectives", _objectives)

    @call
    def families(self) -> Call[list[FamilyView]]:
        """All families of schedules."""
        return get("/v1/families", _families)


def _objectives(response: httpx2.Response) -> list[ObjectiveView]:
    return parsed(ObjectiveList)(response).items


def _families(response: httpx2.Response) -> list[FamilyView]:
    return parsed(FamilyList)(response).items
