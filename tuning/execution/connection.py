"""Connection: a process that talks to something far away, started again whenever it is lost.

The one idea: what talks to a cluster may be ended by it at any time, or never answer again; so it
is a child that holds nothing, and its end, or its silence, is the loss of the connection. Another
is started after a pause that grows, as long as patience lasts.
Not here: what is said (`tuning.execution.cluster`), what says it (`tuning.execution.ray`).
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol

from tuning.errors import NoCluster, TrainingLost
from tuning.execution.link import Link, Message, child_environment
from tuning.execution.log import Log

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 60.0  # until the child must say that it is connected
SILENCE_SECONDS = 30.0  # without any word, after which the connection is lost
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 10.0  # between attempts to connect again


class Listener(Protocol):
    """Who is told what happens to a connection, by its one thread."""

    def hear(self, message: Message) -> None:
        """A message came."""
        ...

    def lose(self, reason: str) -> None:
        """The connection was lost; it may come back."""
        ...

    def give_up(self, reason: str) -> None:
        """It will not come back."""
        ...


class Connection:
    """A connection over one child at a time.

    Args:
        program: the child's module; it is greeted first, and answers `connected`, or `refused` with
            a `reason`.
        greeting: what it is told.
        name: of what it is connected to, in messages.
        patience_seconds: how long it may be away before it is given up.

    Raises `NoCluster` if the first child does not connect.
    """

    def __init__(self, program: str, greeting: Message, name: str, patience_seconds: float) -> None:
        self._program = program
        self._greeting = greeting
        self._name = name
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()  # held while something is sent, and the link exchanged
        self._link: Link | None = None
        self._heard = 0.0
        self._closing = threading.Event()
        self._first = self._connect()

    def begin(self, listener: Listener) -> None:
        """Listen from now on."""
        for work, args in ((self._listen, (listener,)), (self._watch, ())):
            threading.Thread(target=work, args=args, name="cluster", daemon=True).start()

    @property
    def is_up(self) -> bool:
        """Whether there is a child that is connected."""
        return self._link is not None

    def send(self, message: Message) -> None:
        """Send a message; raises `TrainingLost` if the connection is down."""
        with self._lock:
            if self._link is None:
                raise TrainingLost(f"{self._name} is away")
            try:
                self._link.send(message)
            except (BrokenPipeError, ValueError) as error:  # of a pipe that is closed
                raise TrainingLost(f"{self._name} was lost") from error

    def close(self) -> None:
        """End the child, and start no other."""
        self._closing.set()
        with self._lock:
            if self._link is not None:
                self._link.kill()

    def _listen(self, listener: Listener) -> None:
        link: Link | None = self._first
        while link is not None:
            with suppress(ValueError):  # what is no message is as good as the end
                while (message := link.receive()) is not None:
                    self._heard = time.monotonic()
                    listener.hear(message)
            with self._lock:
                self._link = None
            link.close()
            if self._closing.is_set():
                return
            logger.warning("%s was lost; runs that it trained are handed back", self._name)
            listener.lose(f"{self._name} was lost")
            link = self._connect_again(listener)

    def _connect_again(self, listener: Listener) -> Link | None:
        """Try for a while; None if that is over, or the connection was closed."""
        deadline, pause = time.monotonic() + self._patience_seconds, FIRST_PAUSE_SECONDS
        while not self._closing.wait(pause):
            try:
                link = self._connect()
            except NoCluster as error:
                if time.monotonic() > deadline:
                    listener.give_up(str(error))
                    return None
                logger.info("%s is still away: %s", self._name, error)
                pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
            else:
                logger.warning("%s is back", self._name)
                return link
        return None

    def _connect(self) -> Link:
        link = self._start()
        with _limited(CONNECT_SECONDS, link.kill) as is_late:
            with suppress(BrokenPipeError):  # the end of its pipe will tell
                link.send(self._greeting)
            answer = link.receive()
        if answer is None or answer["event"] != "connected":
            reason = link.ending() if answer is None else answer["reason"]
            if is_late.is_set():
                reason = f"no answer within {CONNECT_SECONDS:g} s"
            link.close()
            raise NoCluster(f"{self._name} cannot be used: {reason}")
        with self._lock:
            self._heard = time.monotonic()
            self._link = link
            if self._closing.is_set():
                link.kill()
        return link

    def _start(self) -> Link:
        log = Log()
        try:
            return Link.start(self._program, environment=_environment(), output=log.inlet)
        finally:
            log.begin()

    def _watch(self) -> None:
        """Kill a child that says nothing: what it talks to is gone, if it does not know it yet."""
        while not self._closing.wait(1.0):
            with self._lock:
                silence = time.monotonic() - self._heard
                if self._link is not None and silence > SILENCE_SECONDS:
                    logger.warning("%s has been silent for %.0f s", self._name, silence)
                    self._link.kill()
                    self._heard = time.monotonic()


@contextmanager
def _limited(seconds: float, stop: Callable[[], None]) -> Iterator[threading.Event]:
    """Stop what takes longer; the event tells whether it did."""
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        stop()

    timer = threading.Timer(seconds, end)
    timer.start()
    try:
        yield is_late
    finally:
        timer.cancel()


def _environment() -> dict[str, str]:
    """That of a child, with Ray's own settings, which may name a token; no figures go out."""
    rays = {name: value for name, value in os.environ.items() if name.startswith("RAY_")}
    return {**child_environment(), **rays, "RAY_USAGE_STATS_ENABLED": "0"}
