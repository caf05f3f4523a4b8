"""Slot: one thread that claims, trains and tells, one block after the other.

The one idea: whatever happens to a block, each of its runs leaves this file in exactly one of
three ways: its end was delivered, it was put back, or the service had taken it away. The next block
is claimed first, for a training process shall not wait, and the last of the one before is delivered
while that is trained; only a claim that waits for work comes after.
Not here: threads, signals and the end of the worker (`loop`), heartbeats (`heartbeat`).
"""

import contextvars
import logging
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from service.client import Client, Patience
from service.schemas.work import ClaimedBlock, ClaimReply, ClaimRequest
from service.tracing import OFF, Tracing
from service.worker.delivery import Delivery
from service.worker.errand import Errand
from service.worker.gate import Gate, Turn
from service.worker.leases import Leases
from service.worker.translate import Outbox, block_of, lease_of
from tuning.errors import TrainingCrashed, TrainingLost, TuningError
from tuning.execution import Block, Executor
from tuning.records import Cause

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 1.0
FLUSH_NUMBERS = 4096  # about 64 KiB of JSON
EMPTY_PAUSE_SECONDS = 0.5  # least time between claims while there is nothing to do
NO_RESULT = "the training ended without a result"

Bring = Callable[[str, Mapping[str, Any]], None]  # the data that an objective's config names


