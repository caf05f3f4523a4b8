"""Stream: server-sent events, read until they end and taken up again where they broke off.

The one idea: the number of the last event is all that is remembered; whoever asks again with it
misses nothing and sees nothing twice, however often the connection breaks.
Not here: what is streamed (`service.client.studies`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http import HTTPStatus

import httpx2
from pydantic import ValidationError

from service.client.calls import Call, get, nothing
from service.client.errors import BadAnswer, Unreachable, refusal
from service.client.flows import Connect, Flow, Item, NextLine, Outcome, Telling, is_over
from service.client.patience import Patience
from service.schemas.live import StudyEvent

SILENCE_SECONDS = 60.0  # without even a ping, after which a connection counts as broken


def follow(path: str, after: int, patience: Patience, *, measurements: bool) -> Telling[StudyEvent]:
    """Tell events after a revision until the study has ended and all was told.

    Raises `Unreachable` once the server was away for longer than patience, `ProblemError` if it
    refuses.
    """
    call = get(path, nothing, {"measurements": measurements})
    seen, tries = after, Tries.of(patience)
    while True:
        outcome: Outcome = yield _connect(call, seen, patience)
        if _is_end(outcome):
            return
        trouble: Exception | None = trouble_of(outcome, patience)
        if trouble is None:
            events = _Events()
            while isinstance(line := (yield NextLine()), str):
                event = events.feed(line)
                if event is not None:
                    tries = Tries.of(patience)  # it works, so patience begins anew
                    seen = seen if event.revision is None else event.revision
                    yield Item(event)
            trouble = line or EOFError("the stream ended before the study did")
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
class _Events:
    """The events of a stream, line by line (WHATWG HTML, section 9.2)."""

    held: list[str] = field(default_factory=list)

    def feed(self, line: str) -> StudyEvent | None:
        """The event that this line ends, if it does."""
        if line.startswith("data:"):
            self.held.append(line.removeprefix("data:").removeprefix(" "))
        if line or not self.held:
            return None
        data, self.held = "\n".join(self.held), []
        try:
            return StudyEvent.model_validate_json(data, extra="ignore")
        except ValidationError as error:
            raise BadAnswer(f"the stream told no event: {error}") from error


def _connect(call: Call[None], seen: int, patience: Patience) -> Connect:
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(seen)}
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
