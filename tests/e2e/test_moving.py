"""A service moves from SQLite to PostgreSQL in the middle of a study, by real processes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from service.client import Client, Patience
from tests.chaos.processes import Server, ended, environment

BODY: dict[str, Any] = {
    "objective": "noisy_quadratic",
    "horizon": 40,
    "budget": {"trials": 10},
    "seeds": 2,
    "confirm_seeds": 3,
    "baselines": ["constant", "cosine"],
    "baseline_peaks": 2,
    "evidence_budget": 9 * 40,
    "seed": 11,
}


@pytest.mark.full
@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True)
def test_a_study_ends_the_same_where_its_store_was_moved(
    empty_database_url: str, tmp_path: Path
) -> None:
    """Its server was killed with runs under way; on the copy and at the source it goes on alike."""
    source = f"sqlite:///{tmp_path / 'source.db'}"
    here = Server(source, tmp_path / "log", has_worker=True)
    with ended(here), Client(here.url, patience=Patience(seconds=60)) as client:
        study = client.studies.create(BODY).id
        while client.studies.get(study).progress.finished_runs < 6:
            pass
        here.kill()
        command = [sys.executable, "-m", "service.cli.main", "db", "copy", "--json"]
        moved = subprocess.run(
            [*command, source, empty_database_url],
            capture_output=True,
            text=True,
            env=environment(),
            check=True,
        )
        told = json.loads(moved.stdout)
        assert told["studies"] == 1
        here.restart()
        mine = _end(client, study)
        assert here.stop() == 0
    there = Server(empty_database_url, tmp_path / "log", has_worker=True)
    with ended(there), Client(there.url) as client:
        theirs = _end(client, study)
        assert there.stop() == 0
    assert mine == theirs


def _end(client: Client, study: str) -> tuple[object, ...]:
    """Best, verdict and trials once a study is completed."""
    assert client.studies.wait(study).state == "completed"
    trials = [one.model_dump() for one in client.trials.list(study)]
    return client.results.best(study).model_dump(), client.results.verdict(study), trials
