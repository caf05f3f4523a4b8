"""Delivery: gets beats, reports and ends to the service, no refused item costing the others.

The one idea: a batch is one transaction, so one item that is refused refuses them all; a refused
batch is sent again in halves until the item stands alone. What a refusal of a single item means
depends on what it was: a result that cannot be accepted ends its run as failed, with the reason.
Not here: what to do with the replies (`slot`).
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TypeVar

from service.client import BadAnswer, Client, Patience, ProblemError
from service.schemas.work import (
    Beat,
    HeartbeatRequest,
    Replies,
    Reply,
    Report,
    ReportRequest,
    Tell,
    TellRequest,
)
from service.worker.leases import Lease
from service.worker.translate import shorten, spell

logger = logging.getLogger(__name__)

Item = TypeVar("Item", Beat, Report, Tell)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Sends in the name of one worker, as long as `patience` says."""

    client: Client
    worker: str
    patience: Patience

    def beat(self, leases: Sequence[Lease]) -> list[Lease]:
        """Extend leases; returns those that turned out to be lost."""
        beats = [Beat(run=lease.run, token=lease.token) for lease in leases]
        return _send(beats, self._beat, _drop)

    def deliver(self, reports: Sequence[Report], tells: Sequence[Tell]) -> list[Lease]:
        """Deliver measurements and ends, together if there are both and the service takes them all.

        Returns the leases that turned out to be lost.
        """
        if reports and tells:
            items: list[Report | Tell] = [*reports, *tells]
            leases = [Lease(item.run, item.token) for item in items]
            request = TellRequest(worker=self.worker, results=list(tells), reports=list(reports))
            try:
                return _lost(leases, self.client.work.tell(request, patience=self.patience).replies)
            except ProblemError as problem:
                if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise
        return [*self.report(reports), *self.tell(tells)]

    def report(self, reports: Sequence[Report]) -> list[Lease]:
        """Deliver measurements; returns the leases that turned out to be lost.

        Measurements that the service refuses for good are dropped; the run goes on without them.
        """
        return _send(reports, self._report, _drop)

    def tell(self, tells: Sequence[Tell]) -> list[Lease]:
        """Deliver ends of runs; returns the leases that turned out to be lost.

        A result that the service refuses for good is told as failed instead.
        """
        return _send(tells, self._tell, self._tell_refused)

    def _beat(self, beats: Sequence[Beat]) -> Replies:
        request = HeartbeatRequest(worker=self.worker, runs=list(beats))
        return self.client.work.heartbeat(request, patience=self.patience)

    def _report(self, reports: Sequence[Report]) -> Replies:
        request = ReportRequest(worker=self.worker, reports=list(reports))
        return self.client.work.report(request, patience=self.patience)

    def _tell(self, tells: Sequence[Tell]) -> Replies:
        request = TellRequest(worker=self.worker, results=list(tells))
        return self.client.work.tell(request, patience=self.patience)

    def _tell_refused(self, tell: Tell, problem: ProblemError) -> list[Lease]:
        reason = shorten(spell(f"the service refused the result: {problem}"))
        failed = Tell(
            run=tell.run, token=tell.token, outcome="failed", reason=reason, cause="refused"
        )
        return _send([failed], self._tell, _drop)


def _send(
    items: Sequence[Item],
    call: Callable[[Sequence[Item]], Replies],
    on_refusal: Callable[[Item, ProblemError], list[Lease]],
) -> list[Lease]:
    """Send all items; returns the leases that are lost."""
    if not items:
        return []
    try:
        replies = call(items).replies
    except ProblemError as problem:
        if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise
        if len(items) > 1:
            halves = (items[: len(items) // 2], items[len(items) // 2 :])
            return [lost for half in halves for lost in _send(half, call, on_refusal)]
        if problem.status == HTTPStatus.CONFLICT:
            return [Lease(items[0].run, items[0].token)]
        return on_refusal(items[0], problem)
    return _lost([Lease(item.run, item.token) for item in items], replies)


def _lost(leases: Sequence[Lease], replies: Sequence[Reply]) -> list[Lease]:
    """The leases whose reply says that they are lost."""
    if [lease.run for lease in leases] != [reply.run for reply in replies]:
        raise BadAnswer("the replies are not one per item, in order")
    return [
        lease
        for lease, reply in zip(leases, replies, strict=True)
        if reply.status == "stale" or reply.stop is not None
    ]


def _drop(item: Beat | Report | Tell, problem: ProblemError) -> list[Lease]:
    logger.error(
        "the service refused what a run had to say",
        extra={"run": item.run, "kind": type(item).__name__, "problem": str(problem)},
    )
    return []
