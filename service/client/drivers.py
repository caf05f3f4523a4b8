"""Drivers: do what flows say, blocking the thread or awaited on an event loop.

The one idea: these two classes, line by line the same, are all that is different between the two
clients.
Not here: what is to be done (`service.client.flows`).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, final

import httpx2

from service.client.calls import Call
from service.client.flows import (
    Connect,
    Flow,
    Item,
    NextBlock,
    NextLine,
    Outcome,
    Pause,
    Step,
    Telling,
)
from service.client.patience import Patience

T = TypeVar("T")

BLOCK_BYTES = 2**18  # of a file that is sent, or of an answer that is read


class Driver(Protocol):
    """What resources know of whoever performs their calls."""

    @property
    def patience(self) -> Patience:
        """How long calls are tried that say nothing else."""


async def sleep(seconds: float) -> bool:
    """Wait; never asks to give up."""
    await asyncio.sleep(seconds)
    return False


@final
@dataclass(frozen=True, slots=True)
class SyncDriver:
    """Performs flows in the thread that calls; one HTTP client may serve many threads."""

    http: httpx2.Client
    patience: Patience

    def run(self, flow: Flow[T]) -> T:
        """Perform a flow to its end."""
        answer: object = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            answer = self._do(step)

    def tell(self, flow: Telling[T]) -> Iterator[T]:
        """Perform a flow and yield its items, each when it is asked for."""
        answer: object = None
        lines: Iterator[str] = iter(())
        blocks: Iterator[bytes] = iter(())
        with ExitStack() as connection:
            while True:
                try:
                    step = flow.send(answer)
                except StopIteration:
                    return
                answer = None
                if isinstance(step, Item):
                    yield step.value
                elif isinstance(step, Connect):
                    connection.close()
                    answer = opened = self._connect(step, connection)
                    if isinstance(opened, httpx2.Response):
                        lines, blocks = opened.iter_lines(), opened.iter_bytes(BLOCK_BYTES)
                elif isinstance(step, NextLine):
                    answer = _next(lines)
                elif isinstance(step, NextBlock):
                    answer = _next(blocks)
                else:
                    answer = self._do(step)

    def _do(self, step: Step) -> object:
        if isinstance(step, Pause):
            return step.patience.pause(step.seconds)
        try:
            return self.http.send(self._request(step.call, step.answer_seconds))
        except httpx2.RequestError as error:
            return error

    def _connect(self, step: Connect, connection: ExitStack) -> Outcome:
        timeout = httpx2.Timeout(step.answer_seconds, read=step.silence_seconds)
        try:
            response = self.http.send(self._request(step.call, timeout), stream=True)
            connection.callback(response.close)
            if not response.is_success:
                response.read()
        except httpx2.RequestError as error:
            return error
        return response

    def _request(self, call: Call[object], timeout: float | httpx2.Timeout) -> httpx2.Request:
        content = _blocks(call.content) if isinstance(call.content, Path) else call.content
        return self.http.build_request(**_parts(call), content=content, timeout=timeout)


@final
@dataclass(frozen=True, slots=True)
class AsyncDriver:
    """Performs flows on the event loop that awaits them."""

    http: httpx2.AsyncClient
    patience: Patience
    pause: Callable[[float], Awaitable[bool]] = sleep

    async def run(self, flow: Flow[T]) -> T:
        """Perform a flow to its end."""
        answer: object = None
        while True:
            try:
                step = flow.send(answer)
            except StopIteration as done:
                result: T = done.value
                return result
            answer = await self._do(step)

    async def tell(self, flow: Telling[T]) -> AsyncIterator[T]:
        """Perform a flow and yield its items, each when it is asked for."""
        answer: object = None
        lines: AsyncIterator[str] | None = None
        blocks: AsyncIterator[bytes] | None = None
        async with AsyncExitStack() as connection:
            while True:
                try:
                    step = flow.send(answer)
                except StopIteration:
                    return
                answer = None
                if isinstance(step, Item):
                    yield step.value
                elif isinstance(step, Connect):
                    await connection.aclose()
                    answer = opened = await self._connect(step, connection)
                    if isinstance(opened, httpx2.Response):
                        lines, blocks = opened.aiter_lines(), opened.aiter_bytes(BLOCK_BYTES)
                elif isinstance(step, NextLine):
                    answer = await _anext(lines)
                elif isinstance(step, NextBlock):
                    answer = await _anext(blocks)
                else:
                    answer = await self._do(step)

    async def _do(self, step: Step) -> object:
        if isinstance(step, Pause):
            return await self.pause(step.seconds)
        try:
            return await self.http.send(self._request(step.call, step.answer_seconds))
        except httpx2.RequestError as error:
            return error

    async def _connect(self, step: Connect, connection: AsyncExitStack) -> Outcome:
        timeout = httpx2.Timeout(step.answer_seconds, read=step.silence_seconds)
        try:
            response = await self.http.send(self._request(step.call, timeout), stream=True)
            connection.push_async_callback(response.aclose)
            if not response.is_success:
                await response.aread()
        except httpx2.RequestError as error:
            return error
        return response

    def _request(self, call: Call[object], timeout: float | httpx2.Timeout) -> httpx2.Request:
        content = _ablocks(call.content) if isinstance(call.content, Path) else call.content
        return self.http.build_request(**_parts(call), content=content, timeout=timeout)


def _parts(call: Call[object]) -> dict[str, Any]:
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.params),
        "headers": dict(call.headers),
    }


def _next(parts: Iterator[T]) -> T | httpx2.RequestError | None:
    try:
        return next(parts, None)
    except httpx2.RequestError as error:
        return error


async def _anext(parts: AsyncIterator[T] | None) -> T | httpx2.RequestError | None:
    if parts is None:
        return None
    try:
        return await anext(parts, None)
    except httpx2.RequestError as error:
        return error


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


async def _ablocks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
            yield block
