"""Workers: who is there, what they offer and what they train."""

from dataclasses import dataclass
from typing import Generic, TypeVar, final

from service.client.calls import Call, get, parsed
from service.client.drivers import Driver
from service.client.methods import call
from service.schemas.workers import WorkerList

D = TypeVar("D", bound=Driver)


@final
@dataclass(frozen=True, slots=True)
class Workers(Generic[D]):
    """`client.workers`."""

    driver: D

    @call
    def list(self) -> Call[WorkerList]:
        """Workers that asked for work within a day, those that train first; and what is queued."""
        return get("/v1/workers", parsed(WorkerList))
