"""Failpoints: the places between a transaction and its answer at which a server may kill itself.

The one idea: every writing transaction has a boundary, named after the route or loop that began it,
and three moments: before its commit, after it, and before the first byte of the answer. The
product knows nothing of this: the moments are events of SQLAlchemy and messages of ASGI. The diary
tells what was reached, so that a failpoint that never was cannot pass.
Not here: which of them a server dies at (`failing_server`), what must hold (`test_failpoints`).
"""

import json
import os
import signal
import sys
import threading
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import Engine
from sqlalchemy.orm import Session
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BEFORE_COMMIT, AFTER_COMMIT, BEFORE_ANSWER = MOMENTS = (
    "before commit",
    "after commit",
    "before answer",
)
WRITING = ("INSERT", "UPDATE", "DELETE")
PLANNER = "planner"
START = "start"
WROTE = "tests.chaos.wrote"

_scope: ContextVar[Scope | None] = ContextVar("scope", default=None)
_thread = threading.local()


@dataclass(frozen=True, slots=True)
class Point:
    """One place to die at."""

    boundary: str
    moment: str


class Trap:
    """Kills this process when it comes to a point, and writes down that it did."""

    def __init__(self, point: Point, diary: Path) -> None:
        self._point = point
        self._diary = diary

    def pass_by(self, boundary: str, moment: str) -> None:
        """The process is here; it may be the end of it."""
        if Point(boundary, moment) == self._point:
            with self._diary.open("a") as diary:
                diary.write(json.dumps({**asdict(self._point), "pid": os.getpid()}) + "\n")
            os.kill(os.getpid(), signal.SIGKILL)
            threading.Event().wait()  # nothing more is done, however late the signal comes

    def watch_transactions(self) -> None:
        """Listen to all of them in this process."""

        @event.listens_for(Engine, "before_cursor_execute")
        def executing(_connection: Connection, _cursor: object, statement: str, *_: Any) -> None:  # noqa: ANN401
            if statement.lstrip().upper().startswith(WRITING):
                _thread.wrote = True

        @event.listens_for(Engine, "commit")
        def committing(_connection: Connection) -> None:
            if getattr(_thread, "wrote", False):
                self.pass_by(boundary_here(), BEFORE_COMMIT)

        @event.listens_for(Session, "after_commit")
        def committed(_session: Session) -> None:
            if getattr(_thread, "wrote", False):
                boundary, scope = boundary_here(), _scope.get()
                if scope is not None:
                    scope[WROTE] = boundary
                self.pass_by(boundary, AFTER_COMMIT)
            _thread.wrote = False

        @event.listens_for(Session, "after_rollback")
        def rolled_back(_session: Session) -> None:
            _thread.wrote = False


class Doorway:
    """ASGI middleware around everything: knows the request, and sees its answer first."""

    def __init__(self, app: ASGIApp, trap: Trap) -> None:
        self._app = app
        self._trap = trap

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""

        async def send_past(message: Message) -> None:
            if WROTE in scope:
                self._trap.pass_by(scope[WROTE], BEFORE_ANSWER)
            await send(message)

        token = _scope.set(scope if scope["type"] == "http" else None)
        try:
            await self._app(scope, receive, send_past)
        finally:
            _scope.reset(token)


def boundary_here() -> str:
    """Who began the transaction that this thread is in: a route, or a loop of the server."""
    scope = _scope.get()
    if scope is not None:
        return f"{scope['method']} {getattr(scope.get('route'), 'path', None)}"
    name = threading.current_thread().name
    if name == PLANNER:
        return f"{PLANNER} {_answer_at_hand()}"
    return START if name == threading.main_thread().name else name


def _answer_at_hand() -> str:
    """What kind of answer the planner commits, as its own frame knows."""
    frame = sys._getframe()  # the product shall not tell its tests
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code.co_name == "commit" and "answer" in frame.f_locals:
            return type(frame.f_locals["answer"]).__name__
    return "deadline"
