"""Whatever fits the service's OpenAPI, or does not, is answered as the OpenAPI says (S1).

Every role asks everything: examples, the edges of every field, chance, and calls that follow from
each other. No 5xx but a 503 that says when to come again, no status and no body that is not
described.
"""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import httpx2
import pytest

from tests.campaign import Campaign
from tests.chaos.processes import environment
from tests.fuzz.contract import Found, Wish
from tests.fuzz.roles import NOBODY, ROLES, create, serving

ALONE = ["examples", "coverage", "fuzzing"]  # phases that look at one operation at a time
TOGETHER = ["stateful"]
WIDE = {"GLIDESLOPE_QUOTA_RUNNING_STUDIES": "1000", "GLIDESLOPE_QUOTA_REQUESTS": "10000000"}


def examine(wish: Wish) -> Found:
    """What schemathesis finds, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.contract"],
        input=json.dumps(asdict(wish)),
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return Found(**json.loads(done.stdout))


def note(campaign: Campaign, role: str, found: Found) -> int:
    """Write down what a run came to; returns how many requests it sent."""
    sent = sum(found.cases.values())
    campaign.case(sent)
    campaign.find(f"{role}: {name}\n{told}" for name, told in found.failures.items())
    return sent


def operations(client: httpx2.Client) -> list[str]:
    """The ids of all operations, as the service tells them."""
    paths = client.get("/openapi.json").json()["paths"]
    return [one["operationId"] for methods in paths.values() for one in methods.values()]


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("role", [*ROLES, NOBODY])
def test_every_answer_is_one_that_the_openapi_describes(
    role: str, campaign: Campaign, tmp_path: Path
) -> None:
    """To a caller of any role, about any operation; in part by chance, in `make fuzz` about all."""
    chance = campaign.random()
    with serving(f"sqlite:///{tmp_path / 'fuzz.db'}", tmp_path, variables=WIDE) as house:
        with house.client("write") as client:
            create(client)  # something that is there
            every = operations(client)
        chosen = chance.sample(every, campaign.dose(5, len(every)))
        wish = Wish(
            url=house.url,
            seed=chance.randrange(2**32),
            phases=ALONE,
            examples=campaign.dose(2, 8),
            token=house.tokens.get(role),
            operations=chosen,
            kept_keys=list(house.ids.values()),
        )
        sent = note(campaign, role, examine(wish))
        wish.phases, wish.operations, wish.examples = TOGETHER, None, campaign.dose(2, 20)
        found = examine(wish)
        sent += note(campaign, role, found)
        assert house.server.process.poll() is None
        campaign.measure("requests", sent)
        campaign.measure("operations", len(chosen))
        campaign.measure("links", found.links)
