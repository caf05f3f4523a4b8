"""R17: a share of all transactions fails, some after they were stored; every run counts once."""

from collections import Counter
from pathlib import Path

import pytest

from service.client import Client
from tests.campaign import Campaign
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.faulty_server import NOTES, RATE, SEED
from tests.chaos.processes import RecordingWorker, Server, ended, read_told
from tests.chaos.watching import BRIEF, Watcher

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]
PROGRAM = "tests.chaos.faulty_server"


@pytest.mark.parametrize(
    ("empty_database_url", "rate"),
    [
        ("sqlite", 0.05),
        ("postgresql", 0.2),
        *(
            pytest.param(database, rate, marks=pytest.mark.whole)
            for database, rates in {"sqlite": (0.01, 0.2), "postgresql": (0.01, 0.05)}.items()
            for rate in rates
        ),
    ],
    indirect=["empty_database_url"],
)
def test_transactions_that_fail_lose_nothing(
    campaign: Campaign,
    empty_database_url: str,
    log: Path,
    tmp_path: Path,
    observe: Spy,
    rate: float,
) -> None:
    """Each seed has a server of its own, on the same database."""
    faults: Counter[str] = Counter()
    for number in range(campaign.dose(1, 10)):
        notes, told = tmp_path / f"{number}.faults", tmp_path / f"{number}.jsonl"
        notes.touch()
        variables = {
            RATE: str(rate),
            SEED: str(campaign.random().getrandbits(32) + number),
            NOTES: str(notes),
        }
        study, bests = suffer(empty_database_url, log, told, variables)
        faults.update(notes.read_text().split())
        campaign.find(check(observe(study, told=read_told(told), bests=bests)))
    campaign.fault(faults.total())
    for name, count in faults.items():
        campaign.measure(f"faults_{name}", count)


def suffer(
    url: str, log: Path, told: Path, variables: dict[str, str]
) -> tuple[str, list[tuple[str, float]]]:
    """Train a study on a server with faults; returns it, and every best that was shown."""
    server = Server(url, log, variables=variables, program=PROGRAM)
    workers = [RecordingWorker(server.url, f"worker-{one}", told, log) for one in range(2)]
    with ended(server, *workers):
        with Client(server.url) as client:
            study = client.studies.create(BRIEF, idempotency_key=told.stem).id
        with Watcher(server.url, study) as watcher:
            assert watcher.wait_for_end().state == "completed"
        assert [one.stop() for one in (*workers, server)] == [0, 0, 0]
    return study, watcher.bests
