"""Servers that start at once on one SQLite file: it has one owner, and the others say so (R12)."""

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.campaign import Campaign
from tests.chaos.processes import environment

pytestmark = [
    pytest.mark.full,
    pytest.mark.timeout(1800),  # processes start slowly on a busy machine
]
START_SECONDS = 240.0
REFUSAL = "another server has"


def begin(database: Path, log: Path) -> "subprocess.Popen[str]":
    """Start a server, and wait for nothing."""
    command = ["-m", "service.cli.main", "serve", "--no-worker", "--port", "0"]
    with log.open("w") as errors:
        return subprocess.Popen(
            [sys.executable, *command, "--database", f"sqlite:///{database}"],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment(),
            text=True,
        )


def test_one_of_many_owns_the_file_and_the_others_refuse(
    tmp_path: Path, campaign: Campaign
) -> None:
    """Whoever comes first serves; the others end at once, with a sentence instead of a trace."""
    rounds, count = campaign.dose(1, 20), campaign.dose(3, 8)
    for number in range(rounds):
        logs = [tmp_path / f"{number}-{one}.log" for one in range(count)]
        database = tmp_path / f"{number}.db"
        servers = [begin(database, log) for log in logs]
        try:
            words = [one.stdout.readline() for one in servers if one.stdout is not None]
            owners = [one for one, told in zip(servers, words, strict=True) if told]
            others = [one for one in servers if one not in owners]
            codes = [one.wait(START_SECONDS) for one in others]
            campaign.fault(count)
            campaign.find([f"{len(owners)} servers own the file"] if len(owners) != 1 else [])
            campaign.find(f"a server was refused with {code}" for code in codes if code != 1)
            told = [log.read_text() for log in logs]
            campaign.find(f"said: {one}" for one in told if "Traceback" in one)
            if sum(REFUSAL in one for one in told) != len(others):
                campaign.find([f"not each refusal has its reason: {told}"])
            url = next(told for told in words if told).rsplit(maxsplit=1)[1]
            assert httpx2.get(f"{url}/readyz", timeout=30.0).status_code == 200
        finally:
            for one in servers:
                one.terminate()
            for one in servers:
                one.communicate(timeout=60)
    campaign.measure("starts", rounds * count)
    campaign.measure("refused", rounds * (count - 1))
