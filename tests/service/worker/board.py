"""The worker protocol in memory: a second implementation, on a real socket.

A board holds blocks of runs on offer and what was told about them. Tests wait on it for things to
happen; nobody sleeps. It is strict: a run that is told twice by living tokens is an error.
"""

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

import uvicorn
from fastapi import FastAPI, HTTPException

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
from tuning.schedules import Schedule, build

HORIZON = 10
ENDS = {"completed", "diverged", "failed"}
POISON = "poison"
PATIENCE_SECONDS = 30.0


@dataclass
class Card:
    """A run on the board."""

    run: str
    study: str
    config: dict[str, str]
    token: str = ""
    claim: str = ""
    lease_until: float = 0.0
    is_alone: bool = False
    is_cancelled: bool = False
    end: Tell | None = None
    tells: list[Tell] = field(default_factory=list)
    reports: dict[int, Report] = field(default_factory=dict)


class Board:
    """Runs on offer, leased and told; every method may be called from any thread."""

    def __init__(self, *, lease_seconds: float = 60.0, heartbeat_seconds: float = 0.05) -> None:
        self.lease_seconds = lease_seconds
        self.heartbeat_seconds = heartbeat_seconds
        self.cards: dict[str, Card] = {}
        self.claims: list[ClaimRequest] = []
        self.order: list[str] = []  # kinds of calls, in order
        self.waiting = 0  # claims that wait for work
        self.withdrawals = 0  # requests that ended the wait of a claim, or should have
        self.ignores_withdrawals = False
        self._asked: Counter[str] = Counter()
        self._numbers = count()
        self._changed = threading.Condition()

    # What tests do

    def offer(self, *runs: str, objective: str = "odd", study: str = "st_a", **config: str) -> None:
        """Put runs of one study on the board."""
        self.objective = objective
        with self._changed:
            for run in runs:
                self.cards[run] = Card(run, study, config)
            self._changed.notify_all()

    def take_away(self, run: str) -> None:
        """Let the lease of a run expire: it is on offer again, under another token."""
        with self._changed:
            self.cards[run].token = self.cards[run].claim = ""
            self._changed.notify_all()

    def cancel(self, run: str) -> None:
        """Cancel the study of a run: its token dies and it is not on offer again."""
        with self._changed:
            self.cards[run].is_cancelled = True
            self._changed.notify_all()

    def until(self, is_so: Callable[["Board"], object]) -> None:
        """Wait until something is so."""
        with self._changed:
            if not self._changed.wait_for(lambda: is_so(self), PATIENCE_SECONDS):
                raise AssertionError(f"it never became so; {self.order[-20:]} {self.cards}")

    def until_ended(self) -> None:
        """Wait until every run has ended, or was cancelled."""
        self.until(
            lambda board: all(card.end or card.is_cancelled for card in board.cards.values())
        )

    def outcomes(self, run: str) -> list[str]:
        """Everything that counted about a run, in order."""
        return [tell.outcome for tell in self.cards[run].tells]

    def await_work(self, request: ClaimRequest) -> None:
        """Wait until a claim would get anything or is asked anew, but not for ever."""
        with self._changed:
            self._asked[request.claim] += 1
            mine = self._asked[request.claim]
            self.waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._free(1) or self._is_repeated(request.claim, mine),
                request.wait_seconds,
            )
            self.waiting -= 1
            self._changed.notify_all()

    def _is_repeated(self, claim: str, before: int) -> bool:
        return self._asked[claim] > before and not self.ignores_withdrawals

    # The protocol

    def claim(self, request: ClaimRequest) -> ClaimReply:
        """The same runs for the same claim, else the next ones of one study."""
        with self._changed:
            cards = [card for card in self.cards.values() if card.claim == request.claim]
            if request.objectives == []:
                self.withdrawals += 1
                return self._reply(request, cards)
            self.order.append("claim")
            self.claims.append(request)
            for card in cards or self._free(request.lanes):
                if not cards:
                    card.token = f"token {next(self._numbers)}"
                    card.claim = request.claim
                    card.lease_until = time.monotonic() + self.lease_seconds
            cards = [card for card in self.cards.values() if card.claim == request.claim]
            self._changed.notify_all()
            return self._reply(request, cards)

    def _reply(self, request: ClaimRequest, cards: list[Card]) -> ClaimReply:
        return ClaimReply(
            claim=request.claim,
            lease_seconds=self.lease_seconds,
            heartbeat_seconds=self.heartbeat_seconds,
            block=self._block(cards) if cards else None,
        )

    def heartbeat(self, request: HeartbeatRequest) -> Replies:
        """Extend leases."""
        with self._changed:
            self.order.append("heartbeat")
            replies = [self._look(beat.run, beat.token) for beat in request.runs]
            for reply in replies:
                if reply.status == "ok":
                    card = self.cards[reply.run]
                    card.lease_until = time.monotonic() + self.lease_seconds
            self._changed.notify_all()
            return Replies(replies=replies)

    def report(self, request: ReportRequest) -> Replies:
        """Store measurements, once per number."""
        with self._changed:
            replies = self._keep(request.reports)
            self._changed.notify_all()
            return Replies(replies=replies)

    def tell(self, request: TellRequest) -> Replies:
        """Store ends, once per token."""
        with self._changed:
            metrics = [
                name for one in request.results for split in one.metrics.values() for name in split
            ]
            self._refuse_poison(metrics)
            replies = self._keep(request.reports)
            self.order.append("tell")
            replies += [self._tell(one) for one in request.results]
            self._changed.notify_all()
            return Replies(replies=replies)

    def _keep(self, reports: Sequence[Report]) -> list[Reply]:
        self._refuse_poison([name for one in reports for name in one.values])
        self.order += ["report"] * bool(reports)
        replies = []
        for one in reports:
            reply = self._look(one.run, one.token)
            is_late = any(told.token == one.token for told in self.cards[one.run].tells)
            if reply.status == "ok" or is_late:
                known = self.cards[one.run].reports.setdefault(one.seq, one)
                assert known == one, "a report was repeated with other measurements"
                reply = Reply(run=one.run, status="ok")
            replies.append(reply)
        return replies

    def _free(self, lanes: int) -> list[Card]:
        now = time.monotonic()
        free = [
            card
            for card in self.cards.values()
            if not (card.end or card.is_cancelled or (card.claim and card.lease_until > now))
        ]
        alone = [card for card in free if card.is_alone]
        return alone[:1] or [card for card in free if card.study == free[0].study][:lanes]

    def _look(self, run: str, token: str) -> Reply:
        card = self.cards[run]
        if card.is_cancelled:
            return Reply(run=run, status="stale", stop="cancelled")
        is_ours = card.token == token and time.monotonic() < card.lease_until
        if is_ours and card.claim:
            return Reply(run=run, status="ok")
        return Reply(run=run, status="stale", stop="fenced")

    def _tell(self, tell: Tell) -> Reply:
        card = self.cards[tell.run]
        repeated = [one for one in card.tells if one.token == tell.token]
        if repeated:
            if repeated != [tell]:
                raise HTTPException(409, f"{tell.run} was told otherwise")
            return Reply(run=tell.run, status="duplicate")
        reply = self._look(tell.run, tell.token)
        if reply.status == "ok":
            assert card.end is None, "a run ended twice"
            card.tells.append(tell)
            card.end = tell if tell.outcome in ENDS else None
            card.token, card.claim = "", ""
            card.is_alone = card.is_alone or tell.outcome == "crashed"
        return reply

    def _block(self, cards: list[Card]) -> ClaimedBlock:
        schedule = Schedule(build("constant", 0.1, {}), HORIZON).document()
        return ClaimedBlock(
            study=cards[0].study,
            objective=self.objective,
            config=dict(cards[0].config),
            horizon=HORIZON,
            phase="search",
            splits=["validation"],
            runs=[
                ClaimedRun(
                    run=card.run, token=card.token, seed=1, attempt=0, schedule=dict(schedule)
                )
                for card in cards
            ],
        )

    def _refuse_poison(self, names: list[str]) -> None:
        if POISON in names:
            raise HTTPException(422, "poison")


def app_of(board: Board) -> FastAPI:
    """The board as a web application; a claim waits for work as long as it asked to."""
    app = FastAPI()

    @app.post("/v1/work:claim")
    def claim(request: ClaimRequest) -> ClaimReply:
        board.await_work(request)
        return board.claim(request)

    @app.post("/v1/runs:heartbeat")
    def heartbeat(request: HeartbeatRequest) -> Replies:
        return board.heartbeat(request)

    @app.post("/v1/runs:report")
    def report(request: ReportRequest) -> Replies:
        return board.report(request)

    @app.post("/v1/runs:tell")
    def tell(request: TellRequest) -> Replies:
        return board.tell(request)

    return app


@contextmanager
def served(board: Board) -> Iterator[str]:
    """The board behind a socket, as its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app_of(board), log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
