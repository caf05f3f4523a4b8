"""Routes of the worker and trainer protocol: claim, heartbeat, report, tell.

The one idea: each call is one short transaction over a batch and may be repeated. A claim that
waits holds neither a thread nor a connection: it looks again when the bell rings, and now and then,
until its time is up. Not here: what a lease means (`service.store.work`).
"""

import time
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool

from service.api.caller import Caller, Trainer
from service.api.context import Context, Here
from service.api.problems import responses
from service.errors import Conflict, StaleBatch
from service.schemas.work import (
    ClaimedBlock,
    ClaimedRun,
    ClaimReply,
    ClaimRequest,
    HeartbeatRequest,
    Replies,
    Reply,
    Report,
    ReportRequest,
    Tell,
    TellRequest,
)
from service.store import outcomes, stalls, work
from service.store.failures import LastWords
from tuning.provenance import Provenance
from tuning.records import Cause

router = APIRouter(prefix="/v1", tags=["work"])

POLL_SECONDS = 1.0  # between two looks of a waiting claim when no bell rings


@router.post("/work:claim", responses=responses(has_body=True))
async def claim_work(
    body: ClaimRequest, here: Here, request: Request, caller: Trainer
) -> ClaimReply:
    """Hand out queued runs of one study under lease; waits up to `wait_seconds` for some.

    Train each run of the `block` with its `seed` and `schedule` for `updates` updates, evaluate it
    on `splits`, and tell. If the answer was lost, ask again with the same `claim`; a request with
    it that still waits then ends without a block. To stop waiting, ask again for no `objectives`.
    """
    if body.objectives != []:  # who stops waiting may always say so
        here.check_going_on()
    deadline = time.monotonic() + body.wait_seconds
    with (
        here.meter.stream(caller) if body.wait_seconds else nullcontext(),
        here.waits.begin((caller.worker(body.worker), body.claim)) as is_latest,
    ):
        ticket = here.bell.ticket()
        block = await run_in_threadpool(_claim, here, caller, body)
        while block is None and (left := deadline - time.monotonic()) > 0:
            await here.bell.wait(ticket, min(POLL_SECONDS, left))
            # Nobody would train what is handed out now, or the server ends and nobody should wait.
            if here.bell.is_closed or not is_latest() or await request.is_disconnected():
                break
            ticket = here.bell.ticket()
            if await run_in_threadpool(_has_queued, here, caller, body):
                block = await run_in_threadpool(_claim, here, caller, body)
    here.metrics.count_claim(0 if block is None else len(block.runs))
    return ClaimReply(
        claim=body.claim,
        lease_seconds=here.settings.lease_seconds,
        heartbeat_seconds=here.settings.heartbeat_seconds,
        block=block,
        traceparent=None if block is None else here.tracing.carry(),
    )


def _has_queued(here: Context, caller: Caller, body: ClaimRequest) -> bool:
    with here.store.read() as session:
        return work.has_queued(
            session,
            caller.worker(body.worker),
            body.objectives,
            project=caller.reach,
            external=body.external,
        )


def _claim(here: Context, caller: Caller, body: ClaimRequest) -> ClaimedBlock | None:
    worker = caller.worker(body.worker)
    offer = None if body.objectives is None else frozenset(body.objectives)
    is_news = offer != frozenset() and here.attendance.is_news(worker, offer)

    def ask(session: Any) -> work.Claim | None:  # noqa: ANN401 # the store's own
        if is_news:
            stalls.attend(session, caller.project, worker, offer, all_projects=caller.all_projects)
        return work.claim(
            session,
            worker=worker,
            claim=body.claim,
            lanes=body.lanes,
            objectives=body.objectives,
            table=body.table,
            lease_seconds=here.settings.lease_seconds,
            project=caller.reach,
            external=body.external,
        )

    claim = here.store.attempt(ask)
    if claim is None:
        return None
    return ClaimedBlock(
        study=claim.study,
        objective=claim.objective,
        config=dict(claim.config),
        horizon=claim.horizon,
        updates=claim.updates,
        phase=claim.phase.value,
        splits=list(claim.runs[0].splits),
        runs=[
            ClaimedRun(
                run=run.id,
                token=run.token,
                seed=run.seed,
                attempt=run.attempt,
                schedule=dict(run.schedule),
            )
            for run in claim.runs
        ],
    )


@router.post("/runs:heartbeat", responses=responses(Conflict, has_body=True))
def heartbeat(body: HeartbeatRequest, here: Here, caller: Trainer) -> Replies:
    """Extend leases; a reply's `stop` says why to drop a run.

    A run that is not heard of for `lease_seconds` is given to somebody else.
    """
    beats = [work.Beat(beat.run, beat.token) for beat in body.runs]
    lease_seconds = here.settings.lease_seconds
    return _replies(
        here.store.attempt(
            lambda session: work.heartbeat(session, beats, lease_seconds, caller.reach)
        )
    )


@router.post("/runs:report", responses=responses(Conflict, has_body=True))
def report(body: ReportRequest, here: Here, caller: Trainer) -> Replies:
    """Store measurements, once per (run, token, seq); a reply's `stop` says why to drop a run."""
    reports = _reports(body.reports)
    return _replies(
        here.store.attempt(lambda session: work.report(session, reports, project=caller.reach))
    )


def _reports(told: Sequence[Report]) -> list[work.Report]:
    return [
        work.Report(one.run, one.token, one.seq, tuple(one.steps), dict(one.values)) for one in told
    ]


@router.post("/runs:tell", responses=responses(Conflict, has_body=True))
def tell(body: TellRequest, here: Here, caller: Trainer) -> Replies:
    """Store how runs ended, each counted once; 409 if every one of them is stale."""
    results, reports = [_end(one) for one in body.results], _reports(body.reports)
    replies = here.store.attempt(
        lambda session: outcomes.tell(
            session,
            results,
            max_attempts=here.settings.max_attempts,
            project=caller.reach,
            reports=reports,
        )
    )
    here.on_progress()
    for one, reply in zip(body.results, replies[len(body.reports) :], strict=True):
        here.metrics.count_tell(one.outcome, reply.status.value)
    return _replies(replies)


def _end(told: Tell) -> outcomes.Tell:
    return outcomes.Tell(
        run=told.run,
        token=told.token,
        outcome=outcomes.Outcome(told.outcome),
        metrics=told.metrics,
        blocks=told.blocks,
        reason=told.reason,
        cause=None if told.cause is None else Cause(told.cause),
        step=told.step,
        lr=told.lr,
        lanes=told.lanes,
        provenance=_provenance(told),
        words=LastWords.of(told.traceback, told.log_tail),
    )


def _provenance(told: Tell) -> Provenance | None:
    if told.data_hash is None and not told.versions:
        return None
    return Provenance(told.data_hash, told.versions)


def _replies(replies: Sequence[work.Reply]) -> Replies:
    told = [
        Reply(
            run=one.run,
            status=one.status.value,
            stop=None if one.stop is None else one.stop.value,
        )
        for one in replies
    ]
    if told and all(one.status == "stale" for one in told):
        raise StaleBatch([one.model_dump() for one in told])
    return Replies(replies=told)
