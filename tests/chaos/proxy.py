"""A TCP proxy that harms what passes it: delays, resets, silence, cuts, lost answers.

The one idea: it knows nothing of HTTP. What a client sends first, and what it sends after it was
answered, begins an exchange, and for each exchange `plan` says what befalls it, if anything. A
fault counts once it has bitten.
Not here: chance (whoever plans has it), what clients make of it.
"""

import asyncio
import socket
import struct
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

BLOCK_BYTES = 2**16
START_SECONDS = 10.0
RESET = struct.pack("ii", 1, 0)  # of SO_LINGER: closing then resets


class Kind(StrEnum):
    """What may befall an exchange."""

    DELAY = "delay"  # the request arrives `seconds` late
    RESET = "reset"  # the request does not arrive, and the connection is reset
    HALF_OPEN = "half_open"  # nothing arrives any more, and nobody is told
    CUT_REQUEST = "cut_request"  # of the request `after` bytes arrive, then it is cut
    CUT_ANSWER = "cut_answer"  # of the answer `after` bytes arrive, then it is cut
    LOST_ANSWER = "lost_answer"  # the server has answered, and nothing of it arrives


@dataclass(frozen=True, slots=True)
class Fault:
    """One of them, as large as it is."""

    kind: Kind
    seconds: float = 0.0
    after: int = 0


Plan = Callable[[], Fault | None]


@dataclass(slots=True)
class Exchange:
    """What is going on over one connection."""

    fault: Fault | None = None
    is_answered: bool = True
    has_bitten: bool = False
    left: int = 0  # bytes until the cut

    def begin(self, fault: Fault | None) -> None:
        """Another request comes."""
        self.fault, self.is_answered, self.has_bitten = fault, False, False
        self.left = 0 if fault is None else fault.after

    def cut(self, data: bytes) -> bytes:
        """What of these bytes still passes."""
        passed = data[: self.left]
        self.left -= len(passed)
        return passed


class CutOffError(Exception):
    """A connection ends because of a fault."""


@dataclass(slots=True)
class Proxy:
    """A proxy before the server at `target`, at `url` while its block lasts.

    Args:
        target: the server's URL.
        plan: asked once per exchange, in one thread.
    """

    target: str
    plan: Plan
    url: str = ""
    bitten: Counter[Kind] = field(default_factory=Counter)
    exchanges: int = 0
    _started: threading.Event = field(default_factory=threading.Event)
    _loop: asyncio.AbstractEventLoop | None = None
    _over: asyncio.Event | None = None
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Listen."""
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()
        assert self._started.wait(START_SECONDS)
        return self

    def __exit__(self, *_: object) -> None:
        """Cut every connection, and listen no more."""
        assert self._loop is not None
        assert self._over is not None
        assert self._thread is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join()

    async def _run(self) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = await asyncio.start_server(self._serve, sock=listener)
        self._started.set()
        await self._over.wait()
        server.close()
        # What is left of the connections ends with the loop, which cancels their tasks.

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Pass on one connection, until either side ends it or a fault does."""
        host, port = self.target.removeprefix("http://").split(":")
        try:
            behind, to_server = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        exchange = Exchange()
        try:
            async with asyncio.TaskGroup() as both:
                both.create_task(self._forth(exchange, reader, to_server))
                both.create_task(self._back(exchange, behind, writer))
        except* (OSError, CutOffError):
            pass
        finally:
            if exchange.fault is not None and exchange.fault.kind is Kind.RESET:
                at: socket.socket = writer.get_extra_info("socket")
                at.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
            to_server.transport.abort()

    async def _forth(
        self, exchange: Exchange, reader: asyncio.StreamReader, to_server: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(BLOCK_BYTES):
            if exchange.is_answered:
                self.exchanges += 1
                exchange.begin(self.plan())
            passed = await self._harm_request(exchange, data)
            to_server.write(passed)
            await to_server.drain()
            if len(passed) < len(data) and not self._is(exchange, Kind.HALF_OPEN):
                raise CutOffError
        raise CutOffError  # the client has left

    async def _back(
        self, exchange: Exchange, behind: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await behind.read(BLOCK_BYTES):
            exchange.is_answered = True
            passed = self._harm_answer(exchange, data)
            writer.write(passed)
            await writer.drain()
            if len(passed) < len(data):
                raise CutOffError
        if not self._is(exchange, Kind.HALF_OPEN):  # else the client is not told
            raise CutOffError

    async def _harm_request(self, exchange: Exchange, data: bytes) -> bytes:
        """What arrives of these bytes of a request, once it does."""
        match exchange.fault:
            case Fault(Kind.DELAY, seconds) if not exchange.has_bitten:
                self._bite(exchange)
                await asyncio.sleep(seconds)
            case Fault(Kind.RESET) | Fault(Kind.HALF_OPEN):
                self._bite(exchange)
                return b""
            case Fault(Kind.CUT_REQUEST):
                passed = exchange.cut(data)
                if len(passed) < len(data):
                    self._bite(exchange)
                return passed
        return data

    def _harm_answer(self, exchange: Exchange, data: bytes) -> bytes:
        """What arrives of these bytes of an answer."""
        match exchange.fault:
            case Fault(Kind.LOST_ANSWER):
                self._bite(exchange)
                return b""
            case Fault(Kind.CUT_ANSWER):
                passed = exchange.cut(data)
                if len(passed) < len(data):
                    self._bite(exchange)
                return passed
        return data

    def _bite(self, exchange: Exchange) -> None:
        if exchange.fault is not None and not exchange.has_bitten:
            self.bitten[exchange.fault.kind] += 1
            exchange.has_bitten = True

    def _is(self, exchange: Exchange, kind: Kind) -> bool:
        return exchange.fault is not None and exchange.fault.kind is kind
