"""Health of the service, asked once, and its figures."""

from dataclasses import dataclass, replace
from typing import Generic, TypeVar, final

from service.client.calls import Call, get, nothing, text
from service.client.drivers import Driver
from service.client.errors import ClientError
from service.client.flows import Flow, perform
from service.client.methods import call, steps
from service.client.patience import Patience

D = TypeVar("D", bound=Driver)


@final
@dataclass(frozen=True, slots=True)
class Health(Generic[D]):
    """`client.health`."""

    driver: D

    @steps
    def livez(self) -> Flow[bool]:
        """Whether the server answers."""
        return _is_well("/livez", self.driver.patience)

    @steps
    def readyz(self) -> Flow[bool]:
        """Whether the server can do its work."""
        return _is_well("/readyz", self.driver.patience)

    @call
    def metrics(self) -> Call[str]:
        """The figures of the server in the text format of Prometheus."""
        return get("/metrics", text)


def _is_well(path: str, patience: Patience) -> Flow[bool]:
    try:
        yield from perform(get(path, nothing), replace(patience, seconds=0.0))
    except ClientError:
        return False
    return True
