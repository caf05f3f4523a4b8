"""Turns: when each of the open streams may do its next piece of work.

The one idea: all streams of a server together take at most so many turns a second, so others are
served as ever however many streams there are and however often a study changes. After a turn a
stream rests until the next tick of a clock that all share, which ticks the more slowly the more
they are, and then tells at once whatever happened meanwhile; as they wake together, they share
their looks. They come a few at a time, and what else waits for the event loop goes in between.
Not here: what a stream does in its turn (`service.api.streams`), what they share (`looks`).
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

MOST_PER_SECOND = 800  # a turn takes about 0.2 ms
LONGEST_SECONDS = 1.0  # a stream whose key was revoked has to notice
AT_ONCE = 4


class Turns:
    """The turns of one server; `clock` is monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open = 0
        self._doors: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = (
            WeakKeyDictionary()
        )

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Be one of those who take turns."""
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    def seconds_to_tick(self) -> float:
        """How long whoever had a turn has to rest."""
        period = min(max(self._open, 1) / MOST_PER_SECOND, LONGEST_SECONDS)
        return period - self._clock() % period

    async def take(self) -> None:
        """Wait until it is one's turn: behind those who wait already."""
        loop = asyncio.get_running_loop()
        if loop not in self._doors:
            self._doors[loop] = asyncio.Semaphore(AT_ONCE)
        async with self._doors[loop]:
            await asyncio.sleep(0)  # a round of the event loop, in which others go as well
