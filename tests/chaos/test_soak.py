"""Hours of studies and kills in small (R20): what a server holds stays as much as it was.

A programme of an hour has minutes for this: what leaks with every study, kill or connection shows
in hundreds of them, and the slope per hour is told beside.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import make_url

from service.client import Client
from tests.campaign import Campaign
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.processes import Server
from tests.chaos.recording import read_back
from tests.chaos.watching import MANY, PACED, serving

pytestmark = [pytest.mark.whole, pytest.mark.timeout(900)]
SECONDS = 240  # on each of two databases
KILL_SECONDS = 4.0  # between two kills
OPEN = 3  # studies under way at once
SOME: dict[str, Any] = {**MANY, "budget": {"trials": 6}}
MIB = 2**20
WAL_MIB = 64
GROWTH = 1.1  # of the memory, from one third to the next
SPARE = 10  # descriptors and connections by which one third may exceed another


@dataclass(frozen=True, slots=True)
class Sample:
    """What a server holds at a moment."""

    at: float
    rss: float
    descriptors: int
    connections: int
    wal: float


def sample(server: Server, database: str) -> Sample:
    """Look at the process, and at the file beside the database's."""
    process = psutil.Process(server.process.pid)
    wal = Path(f"{make_url(database).database}-wal")
    return Sample(
        time.monotonic(),
        process.memory_info().rss / MIB,
        process.num_fds(),
        len(process.net_connections()),
        wal.stat().st_size / MIB if wal.exists() else 0.0,
    )


def slope(samples: Sequence[Sample]) -> float:
    """MiB an hour, by least squares."""
    mean_at = sum(one.at for one in samples) / len(samples)
    mean = sum(one.rss for one in samples) / len(samples)
    above = sum((one.at - mean_at) * (one.rss - mean) for one in samples)
    return 3600 * above / sum((one.at - mean_at) ** 2 for one in samples)


def grown(samples: Sequence[Sample]) -> Iterator[str]:
    """What the last third of the time holds more of than the one before; the first warms up."""
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]
    before = sum(one.rss for one in middle) / len(middle)
    after = sum(one.rss for one in last) / len(last)
    if after > GROWTH * before:
        yield f"memory grew from {before:.0f} to {after:.0f} MiB"
    for name in ("descriptors", "connections"):
        most, later = (max(getattr(one, name) for one in part) for part in (middle, last))
        if later > most + SPARE:
            yield f"{name} grew from {most} to {later}"
    if (wal := max(one.wal for one in samples)) > WAL_MIB:
        yield f"the WAL grew to {wal:.0f} MiB"


def test_what_a_server_holds_does_not_grow(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy, campaign: Campaign
) -> None:
    """R20: one study after the other while workers are killed, and every one of them is right."""
    chance, studies, samples = campaign.random(), list[str](), list[Sample]()
    with serving(empty_database_url, log, tmp_path, 3, PACED) as (server, workers):
        with Client(server.url) as client:
            over = time.monotonic() + campaign.dose(30, SECONDS)
            kill_at = time.monotonic() + KILL_SECONDS
            while time.monotonic() < over:
                under_way = sum(1 for _ in client.studies.list(state="running"))
                for _ in range(OPEN - under_way):
                    studies.append(client.studies.create({**SOME, "seed": len(studies)}).id)
                if time.monotonic() > kill_at:
                    victim = chance.choice(workers)
                    victim.kill()
                    victim.restart()
                    campaign.fault()
                    kill_at = time.monotonic() + chance.uniform(0.5, 1.5) * KILL_SECONDS
                samples.append(sample(server, empty_database_url))
                time.sleep(0.25)
            ended = [client.studies.wait(study).state for study in studies]
        assert [one.stop() for one in (*workers, server)] == [0] * (len(workers) + 1)
    campaign.find(grown(samples))
    for study in studies:
        campaign.find(check(observe(study, **read_back(tmp_path / "told.jsonl", study))))
    later = samples[len(samples) // 3 :]
    campaign.measure("seconds", round(samples[-1].at - samples[0].at))
    campaign.measure("studies_completed", f"{ended.count('completed')}/{len(studies)}")
    campaign.measure("rss_first_third_end_mib", round(later[0].rss))
    campaign.measure("rss_end_mib", round(later[-1].rss))
    campaign.measure("rss_slope_mib_per_hour", round(slope(later)))
    campaign.measure("descriptors_most", max(one.descriptors for one in samples))
    campaign.measure("connections_most", max(one.connections for one in samples))
    campaign.measure("wal_most_mib", round(max(one.wal for one in samples), 1))
    assert set(ended) == {"completed"}
