"""Flows: what a call does, step by step, without doing it.

The one idea: a flow is a generator that yields what is to be done next (send this, wait so long)
and is sent what came of it; a driver (`service.client.drivers`) does it, blocking or awaited. So
retries, pages and streams are written once, for both clients. A call is described once and sent
again byte for byte, so the server can recognise a repetition; a lost answer and a lost request
look the same from here.
Not here: HTTP itself, which only drivers speak.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import httpx2

from service.client.calls import Call
from service.client.errors import Unreachable, asked_pause, refusal
from service.client.patience import Patience

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Send:
    """Send a call once; what comes back is an `Outcome`."""

    call: Call[object]
    answer_seconds: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait; what comes back is whether to give up."""

    seconds: float
    patience: Patience


@dataclass(frozen=True, slots=True)
class Connect:
    """Send a call and leave its answer open, in place of the one before; brings an `Outcome`."""

    call: Call[object]
    answer_seconds: float
    silence_seconds: float


@dataclass(frozen=True, slots=True)
class NextLine:
    """Read a line of the open answer: brings it, None at the end, or an error of the network."""


@dataclass(frozen=True, slots=True)
class NextBlock:
    """Read some bytes of the open answer: brings them, or what `NextLine` brings instead."""


@dataclass(frozen=True, slots=True)
class Item(Generic[T_co]):
    """Hand this to the caller."""

    value: T_co


Outcome: TypeAlias = httpx2.Response | httpx2.RequestError
Step: TypeAlias = Send | Pause
Flow: TypeAlias = Generator[Step, Any, T]
Telling: TypeAlias = Generator[Step | Connect | NextLine | NextBlock | Item[T], Any, None]


def perform(call: Call[T], patience: Patience) -> Flow[T]:
    """Try a call until it is answered or patience, its own or else this one, ends.

    Raises `Unreachable`, `ProblemError` or `BadAnswer`.
    """
    patience = call.patience or patience
    deadline = patience.clock() + patience.seconds
    for bound in patience.bounds():
        outcome: Outcome = yield Send(call, patience.answer_seconds)
        if not _is_temporary(outcome, patience):
            break
        if (yield from is_over(patience, deadline, bound, outcome)):
            break
    if isinstance(outcome, httpx2.RequestError):
        raise Unreachable(str(outcome.request.url), outcome) from outcome
    if outcome.is_success or outcome.status_code == HTTPStatus.NOT_MODIFIED:
        return call.read(outcome)
    raise refusal(outcome)


def is_over(
    patience: Patience, deadline: float, bound: float, outcome: Outcome | None = None
) -> Flow[bool]:
    """Pause before another try, as long as the server asked for; True if patience is over."""
    asked = asked_pause(outcome) if isinstance(outcome, httpx2.Response) else None
    pause = patience.draw(bound, asked or 0.0)
    if patience.clock() + pause >= deadline:
        return True
    is_told_to_stop: bool = yield Pause(pause, patience)
    return is_told_to_stop


class Page(Protocol[T_co]):
    """A page of a list."""

    @property
    def items(self) -> Sequence[T_co]:
        """What is on it."""

    @property
    def next(self) -> str | None:
        """The cursor of the next page, None after the last one."""


def pages(first: Call[Page[T]], patience: Patience) -> Telling[T]:
    """Tell the items of all pages, each asked for when it is needed."""
    call = first
    while True:
        page = yield from perform(call, patience)
        for item in page.items:
            yield Item(item)
        if not page.next:
            return
        call = replace(first, params={**first.params, "cursor": page.next})


def _is_temporary(outcome: Outcome, patience: Patience) -> bool:
    if isinstance(outcome, httpx2.RequestError):
        return not isinstance(outcome, httpx2.UnsupportedProtocol)
    return outcome.status_code in patience.statuses
