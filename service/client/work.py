"""Work: the protocol of workers and external trainers, in batches."""

from dataclasses import dataclass
from typing import Generic, TypeVar, final

from service.client.calls import Call, parsed, post
from service.client.drivers import Driver
from service.client.methods import call
from service.client.patience import Patience
from service.schemas.work import (
    ClaimReply,
    ClaimRequest,
    HeartbeatRequest,
    Replies,
    ReportRequest,
    TellRequest,
)

D = TypeVar("D", bound=Driver)


@final
@dataclass(frozen=True, slots=True)
class Work(Generic[D]):
    """`client.work`; each call may bring a patience of its own."""

    driver: D

    @call
    def claim(self, request: ClaimRequest, *, patience: Patience | None = None) -> Call[ClaimReply]:
        """Ask for runs; the same claim id brings the same runs."""
        return post("/v1/work:claim", parsed(ClaimReply), request, patience=patience)

    @call
    def heartbeat(
        self, request: HeartbeatRequest, *, patience: Patience | None = None
    ) -> Call[Replies]:
        """Extend leases."""
        return post("/v1/runs:heartbeat", parsed(Replies), request, patience=patience)

    @call
    def report(self, request: ReportRequest, *, patience: Patience | None = None) -> Call[Replies]:
        """Deliver measurements."""
        return post("/v1/runs:report", parsed(Replies), request, patience=patience)

    @call
    def tell(self, request: TellRequest, *, patience: Patience | None = None) -> Call[Replies]:
        """Deliver ends of runs."""
        return post("/v1/runs:tell", parsed(Replies), request, patience=patience)
