"""Many claim at once (R11): no run goes out twice."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.client import Client
from service.schemas.work import ClaimRequest
from tests.campaign import Campaign
from tests.chaos.processes import Server, ended
from tests.chaos.watching import BODY, LIMIT_SECONDS

pytestmark = pytest.mark.timeout(600)  # processes start slowly on a busy machine
CLAIMERS = 16
# Of each study two generations wait, and no more without results. Without baselines, whose later
# peaks wait for the first ones' results.
QUEUED = 3 * 64
BIG = {**BODY, "baselines": [], "batch": 64, "budget": {"trials": 64}, "seeds": 3}


def drain(client: Client, number: int) -> list[str]:
    """Claim until there is nothing left; the runs that came."""
    found: list[str] = []
    for claim in range(2000):
        request = ClaimRequest(worker=f"w{number}", claim=f"{number}-{claim}", wait_seconds=1.0)
        reply = client.work.claim(request)
        if reply.block is None:
            return found
        found += [run.run for run in reply.block.runs]
    raise AssertionError("the queue never ends")


def test_many_claimers_get_each_run_once(
    empty_database_url: str, log: Path, campaign: Campaign
) -> None:
    """R11: sixteen clients at once claim a queue empty over HTTP; no run goes out twice."""
    studies = campaign.dose(1, 11)
    server = Server(empty_database_url, log, lease_seconds=600.0)
    with ended(server), Client(server.url) as client:
        made = [client.studies.create({**BIG, "seed": number}).id for number in range(studies)]
        deadline = time.monotonic() + LIMIT_SECONDS
        while client.workers.list().queued < studies * QUEUED:
            assert time.monotonic() < deadline, "the planner does not fill the queue"
            time.sleep(0.05)
        with ThreadPoolExecutor(CLAIMERS) as pool:
            claimed = [
                run
                for runs in pool.map(lambda one: drain(client, one), range(CLAIMERS))
                for run in runs
            ]
        assert server.stop() == 0
    campaign.fault(CLAIMERS - 1)  # each is in the way of the others
    campaign.case(len(claimed))
    campaign.measure("runs_claimed_twice", len(claimed) - len(set(claimed)))
    assert {run.split(".")[0] for run in claimed} == set(made)
    assert len(claimed) == len(set(claimed)) == studies * QUEUED