class Stoppable(Executor, Protocol):
    """An executor whose training can be stopped from another thread."""

    def stop(self) -> None:
        """Stop the training at once, if there is any; `run` then raises `TrainingCrashed`."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """What every claim of a slot asks for."""

    worker: str
    lanes: int
    wait_seconds: float


class Slot:
    """One of a worker's slots; `serve` is its thread, `interrupt` is for the others."""

    def __init__(
        self,
        number: int,
        ask: Ask,
        *,
        client: Client,
        claiming: Patience,
        delivery: Delivery,
        leases: Leases,
        executor: Stoppable,
        draining: threading.Event,
        gate: Gate,
        bring: Bring = lambda _objective, _config: None,
        tracing: Tracing = OFF,
    ) -> None:
        self.number = number
        self._ask = ask
        self._client = client
        self._claiming = claiming
        self._delivery = delivery
        self._leases = leases
        self._executor = executor
        self._draining = draining
        self._gate = gate
        self._bring = bring
        self._tracing = tracing
        self._lock = threading.Lock()  # guards the two flags below
        self._is_training = False
        self._is_interrupted = False
        self._claimed = ""  # the claim that brought the block at hand
        self._waiting = ""  # the claim that waits for work, if one does
        self._delivering = Errand(f"delivery-{number}")
        self._unsent: Callable[[], None] | None = None

    def serve(self) -> None:
        """Claim and train until the worker drains; then everything held was told or put back."""
        with closing(self._executor):
            try:
                while not self._draining.is_set():
                    self._serve_block()
            finally:
                self._send_off()
            self._delivering.wait()

    def _serve_block(self) -> None:
        """Claim a block and train it, or find that there is none, or that it is not our turn."""
        turn = self._gate.take(0.0)
        if turn is None:
            self._send_off()  # it shall not wait for anybody else
            turn = self._gate.take(EMPTY_PAUSE_SECONDS)
        if turn is not None:
            try:
                self._use(turn)
            finally:
                turn.end()

    def _use(self, turn: Turn) -> None:
        is_patient = self._unsent is None
        asked = time.monotonic()
        reply = self._claim(turn, self._ask.wait_seconds if is_patient else 0.0)
        waited = time.monotonic() - asked
        self._send_off()
        if reply.block is not None:
            self._hold(reply, reply.block, waited)
            about = {"study": reply.block.study, "runs": len(reply.block.runs)}
            logger.info("a block is trained", extra=about)
            with self._span(reply, reply.block):
                self._train(reply.block)
        elif is_patient:
            self._draining.wait(max(0.0, EMPTY_PAUSE_SECONDS - waited))

    def _send_off(self) -> None:
        """Have the last of the block before delivered, if that is still to be done."""
        unsent, self._unsent = self._unsent, None
        if unsent is not None:
            self._delivering.send(unsent)

    def _span(self, reply: ClaimReply, block: ClaimedBlock) -> AbstractContextManager[object]:
        about = {
            "study": block.study,
            "objective": block.objective,
            "phase": block.phase,
            "horizon": block.horizon,
            "runs": len(block.runs),
        }
        return self._tracing.span("block", about, parent=reply.traceparent)

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for work; then it holds none."""
        return bool(self._waiting)

    def withdraw(self, patience: Patience) -> None:
        """Have a claim that waits answered now; may be called from any thread, again.

        Its own thread puts back what it was given in the same moment.
        """
        if claim := self._waiting:
            self._client.work.claim(self._request(claim, ()), patience=patience)

    def interrupt(self) -> None:
        """Stop what is being trained now, if anything; may be called from any thread, again."""
        with self._lock:
            if self._is_training:
                self._stop()

    def interrupt_if_lost(self) -> None:
        """The same, if the service took a run of the block away."""
        with self._lock:
            if self._is_training and self._has_lost():
                self._stop()

    def _stop(self) -> None:
        self._is_interrupted = True
        self._executor.stop()

    def kill(self) -> None:
        """Kill the training process, idle or not; the slot is of no use afterwards."""
        self._executor.stop()

    def _claim(self, turn: Turn, wait_seconds: float) -> ClaimReply:
        """Ask until there is an answer, always with the same id: a lost answer comes again."""
        claim = secrets.token_hex(16)
        self._waiting = claim if wait_seconds else ""
        if self._draining.is_set():  # looked at now: whoever drains looks at the claim afterwards
            wait_seconds = 0.0
        try:
            request = self._request(claim, turn.objectives, wait_seconds)
            return self._client.work.claim(request, patience=self._claiming)
        finally:
            self._waiting = ""

    def _request(
        self, claim: str, objectives: Sequence[str] | None, wait_seconds: float = 0.0
    ) -> ClaimRequest:
        return ClaimRequest(
            worker=self._ask.worker,
            claim=claim,
            lanes=self._ask.lanes,
            objectives=None if objectives is None else list(objectives),
            external=False,
            wait_seconds=wait_seconds,
        )

    def _hold(self, reply: ClaimReply, block: ClaimedBlock, waited: float) -> None:
        leases = [lease_of(run) for run in block.runs]
        self._claimed = reply.claim
        self._leases.hold(reply.claim, leases, reply.heartbeat_seconds)
        if waited > self._ask.wait_seconds + reply.heartbeat_seconds:
            # The answer was lost at first, so the lease is older than this claim's answer.
            for lease in self._delivery.beat(leases):
                self._leases.lose(lease)

    def _train(self, claimed: ClaimedBlock) -> None:
        outbox = Outbox({run.run: lease_of(run) for run in claimed.runs})
        self._run(claimed, outbox)
        run = contextvars.copy_context().run  # the delivery belongs to the span of its block
        self._unsent = partial(run, self._deliver, self._claimed, outbox)

    def _deliver(self, claim: str, outbox: Outbox) -> None:
        try:
            self._flush(outbox)
        finally:
            self._leases.release(claim)

    def _run(self, claimed: ClaimedBlock, outbox: Outbox) -> None:
        """Train the block; at the end each of its runs ended or is put back."""
        if not self._begin():
            outbox.close(None, "not trained: the worker stops or lost a run of the block")
            return
        crash = TrainingCrashed(NO_RESULT)
        reason = ""
        try:
            self._bring(claimed.objective, claimed.config)
            self._follow(block_of(claimed), outbox)
        except TrainingCrashed as error:
            crash = error
        except TrainingLost as error:
            reason = str(error)
        except TuningError as error:  # a block that this version cannot train
            crash = TrainingCrashed(str(error), Cause.REFUSED)
        finally:
            was_interrupted = self._finish()
        if was_interrupted:
            reason = "the block was stopped"
        if reason:
            outbox.close(None, reason)
            logger.info("a block of %s is handed back: %s", claimed.study, reason)
        elif outbox.close(crash):
            told = {"study": claimed.study, "cause": crash.cause, "traceback": crash.trace}
            logger.warning("a block of %s crashed: %s", claimed.study, crash, extra=told)

    def _begin(self) -> bool:
        with self._lock:
            self._is_training = not (self._draining.is_set() or self._has_lost())
            self._is_interrupted = False
            return self._is_training

    def _finish(self) -> bool:
        """From here on nobody stops the executor; returns whether somebody did."""
        with self._lock:
            self._is_training = False
            return self._is_interrupted

    def _follow(self, block: Block, outbox: Outbox) -> None:
        flushed = time.monotonic()
        for event in self._executor.run(block):
            outbox.add(event)
            is_late = time.monotonic() - flushed >= FLUSH_SECONDS
            if is_late or outbox.waiting >= FLUSH_NUMBERS:
                self._flush(outbox)
                flushed = time.monotonic()
            if self._is_interrupted:
                self.interrupt()
            self.interrupt_if_lost()

    def _has_lost(self) -> bool:
        return self._claimed in self._leases.losers()

    def _flush(self, outbox: Outbox) -> None:
        """Deliver what waits."""
        reports = outbox.take_reports(self._leases.is_held)
        tells = outbox.take_tells(self._leases.is_held)
        ended = {outbox.leases[tell.run] for tell in tells}
        for lease in set(self._delivery.deliver(reports, tells)):
            if lease in ended:
                logger.info("an end came too late and was dropped", extra={"run": lease.run})
            else:
                self._leases.lose(lease)
        for lease in ended:
            self._leases.end(lease)
