"""A bell: rung in any thread, heard by the coroutines that wait for something to happen.

The one idea: whoever waits takes a ticket before it looks, so a ring between the look and the wait
is not missed. It only saves time: the notice of another server's change may be lost, so waiting
ends after a while all the same. Not here: what there is to find (`service.store`).
"""

import asyncio
from contextlib import suppress


class Bell:
    """Made anywhere; `hang` puts it into the running event loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._next = asyncio.Event()
        self._is_closed = False
        self._closing = asyncio.Event()

    def hang(self) -> None:
        """Belong to the running event loop from now on; rings before this are not heard."""
        self._loop = asyncio.get_running_loop()

    def ring(self) -> None:
        """Wake everyone who waits; may be called from any thread, at any time."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._swing)

    def close(self) -> None:
        """Wake everyone for the last time: the server ends, and nobody should wait any more."""
        self._is_closed = True
        self.ring()

    @property
    def is_closed(self) -> bool:
        """Whether waiting is over."""
        return self._is_closed

    def ticket(self) -> asyncio.Event:
        """What the next ring will set."""
        return self._next

    async def wait(self, ticket: asyncio.Event, seconds: float) -> None:
        """Wait until the ring after `ticket` was taken, but not longer than `seconds`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await ticket.wait()

    async def rest(self, seconds: float) -> None:
        """Wait so long, whatever rings, unless the server ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._closing.wait()

    def _swing(self) -> None:
        if self._is_closed:
            self._closing.set()
        self._next.set()
        self._next = asyncio.Event()
