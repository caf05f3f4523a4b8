"""Executors that do as a test tells them, in the slot's own thread; and networks that fail.

`Puppet` is a second implementation of what a slot trains with: it plays a piece for each block.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import httpx2

from tuning.errors import TrainingCrashed, TrainingLost
from tuning.execution import Block, Ended, Event, Measured
from tuning.records import Cause, Measurement, Result, RunState

Play = Callable[[Block, threading.Event], Iterator[Event]]


class Puppet:
    """Plays `play` for every block; `play` looks at the event to see that it was stopped."""

    def __init__(self, play: Play) -> None:
        self._play = play
        self._stopped = threading.Event()
        self.begun = threading.Event()
        self.blocks: list[Block] = []
        self.is_closed = False

    def run(self, block: Block) -> Iterator[Event]:
        """Play the piece."""
        self._stopped.clear()
        self.blocks.append(block)
        self.begun.set()
        yield from self._play(block, self._stopped)

    def stop(self) -> None:
        """Tell the play to end."""
        self._stopped.set()

    def close(self) -> None:
        """Note it."""
        self.is_closed = True

    @property
    def runs(self) -> list[str]:
        """All runs that were trained, in order."""
        return [lane.run for block in self.blocks for lane in block.lanes]


def measured(run: str, step: int = 5, **values: float) -> Measured:
    """A run was measured."""
    return Measured(run, Measurement(step, values or {"loss": 1.0}))


def completed(run: str, metric: str = "loss") -> Ended:
    """A run completed."""
    metrics = {"validation": {metric: 0.5}}
    return Ended(run, Result(RunState.COMPLETED, metrics, {"validation": (0.25, 0.75)}))


def complete(block: Block, stopped: threading.Event) -> Iterator[Event]:
    """Measure and complete every lane."""
    del stopped
    for lane in block.lanes:
        yield measured(lane.run)
    for lane in block.lanes:
        yield completed(lane.run)


def hang(block: Block, stopped: threading.Event) -> Iterator[Event]:
    """Measure every lane, then wait to be stopped."""
    for lane in block.lanes:
        yield measured(lane.run)
    stopped.wait(60)
    raise TrainingCrashed("stopped")


def crash(block: Block, stopped: threading.Event) -> Iterator[Event]:
    """Measure every lane, then die."""
    for lane in block.lanes:
        yield measured(lane.run)
    raise TrainingCrashed("the child process was killed by SIGSEGV", Cause.KILLED)


def lose_place(block: Block, stopped: threading.Event) -> Iterator[Event]:
    """Measure every lane, then be gone with the machine."""
    del stopped
    for lane in block.lanes:
        yield measured(lane.run)
    raise TrainingLost("its machine was lost")


def by_run(plays: Mapping[str, Play]) -> Play:
    """Another piece for each first run of a block; `complete` if there is none."""

    def play(block: Block, stopped: threading.Event) -> Iterator[Event]:
        return plays.get(block.lanes[0].run, complete)(block, stopped)

    return play


def first(play: Play, then: Play = complete) -> Play:
    """`play` for the first block, `then` for the others."""
    pieces = iter([play])

    def next_piece(block: Block, stopped: threading.Event) -> Iterator[Event]:
        return next(pieces, then)(block, stopped)

    return next_piece


@dataclass
class LosesAnswers(httpx2.BaseTransport):
    """A network that delivers every request but loses the first answers of some paths.

    Args:
        losses: how many answers of each path are lost.
        status: of the answer that comes instead; 0 for none at all.
    """

    losses: dict[str, int]
    status: int = 0
    inner: httpx2.BaseTransport = field(default_factory=httpx2.HTTPTransport)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Deliver, and maybe lose the answer."""
        response = self.inner.handle_request(request)
        left = self.losses.get(request.url.path, 0)
        if left:
            self.losses[request.url.path] = left - 1
            response.close()
            if self.status:
                return httpx2.Response(self.status, request=request)
            raise httpx2.ReadError("the answer was lost", request=request)
        return response

    def close(self) -> None:
        """Close the real one."""
        self.inner.close()


@dataclass
class Cut(httpx2.BaseTransport):
    """A network that refuses connections while `is_down`, and counts how often."""

    inner: httpx2.BaseTransport = field(default_factory=httpx2.HTTPTransport)
    is_down: threading.Event = field(default_factory=threading.Event)
    refusals: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Deliver or refuse."""
        if self.is_down.is_set():
            self.refusals.release()
            raise httpx2.ConnectError("refused", request=request)
        return self.inner.handle_request(request)

    def close(self) -> None:
        """Close the real one."""
        self.inner.close()


@dataclass
class HoldsBack(httpx2.BaseTransport):
    """A network on which requests of one path wait until they may pass.

    Args:
        path: whose requests wait.
        may_pass: set when they need not.
    """

    path: str
    may_pass: threading.Event
    inner: httpx2.BaseTransport = field(default_factory=httpx2.HTTPTransport)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Wait, then deliver."""
        if request.url.path == self.path:
            assert self.may_pass.wait(60)
        return self.inner.handle_request(request)

    def close(self) -> None:
        """Close the real one."""
        self.inner.close()
