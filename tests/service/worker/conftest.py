"""A board behind a socket, and workers on it that are gone when the test is."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx2
import pytest

from service.client import Client
from service.worker import Options, Worker
from service.worker.gate import Gate
from tests.service.worker.board import PATIENCE_SECONDS, Board, served
from tests.service.worker.puppets import Play, Puppet, complete

Hire = Callable[..., "Hand"]


class Hand:
    """A worker in this process, with the puppets it works with."""

    def __init__(
        self, client: Client, options: Options, play: Play, gate: Gate | None = None
    ) -> None:
        self.puppets: list[Puppet] = []
        self._play = play
        self._code: int | None = None
        self.worker = Worker(client, options, self._open, gate=gate)
        self.worker.start()

    @property
    def runs(self) -> list[str]:
        """All runs that were trained by any slot."""
        return [run for puppet in self.puppets for run in puppet.runs]

    def until_training(self) -> None:
        """Wait until every slot has begun a block."""
        assert all(puppet.begun.wait(PATIENCE_SECONDS) for puppet in self.puppets)

    def dismiss(self) -> int:
        """Stop it as a signal would, once; returns its exit code."""
        if self._code is None:
            self.worker.stop()
            self._code = self.worker.wait()
        return self._code

    def when_draining(self, do: Callable[[], object]) -> None:
        """Do something once the worker claims nothing more."""

        def wait_and_do() -> None:
            if self.worker._draining.wait(PATIENCE_SECONDS):
                do()

        threading.Thread(target=wait_and_do, daemon=True).start()

    def outlast(self) -> int:
        """Wait until it ends by itself; returns its exit code."""
        self._code = self.worker.wait()
        return self._code

    def _open(self) -> Puppet:
        self.puppets.append(Puppet(self._play))
        return self.puppets[-1]


@pytest.fixture
def board() -> Board:
    """An empty board."""
    return Board()


@pytest.fixture
def hire(board: Board) -> Iterator[Hire]:
    """Start a worker on the board; it is dismissed at the end if the test did not."""
    with ExitStack() as stack:
        url = stack.enter_context(served(board))

        def start(
            play: Play = complete,
            transport: httpx2.BaseTransport | None = None,
            gate: Gate | None = None,
            **options: float,
        ) -> Hand:
            client = stack.enter_context(Client(url, transport=transport))
            given = {"wait_seconds": 0.1, "drain_seconds": 20.0, "hand_back_seconds": 5.0}
            hand = Hand(client, Options(worker="w", **{**given, **options}), play, gate)
            stack.callback(hand.dismiss)
            return hand

        yield start
