"""SIGTERM under load: what was begun is finished, what was acknowledged is kept, streams end."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from service.api.live import RESTART_MILLISECONDS, RETRY_MILLISECONDS
from tests.chaos.processes import Server, ended

CLIENTS = 6
SMALL = {
    "objective": "realized_volatility",
    "horizon": 20,
    "space": {"families": ["cosine"]},
    "baselines": ["constant"],
    "budget": {"trials": 6},
    "seeds": 1,
    "confirm_seeds": 2,
}


@dataclass
class Heard:
    """What the clients of a server were answered until it was gone."""

    created: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)  # answers that broke off
    odd: list[int] = field(default_factory=list)  # statuses that are no answer to this
    streamed: list[str] = field(default_factory=list)


def create_until_gone(url: str, name: str, heard: Heard) -> None:
    """Create one study after the other, each on a connection of its own, until there is no server.

    A connection that is refused or closed before a byte of an answer is no answer; one that breaks
    off within an answer is a lost one.
    """
    for number in range(10_000):
        key = {"Idempotency-Key": f"{name}-{number}"}
        try:
            with httpx2.Client(base_url=url, timeout=20, trust_env=False) as http:
                answer = http.post("/v1/studies", json={**SMALL, "label": name}, headers=key)
        except httpx2.RemoteProtocolError as error:
            if "without sending a response" not in str(error):
                heard.cut.append(str(error))
            return
        except httpx2.TransportError:
            return
        if answer.status_code == 202:
            heard.created.append(answer.json()["id"])
        elif answer.status_code not in {429, 503}:
            heard.odd.append(answer.status_code)


def follow_until_gone(url: str, study: str, heard: Heard) -> None:
    """Follow a study as a browser does, until the server ends the stream."""
    with (
        httpx2.Client(base_url=url, timeout=30, trust_env=False) as http,
        http.stream("GET", f"/v1/studies/{study}/events") as answer,
    ):
        heard.streamed += answer.iter_lines()  # raises if it breaks off


@pytest.mark.full
def test_nothing_that_was_acknowledged_is_lost(empty_database_url: str, tmp_path: Path) -> None:
    """Requests on the way are answered, streams end with when to come back, in a few seconds."""
    server = Server(empty_database_url, tmp_path / "log", has_worker=True)
    heard = Heard()
    with ended(server):
        with httpx2.Client(base_url=server.url, trust_env=False) as http:
            first = http.post("/v1/studies", json=SMALL).json()["id"]
        threads = [
            threading.Thread(target=create_until_gone, args=(server.url, f"c{number}", heard))
            for number in range(CLIENTS)
        ]
        threads.append(threading.Thread(target=follow_until_gone, args=(server.url, first, heard)))
        for thread in threads:
            thread.start()
        time.sleep(2)
        assert server.stop() == 0, (tmp_path / "log").read_text()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
        assert heard.created
        assert (heard.cut, heard.odd) == ([], [])
        hints = [line for line in heard.streamed if line.startswith("retry:")]
        assert hints == [f"retry: {RETRY_MILLISECONDS}", f"retry: {RESTART_MILLISECONDS}"]

        server.restart()
        with httpx2.Client(base_url=server.url, timeout=30, trust_env=False) as http:
            for study in [first, *heard.created]:
                assert http.get(f"/v1/studies/{study}").status_code == 200
        assert server.stop() == 0
