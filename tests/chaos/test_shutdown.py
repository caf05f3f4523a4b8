"""SIGTERM under load: what was begun is finished, what was acknowledged is kept, streams end."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import func, select

from service.api.streams import RESTART_MILLISECONDS, RETRY_MILLISECONDS
from service.client import Client
from service.store import models
from service.store.engine import Store
from tests.campaign import Campaign
from tests.chaos.processes import Server, ended
from tests.chaos.recovery import quantile
from tests.chaos.watching import LIMIT_SECONDS
from tuning.records import RunState

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
    ready: list[int] = field(default_factory=list)  # what /readyz answered from the signal on


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


def claim_until_gone(url: str, heard: Heard) -> None:
    """Wait for work that never comes, as long as a claim may, until there is no server."""
    body = {"worker": "patient", "objectives": ["nobodys"], "wait_seconds": 30}
    for number in range(10_000):
        try:
            with httpx2.Client(base_url=url, timeout=60, trust_env=False) as http:
                answer = http.post("/v1/work:claim", json={**body, "claim": f"c-{number}"})
        except httpx2.TransportError as error:
            # It was asked long before the end: to break it off is to drop it.
            if number == 0 and not isinstance(error, httpx2.ConnectError):
                heard.cut.append(f"a claim that waits: {error}")
            return
        if answer.status_code not in {200, 503}:
            heard.odd.append(answer.status_code)


def ask_whether_ready(url: str, told: threading.Event, heard: Heard) -> None:
    """Ask again and again from the signal on; whatever is answered must not be yes for long."""
    told.wait()
    with httpx2.Client(base_url=url, timeout=20, trust_env=False) as http:
        while True:
            try:
                heard.ready.append(http.get("/readyz").status_code)
            except httpx2.TransportError:
                return
            time.sleep(0.01)


def load(server: Server, first: str, told: threading.Event, heard: Heard) -> list[threading.Thread]:
    """Everything that asks the server at once."""
    url = server.url
    return [
        *(
            threading.Thread(target=create_until_gone, args=(url, f"c{number}", heard))
            for number in range(CLIENTS)
        ),
        threading.Thread(target=follow_until_gone, args=(url, first, heard)),
        threading.Thread(target=claim_until_gone, args=(url, heard)),
        threading.Thread(target=ask_whether_ready, args=(url, told, heard)),
    ]


def wait_for_load(server: Server, heard: Heard) -> None:
    """Wait until clients are answered, the stream runs and the server's worker trains."""
    deadline = time.monotonic() + LIMIT_SECONDS
    with Client(server.url) as client:
        while time.monotonic() < deadline:
            trains = any(one.runs for one in client.workers.list().items)
            if trains and heard.streamed and len(heard.created) >= 2 * CLIENTS:
                return
            time.sleep(0.05)
    raise AssertionError("the server is not busy")


def end_under_load(server: Server, name: str, log: Path) -> tuple[Heard, str, float]:
    """Tell a busy server to end; what was heard, the study that was followed, and how long."""
    heard, told = Heard(), threading.Event()
    with httpx2.Client(base_url=server.url, timeout=30, trust_env=False) as http:
        first = http.post("/v1/studies", json={**SMALL, "label": name}).json()["id"]
    threads = load(server, first, told, heard)
    for thread in threads:
        thread.start()
    wait_for_load(server, heard)
    begun = time.monotonic()
    told.set()
    assert server.stop() == 0, log.read_text()
    seconds = time.monotonic() - begun
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert heard.created
    hints = [line for line in heard.streamed if line.startswith("retry:")]
    assert hints == [f"retry: {RETRY_MILLISECONDS}", f"retry: {RESTART_MILLISECONDS}"]
    return heard, first, seconds


def find_faults(heard: Heard) -> Iterator[str]:
    """What must not have been heard."""
    yield from (f"a request was dropped: {words}" for words in heard.cut)
    yield from (f"an answer of {status}" for status in heard.odd)
    refused = heard.ready.index(503) if 503 in heard.ready else len(heard.ready)
    if 200 in heard.ready[refused:]:
        yield "ready again after it was about to end"


def leased(database: str) -> int:
    """Runs that a stopped server left in somebody's hands."""
    store = Store(database)
    with store.read() as session:
        query = select(func.count()).where(models.Run.state == RunState.LEASED)
        found: int = session.execute(query).scalar_one()
    store.close()
    return found


@pytest.mark.full
@pytest.mark.timeout(1200)
def test_nothing_that_was_acknowledged_is_lost(
    empty_database_url: str, tmp_path: Path, campaign: Campaign
) -> None:
    """R13: requests on the way are answered, streams end, runs are handed back, each time."""
    log, ends, unready = tmp_path / "log", campaign.dose(1, 25), 0
    server, seconds = Server(empty_database_url, log, has_worker=True), list[float]()
    with ended(server):
        for end in range(ends):
            heard, first, took = end_under_load(server, f"end-{end}", log)
            campaign.fault()
            campaign.case(len(heard.created))
            campaign.find(find_faults(heard))
            seconds.append(took)
            unready += 503 in heard.ready
            if left := leased(empty_database_url):
                campaign.find([f"{left} runs were not handed back"])
            server.restart()
            with httpx2.Client(base_url=server.url, timeout=30, trust_env=False) as http:
                for study in [first, *heard.created]:
                    assert http.get(f"/v1/studies/{study}").status_code == 200
                    http.post(f"/v1/studies/{study}:cancel")  # the next load shall be its own
        assert server.stop() == 0
    campaign.measure("ends_that_said_not_ready", f"{unready}/{ends}")
    campaign.measure("drain_p50_seconds", round(quantile(seconds, 0.5), 2))
    campaign.measure("drain_p99_seconds", round(quantile(seconds, 0.99), 2))
    assert unready, "no answer of /readyz while it drained"
