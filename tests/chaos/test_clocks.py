"""Clocks that are set, and time zones that differ: no lease runs out for that (R9)."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from service.client import Client
from tests.campaign import Campaign
from tests.chaos.checker import check
from tests.chaos.clocks import Clock
from tests.chaos.conftest import Spy
from tests.chaos.processes import RecordingWorker, Server, ended, read_told
from tests.chaos.test_network import tracebacks
from tests.chaos.watching import BRIEF, Watcher

pytestmark = pytest.mark.timeout(1800)  # processes start slowly on a busy machine
HOUR = 3600.0
TURN = datetime(2027, 3, 28, 1, tzinfo=UTC).timestamp()  # clocks of Europe go forward
# Leases that a busy machine does not break, but an hour does.
PACE = {
    "GLIDESLOPE_LEASE_SECONDS": "30",
    "GLIDESLOPE_HEARTBEAT_SECONDS": "2",
    "GLIDESLOPE_SWEEP_SECONDS": "0.5",
}
APART_SECONDS = 12.0  # three times as long as a sweeper waits after a jump
ZONES = (
    {"TZ": "Europe/Berlin", "PGTZ": "Asia/Tokyo"},
    {"TZ": "America/New_York", "PGTZ": "UTC"},
)


def settings() -> tuple[float, ...]:
    """Where a clock is set in turn: an hour ahead and behind, before and after summer begins."""
    turn = TURN - time.time()
    return HOUR, -HOUR, 0.0, turn - 10.0, turn + 10.0, turn + HOUR, 0.0


def far_from_here(database: str) -> None:
    """Let whoever connects to the database, and says nothing else, be in Tokyo."""
    url = make_url(database)
    if url.get_backend_name() == "postgresql":
        engine = create_engine(url.set(drivername="postgresql+psycopg"))
        with engine.begin() as connection:
            connection.execute(text(f"ALTER DATABASE {url.database} SET timezone = 'Asia/Tokyo'"))
        engine.dispose()


def train(servers: list[Server], step: Callable[[], None]) -> dict[str, list[tuple[str, float]]]:
    """A study from beginning to end, and its bests; a step is taken at every second run."""
    with Client(servers[0].url) as client:
        study = client.studies.create(BRIEF).id
    with Watcher(servers[-1].url, study) as watcher:
        for number in range(100):
            watcher.wait_for_runs(1 + 2 * number)
            if watcher.view is not None and watcher.view.state == "completed":
                break
            step()
        assert watcher.wait_for_end().state == "completed"
    return {study: watcher.bests}


def test_no_lease_runs_out_because_a_clock_is_set(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy, campaign: Campaign
) -> None:
    """Those of servers and workers, each for itself, in different zones, across summer time."""
    chance, least = campaign.random(), campaign.dose(6, 100)
    told = tmp_path / "told.jsonl"
    count = 1 if empty_database_url.startswith("sqlite") else 2  # servers
    clocks = [Clock(tmp_path / f"clock-{number}") for number in range(count + 2)]
    for clock in clocks:
        clock.set(0.0)
    far_from_here(empty_database_url)
    servers = [
        Server(empty_database_url, log, variables={**PACE, **zone}, launch=clock.launch)
        for clock, zone in zip(clocks[:count], ZONES, strict=False)
    ]
    workers = [
        RecordingWorker(
            servers[-1].url, f"w{number}", told, log, variables=ZONES[number], launch=clock.launch
        )
        for number, clock in enumerate(clocks[count:])
    ]
    bests: dict[str, list[tuple[str, float]]] = {}
    places = settings()
    jumps = 0

    def jump() -> None:
        nonlocal jumps
        chance.choice(clocks).set(chance.choice(places))
        jumps += 1

    with ended(*servers, *workers):
        while jumps < least or not bests:
            bests |= train(servers, jump)
        # A sweeper waits after each jump; now none comes, and the servers stay hours apart.
        for clock, place in zip(clocks, (HOUR, -HOUR, HOUR, -HOUR), strict=False):
            clock.set(place)
            jumps += 1
        until = time.monotonic() + APART_SECONDS
        while time.monotonic() < until:
            bests |= train(servers, lambda: None)
        codes = [one.stop() for one in (*workers, *servers)]
        assert codes == [0] * len(codes)
    leased = expired = 0
    everything = read_told(told)
    for study, shown in bests.items():
        mine = [one for one in everything if one.run.startswith(study)]
        seen = observe(study, told=mine, bests=shown)
        campaign.find(check(seen))
        leased += len(seen.stored)
        expired += sum(one.attempt for one in seen.stored)
    campaign.find([f"{expired} leases of living workers ran out"] if expired else [])
    campaign.find(tracebacks(log))
    campaign.fault(jumps)
    campaign.measure("jumps", jumps)
    campaign.measure("runs", leased)
    campaign.measure("false_expiries", expired)
