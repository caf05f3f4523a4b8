"""Stream: server-sent events, read until they end and taken up again where they broke off.

The one idea: the id of the last event is all that is remembered; whoever asks again with it
misses nothing and sees nothing twice, however often the connection breaks.
Not here: what is streamed (`service.client.studies`).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TypeVar

import httpx2
from pydantic import ValidationError

from service.client.calls import Call, get, nothing
from service.client.errors import BadAnswer, Unreachable, refusal
from service.client.flows import Connect, Flow, Item, NextLine, Outcome, Telling, is_over
from service.client.patience import Patience
from service.schemas.base import Schema
from service.schemas.live import Changes, StudyChange, StudyEvent

T = TypeVar("T")
Message = TypeVar("Message", bound=Schema)

SILENCE_SECONDS = 60.0  # without even a ping, after which a connection counts as broken


def follow(path: str, after: int, patience: Patience, *, measurements: bool) -> Telling[StudyEvent]:
    """Tell events after a revision until the study has ended and all was told.

    Raises `Unreachable` once the server was away for longer than patience, `ProblemError` if it
    refuses.
    """
    call = get(path, nothing, {"measurements": measurements})
    yield from _follow(call, str(after), patience, _event)


def follow_changes(path: str, patience: Patience) -> Telling[StudyChange]:
    """Tell which studies changed, for ever; raises like `follow`."""
    yield from _follow(get(path, nothing), None, patience, _changes)


def _follow(
    call: Call[None], seen: str | None, patience: Patience, read: Callable[[str], Sequence[T]]
) -> Telling[T]:
    """Tell what `read` finds in the data of every message after the one `seen`."""
    tries = Tries.of(patience)
    while True:
        outcome: Outcome = yield _connect(call, seen, patience)
        if _is_end(outcome):
            return
        trouble: Exception | None = trouble_of(outcome, patience)
        if trouble is None:
            messages = _Messages(seen)
            while isinstance(line := (yield NextLine()), str):
                data = messages.feed(line)
                if data is not None or line.startswith(":"):  # also a ping, where nothing happens
                    tries = Tries.of(patience)  # it works, so patience begins anew
                if data is not None:
                    seen = messages.seen
                    for item in read(data):
                        yield Item(item)
            trouble = line or EOFError("the stream ended too early")
        if (yield from tries.is_over()):
            raise Unreachable(str(outcome.request.url), trouble) from trouble


@dataclass(frozen=True, slots=True)
class Tries:
    """What is left of the patience with a server that is away."""

    patience: Patience
    deadline: float
    bounds: Iterator[float]

    @classmethod
    def of(cls, patience: Patience) -> "Tries":
        """Begin with all of it."""
        return cls(patience, patience.clock() + patience.seconds, patience.bounds())

    def is_over(self) -> Flow[bool]:
        """Pause before another try; True if patience is over."""
        return is_over(self.patience, self.deadline, next(self.bounds))


@dataclass(slots=True)
class _Messages:
    """The messages of a stream, line by line (WHATWG HTML, section 9.2); `seen`: the last id."""

    seen: str | None
    held: list[str] = field(default_factory=list)
    coming: str | None = None

    def feed(self, line: str) -> str | None:
        """The data of the message that this line ends, if it does."""
        if line.startswith("data:"):
            self.held.append(line.removeprefix("data:").removeprefix(" "))
        elif line.startswith("id:"):
            self.coming = line.removeprefix("id:").strip()
        if line:
            return None
        self.seen, self.coming = self.coming or self.seen, None
        data, self.held = "\n".join(self.held), []
        return data or None


def _event(data: str) -> tuple[StudyEvent]:
    return (_read(StudyEvent, data),)


def _changes(data: str) -> Sequence[StudyChange]:
    return _read(Changes, data).studies


def _read(schema: type[Message], data: str) -> Message:
    try:
        return schema.model_validate_json(data, extra="ignore")
    except ValidationError as error:
        raise BadAnswer(f"the stream told no event: {error}") from error


def _connect(call: Call[None], seen: str | None, patience: Patience) -> Connect:
    headers = {"Accept": "text/event-stream"}
    if seen is not None:
        headers["Last-Event-ID"] = seen
    return Connect(replace(call, headers=headers), patience.answer_seconds, SILENCE_SECONDS)


def _is_end(outcome: Outcome) -> bool:
    return isinstance(outcome, httpx2.Response) and outcome.status_code == HTTPStatus.NO_CONTENT


def trouble_of(outcome: Outcome, patience: Patience) -> Exception | None:
    """Why there is nothing to read, for now; raises what no patience helps against."""
    if isinstance(outcome, httpx2.RequestError):
        return outcome
    if outcome.is_success:
        return None
    problem = refusal(outcome)
    if problem.status not in patience.statuses:
        raise problem
    return problem
