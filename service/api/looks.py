"""Looks: one question to the database for all streams that would ask the same.

The one idea: streams of a study that have seen the same of it share the answer of the first to ask.
A look belongs to the ticket that was taken before it; after the next ring nobody gets its answer
any more, so none misses what a look of its own would have found. It is kept for a moment, as the
streams wake one after the other.
Not here: what is looked for (`live`), when to look again (`bell`).
"""

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from anyio import CancelScope
from fastapi.concurrency import run_in_threadpool

KEPT_SECONDS = 0.1  # where another server's notice is lost, its change is seen so much later

Found = TypeVar("Found")


class Looks:
    """What was asked lately; for the coroutines of one event loop."""

    def __init__(self) -> None:
        self._lately: dict[Hashable, tuple[asyncio.Task[Any], float]] = {}

    async def share(
        self, ticket: asyncio.Event | None, about: Hashable, look: Callable[[], Found]
    ) -> Found:
        """What `look`, in a thread, finds `about` something, or found since the last ring.

        Without a ticket, what it found a moment ago will do, whatever rang. Raises what it raises.
        """
        loop, at = asyncio.get_running_loop(), time.monotonic()
        for key, (task, until) in list(self._lately.items()):
            if task.done() and until < at:
                del self._lately[key]
        key = (loop, ticket, about)
        if key not in self._lately:
            task = asyncio.ensure_future(run_in_threadpool(look))
            task.add_done_callback(_hear)
            self._lately[key] = (task, at + KEPT_SECONDS)
        task = self._lately[key][0]
        if not task.done():
            await _wait_out(task)
        found: Found = task.result()
        return found


async def _wait_out(task: asyncio.Task[Any]) -> None:
    """Wait for a look, even if whoever waits is told to leave."""
    # A reader that leaves does not end the look of the others, but waits for it, as for one of its
    # own: the store is not closed while anybody looks.
    with CancelScope(shield=True):
        await asyncio.wait([task])


def _hear(task: asyncio.Task[Any]) -> None:
    """Know of its error, though all who asked may be gone."""
    if not task.cancelled():
        task.exception()
