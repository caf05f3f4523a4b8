"""Stream: server-sent events, read until they end and taken up again where they broke off.

The one idea: the number of the last event is all that is remembered; whoever asks again with it
misses nothing and sees nothing twice, however often the connection breaks.
Not here: what is streamed (`service.client.client`).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http import HTTPStatus

import httpx2
from pydantic import ValidationError

from service.client.errors import BadAnswer, ProblemError, Unreachable
from service.client.exchange import read_problem
from service.client.patience import Patience
from service.schemas.live import StudyEvent

SILENCE_SECONDS = 60.0  # without even a ping, after which a connection counts as broken


@dataclass(frozen=True, slots=True)
class Stream:
    """Reads streams through one HTTP client."""

    http: httpx2.Client
    patience: Patience

    def events(self, path: str, after: int, *, measurements: bool) -> Iterator[StudyEvent]:
        """Yield events after a revision until the study has ended and all was told.

        Raises `Unreachable` once the server was away for longer than patience, `ProblemError` if it
        refuses.
        """
        seen, tries = after, self._tries()
        params = {"measurements": str(measurements).lower()}
        while True:
            trouble: Exception = EOFError("the stream ended before the study did")
            try:
                for event in self._connection(path, seen, params):
                    if event is None:
                        return
                    tries = self._tries()  # it works, so patience begins anew
                    seen = seen if event.revision is None else event.revision
                    yield event
            except httpx2.RequestError as error:
                trouble = error
            except ProblemError as problem:
                if problem.status not in self.patience.statuses:
                    raise
                trouble = problem
            if next(tries):
                raise Unreachable(str(self.http.base_url.join(path)), trouble) from trouble

    def _tries(self) -> Iterator[bool]:
        """Pause before another try; True once patience is over."""
        deadline = self.patience.clock() + self.patience.seconds
        for bound in self.patience.bounds():
            yield self.patience.is_over(deadline, bound, 0.0)

    def _connection(
        self, path: str, seen: int, params: dict[str, str]
    ) -> Iterator[StudyEvent | None]:
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(seen)}
        timeout = httpx2.Timeout(self.patience.answer_seconds, read=SILENCE_SECONDS)
        with self.http.stream(
            "GET", path, params=params, headers=headers, timeout=timeout
        ) as response:
            if response.status_code == HTTPStatus.NO_CONTENT:
                yield None
                return
            if not response.is_success:
                response.read()
                raise ProblemError(read_problem(response))
            for data in _data(response.iter_lines()):
                try:
                    yield StudyEvent.model_validate_json(data, extra="ignore")
                except ValidationError as error:
                    raise BadAnswer(f"{response.url} told no event: {error}") from error


def _data(lines: Iterable[str]) -> Iterator[str]:
    """The data of every event of a stream (WHATWG HTML, section 9.2)."""
    held: list[str] = []
    for line in lines:
        if line.startswith("data:"):
            held.append(line.removeprefix("data:").removeprefix(" "))
        elif not line and held:
            yield "\n".join(held)
            held = []
