"""The same study with and without kills (R21): equal to the last bit, and to one in memory."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from service.client import Client
from tests.campaign import Campaign
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.processes import RecordingWorker
from tests.chaos.recording import read_back
from tests.chaos.watching import BODY, Watcher, serving, trials_and_best
from tuning.evidence import describe
from tuning.execution import Inline
from tuning.records import Budget
from tuning.study import run_study, specify

pytestmark = pytest.mark.timeout(600)  # processes start slowly on a busy machine


def verdict_in_memory(body: Mapping[str, Any]) -> dict[str, Any]:
    """The verdict of the same study run in this process, without the service."""
    budget = Budget(**body["budget"])
    asked = {name: value for name, value in body.items() if name not in {"objective", "budget"}}
    spec = specify(body["objective"], budget=budget, **asked)
    outcome = run_study(spec, Inline())
    assert outcome.verdict is not None
    words = describe(spec, outcome.verdict)
    return json.loads(json.dumps({**outcome.verdict.document(), "words": words}))


def check_replay(replayed: str, body: Mapping[str, Any]) -> None:
    """The verdict is that of the same study in memory."""
    verdict = json.loads(replayed)[3]
    assert verdict.pop("planner_versions")["optuna"]
    assert verdict.pop("number") == 1
    assert verdict == verdict_in_memory(body)


def hashed(outcome: str, study: str) -> str:
    """Everything that must be equal, but for the study's id, in one word."""
    return hashlib.sha256(outcome.replace(study, "").encode()).hexdigest()


def kill_some(
    workers: Sequence[RecordingWorker], watcher: Watcher, campaign: Campaign, chance: Random
) -> None:
    """Kill workers at random, evenly over the study."""
    kills = campaign.dose(5, 10)
    for kill in range(kills):
        watcher.wait_for_runs(2 + 20 * kill // kills)
        victim = chance.choice(workers)
        victim.kill()
        campaign.fault()
        victim.restart()


# Each on a store of its own: what was read of held-out data for one study is told in the next.
@pytest.mark.parametrize(
    "number", [0, *(pytest.param(one, marks=pytest.mark.whole) for one in (1, 2))]
)
def test_killed_workers_lose_nothing_and_change_nothing(
    empty_database_url: str,
    log: Path,
    tmp_path: Path,
    observe: Spy,
    campaign: Campaign,
    number: int,
) -> None:
    """R1 and R21: kills in mid-study, every run counted once, and the same study bit for bit."""
    chance, body = campaign.random(), {**BODY, "seed": BODY["seed"] + number}
    with serving(empty_database_url, log, tmp_path, workers=3) as (server, workers):
        client = Client(server.url)
        study = client.studies.create(body).id
        with Watcher(server.url, study) as watcher:
            kill_some(workers, watcher, campaign, chance)
            assert watcher.wait_for_end().state == "completed"
        quiet = client.studies.create(body).id
        for worker in workers[1:]:
            assert worker.stop() == 0
        client.studies.wait(quiet)
        replayed = trials_and_best(server, quiet)
        is_equal = hashed(trials_and_best(server, study), study) == hashed(replayed, quiet)
        check_replay(replayed, body)
        client.close()
        assert [one.stop() for one in (workers[0], server)] == [0, 0]
    history = read_back(tmp_path / "told.jsonl", study)
    history["refusals"] += watcher.refusals
    seen = observe(study, bests=watcher.bests, **history)
    campaign.find(check(seen))
    assert any(one.status is None for one in seen.told) or any(one.attempt for one in seen.stored)
    campaign.measure("equal_hashes", int(is_equal))
    assert is_equal
