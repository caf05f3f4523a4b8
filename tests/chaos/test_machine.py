"""R16: the store does what a model of it does, whatever is asked in whatever order."""

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.campaign import Campaign
from tests.chaos.machine import Bench
from tests.chaos.work_machine import StoreMachine

FAULTS = ("expired", "bereft", "restarts", "repetitions")
PARTS = 4  # of the whole programme, side by side


def play(campaign: Campaign, url: str, runs: int, steps: int) -> None:
    """Let the machine run so often, and so long each time, on one store."""
    bench = Bench(url)
    machine = type("Machine", (StoreMachine,), {"bench": bench})
    rules = settings(
        max_examples=runs,
        stateful_step_count=steps,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(campaign.random().getrandbits(64))(machine), settings=rules)
    finally:
        done = bench.done
        bench.store.close()
        campaign.case(done["steps"])
        campaign.fault(sum(done[name] for name in FAULTS))
        for name, count in done.items():
            campaign.measure(name, count)
    assert done["runs"] >= runs
    assert campaign.faults


@pytest.mark.timeout(600)  # to shorten what failed takes a while
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_store_does_what_its_model_does(campaign: Campaign, database_url: str) -> None:
    """A few runs of the machine, on SQLite."""
    play(campaign, database_url, 20, 20)


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_store_does_what_its_model_does_for_long(
    campaign: Campaign, database_url: str, part: int
) -> None:
    """Many runs, each part from its own chance."""
    del part
    play(campaign, database_url, campaign.dose(300, 5_000) // PARTS, campaign.dose(30, 50))


@pytest.mark.full
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_the_other_store_does_the_same(campaign: Campaign, database_url: str) -> None:
    """The same machine on PostgreSQL, whose every step takes longer."""
    play(campaign, database_url, campaign.dose(60, 500), campaign.dose(30, 50))
