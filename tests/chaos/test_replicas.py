"""Several real servers on one PostgreSQL database: started at once, and killed one by one (R12)."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text

from service.client import Client, Patience, Unreachable
from tests.campaign import Campaign
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.processes import Server, ended
from tests.chaos.watching import BRIEF, trials_and_best

pytestmark = [
    pytest.mark.full,
    pytest.mark.long,
    pytest.mark.timeout(1800),  # processes start slowly on a busy machine
    pytest.mark.parametrize("empty_database_url", ["postgresql"], indirect=True),
]


Start = Callable[..., list[Server]]
READY_SECONDS = 180  # eight start slowly on two cores
EIGHT = 8


@pytest.fixture
def start(empty_database_url: str, tmp_path: Path) -> Iterator[Start]:
    """So many servers, started at once."""
    with ExitStack() as all_of_them:

        def begin(count: int, *, has_worker: bool = False) -> list[Server]:
            def one(number: int) -> Server:
                log = tmp_path / f"{number}.log"
                return Server(empty_database_url, log, has_worker=has_worker)

            # A server ends with the thread that started it, so these stay.
            pool = all_of_them.enter_context(ThreadPoolExecutor(count))
            servers = list(pool.map(one, range(count)))
            all_of_them.enter_context(ended(*servers))
            return servers

        yield begin


def empty(database: str) -> None:
    """Drop whatever is in a database."""
    engine = create_engine(make_url(database).set(drivername="postgresql+psycopg"))
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


def test_eight_start_on_an_empty_database(
    start: Start, empty_database_url: str, campaign: Campaign
) -> None:
    """One of them makes the tables, the others wait for it; all become ready."""
    rounds, slowest = campaign.dose(1, 20), 0.0
    for number in range(rounds):
        if number:
            empty(empty_database_url)
        begun = time.monotonic()
        servers = start(EIGHT)
        for server in servers:
            deadline = time.monotonic() + READY_SECONDS
            with Client(server.url) as client:
                while not client.health.readyz():
                    assert time.monotonic() < deadline
                    time.sleep(0.1)
        slowest = max(slowest, time.monotonic() - begun)
        campaign.fault(EIGHT)
        codes = [server.stop() for server in servers]
        campaign.find(f"a server ended with {code}" for code in codes if code)
    campaign.measure("starts", rounds * EIGHT)
    campaign.measure("slowest_all_ready_seconds", round(slowest, 1))


def read_until_killed(victim: Server, study: str) -> Iterator[int]:
    """The events of a study that a server tells until it is killed, once some runs have ended."""
    with Client(victim.url, patience=Patience(seconds=0.2)) as client:
        with suppress(Unreachable):
            for event in client.studies.events(study):
                assert event.revision is not None
                yield event.revision
                if event.data.get("finished_runs", 0) >= 4 and victim.process.poll() is None:
                    victim.kill()  # what it has sent is read to the end
        assert victim.process.poll() is not None, "the study ended before"


def test_three_with_their_workers_make_the_study_that_one_makes(
    start: Start, observe: Spy, tmp_path: Path, campaign: Campaign
) -> None:
    """Bit for bit, though one is killed half-way, whose reader goes on at another."""
    servers = start(3, has_worker=True)
    victim, *others = servers
    with Client(others[0].url) as client:
        study = client.studies.create(BRIEF).id
    seen = list(read_until_killed(victim, study))
    campaign.fault()
    with Client(others[1].url) as client:
        rest = [event.revision for event in client.studies.events(study, after=seen[-1])]
        found = client.studies.get(study)
    assert found.state == "completed"
    assert [*seen, *rest] == list(range(1, found.revision + 1))
    by_three = trials_and_best(others[0], study)
    assert others[0].stop() == 0
    with Client(others[1].url) as client:
        alone = client.studies.create(BRIEF).id
        client.studies.wait(alone)
    by_one = trials_and_best(others[1], alone)
    assert others[1].stop() == 0
    assert by_three.replace(study, "") == by_one.replace(alone, "")
    of_three = observe(study)
    assert check(of_three) == []
    for number in range(3):
        assert "Traceback" not in (tmp_path / f"{number}.log").read_text()
