"""A network for the client: answers in the order they were written down, and what was asked.

An answer is a response, or an error that the network raises instead. Time stands still except for
the pauses the client takes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx2

from service.client import Client, Patience

BASE_URL = "http://service.test"

STUDY: dict[str, Any] = {
    "id": "st_a",
    "state": "running",
    "revision": 1,
    "objective": "realized_volatility",
    "label": "",
    "metric": {"name": "mse", "direction": "minimize"},
    "progress": {"finished_runs": 0, "expected_runs": 10, "eta": None},
    "best": None,
    "error": None,
    "created_at": "2026-01-01T00:00:00Z",
    "started_at": None,
    "finished_at": None,
    "spec": {},
}


def study(**changes: object) -> dict[str, Any]:
    """A study as the service shows it."""
    return {**STUDY, **changes}


def ok(body: object, **headers: str) -> httpx2.Response:
    """An answer with a JSON body."""
    return httpx2.Response(200, json=body, headers={"ETag": '"1"', **headers})


@dataclass
class Network:
    """Plays the answers; the last one is played for ever."""

    answers: list[httpx2.Response | Exception]
    asked: list[httpx2.Request] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    is_patient: bool = True

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer one request."""
        request.read()
        self.asked.append(request)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pause(self, seconds: float) -> bool:
        """Let time pass; says to give up once somebody is out of patience."""
        self.pauses.append(seconds)
        return not self.is_patient

    @property
    def patience(self) -> Patience:
        """Ten seconds of this network's time."""
        return Patience(seconds=10.0, pause=self.pause, clock=lambda: sum(self.pauses))

    @property
    def bodies(self) -> list[bytes]:
        """What was asked, byte for byte."""
        return [request.content for request in self.asked]

    def client(self, patience: Patience | None = None) -> Client:
        """A client on this network."""
        transport = httpx2.MockTransport(self)
        return Client(BASE_URL, transport=transport, patience=patience or self.patience)


def pages(items: list[dict[str, Any]]) -> Iterator[httpx2.Response]:
    """One page per item, each but the last with the cursor of the next."""
    for number, item in enumerate(items):
        is_last = number == len(items) - 1
        yield ok({"items": [item], "next": None if is_last else f"after {number}"})
