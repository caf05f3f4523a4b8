"""A server that dies at every boundary of a transaction (R3): all is stored, or nothing is."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pytest

from service.client import Client, Conflict, NotFound, Patience, Unreachable
from tests.campaign import Campaign
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.deeds import FIELD, LOOPS, PLANNING, ROUTES, Deed, Hands
from tests.chaos.failing_server import Nursery
from tests.chaos.failpoints import AFTER_COMMIT, BEFORE_COMMIT, MOMENTS, Point
from tests.chaos.watching import LIMIT_SECONDS

pytestmark = [pytest.mark.full, pytest.mark.timeout(3000)]
ANSWERED = [Point(name, moment) for name in ROUTES for moment in MOMENTS]
# Nobody waits for an answer of a loop.
BESIDE = [Point(name, moment) for name in LOOPS for moment in (BEFORE_COMMIT, AFTER_COMMIT)]
PLANNED = [Point(name, moment) for name in PLANNING for moment in (BEFORE_COMMIT, AFTER_COMMIT)]
DEEDS = {**ROUTES, **LOOPS, **PLANNING}
ONCE = Patience(seconds=0.0, answer_seconds=LIMIT_SECONDS)
# No lease runs out between a kill and a look, unless that is what a server shall die of.
# Nor does anybody note a stall, which is a transaction of the sweeper as well.
LONG = {
    "GLIDESLOPE_LEASE_SECONDS": "3000",
    "GLIDESLOPE_HEARTBEAT_SECONDS": "1000",
    "GLIDESLOPE_STALL_SECONDS": "86400",
}
SHORT = {**LONG, "GLIDESLOPE_LEASE_SECONDS": "0.3", "GLIDESLOPE_HEARTBEAT_SECONDS": "0.1"}


class Theatre:
    """Hands, a nursery, and what was found: one act per failpoint."""

    def __init__(self, nursery: Nursery, hands: Hands, campaign: Campaign) -> None:
        self.nursery = nursery
        self.hands = hands
        self.passed: Counter[Point] = Counter()
        self._campaign = campaign

    def start(
        self,
        point: Point | None = None,
        settings: Mapping[str, str] = LONG,
        *,
        plans: bool = False,
    ) -> None:
        """Start a server, and speak to it over connections of its own."""
        self.nursery.start(point, plans=plans, **settings)
        self.hands.client.close()
        self.hands.client = Client(self.nursery.url, patience=ONCE)

    def act(self, point: Point) -> None:
        """Come to a failpoint, and see what is stored."""
        deed, hands = DEEDS[point.boundary], self.hands
        hands.number += 1
        hands.study, hands.run = "", None
        before: object = None
        if point.boundary in PLANNING:  # which may die of what is to be planned already
            before = self._look_alone(deed)
            self.start(point, plans=True)
        elif point.boundary in LOOPS:
            self.start(point, SHORT)
        else:
            self.start(point)
            deed.prepare(hands)
            before = deed.look(hands)
        # Whoever gets an answer of a route never came to its failpoint, and would wait for ever.
        dies = pytest.raises(Unreachable) if point.boundary in ROUTES else suppress(Unreachable)
        with dies:
            deed.do(hands)
        assert self.nursery.wait_for_death() == point
        self._campaign.fault()
        self.start()
        self._campaign.find(self._compare(point, deed, before))
        self.nursery.kill()

    def _look_alone(self, deed: Deed) -> object:
        self.start()
        seen = deed.look(self.hands)
        self.nursery.kill()
        return seen

    def _sweep(self, deed: Deed) -> None:
        """The next server takes back what the one before could not."""
        self.nursery.kill()
        self.start(settings=SHORT)
        deadline = time.monotonic() + LIMIT_SECONDS
        while deed.look(self.hands):
            assert time.monotonic() < deadline, "never taken back"
            time.sleep(0.02)

    def _compare(self, point: Point, deed: Deed, before: object) -> Iterator[str]:
        """What is there after a kill, and after the deed was done once more."""
        after = deed.look(self.hands)
        # What was claimed is held until it is swept.
        is_stored = not after if point.boundary in LOOPS else after != before
        if is_stored == (point.moment == BEFORE_COMMIT):
            yield f"{point}: {before} before and {after} after the kill"
            return
        if point.boundary in LOOPS:
            self._sweep(deed)
        if point.boundary in ROUTES:
            with suppress(Conflict, NotFound):  # a move that was made is no move any more
                deed.do(self.hands)
            again = deed.look(self.hands)
            if is_stored and again != after and deed.look is not Hands.lease:
                yield f"{point}: done twice, {after} and then {again}"
            if not is_stored and again == before:
                yield f"{point}: could not be done again"
        self.passed[point] += 1


def acts(rounds: int, campaign: Campaign, points: list[Point]) -> Iterator[Point]:
    """Every failpoint so many times, each time in another order."""
    chance = campaign.random()
    for _ in range(rounds):
        yield from chance.sample(points, len(points))


def test_every_boundary_is_all_or_nothing(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy, campaign: Campaign
) -> None:
    """R3: a kill before the commit leaves no trace, one after it loses nothing; again is once."""
    rounds = campaign.dose(1, 10)  # on each of two databases
    with Nursery(empty_database_url, log, tmp_path / "diary.jsonl") as nursery:
        nursery.start(None, plans=False, **LONG)  # makes the tables
        hands = Hands(Client(nursery.url), tmp_path)
        assert nursery.stop() == 0
        theatre = Theatre(nursery, hands, campaign)
        for point in acts(rounds, campaign, PLANNED):
            theatre.act(point)
        theatre.start(plans=True)
        hands.field = hands.client.studies.create({**FIELD, "seed": campaign.seed % 1000}).id
        hands.wait_for_runs()
        assert nursery.stop() == 0
        for point in acts(rounds, campaign, [*ANSWERED, *BESIDE]):
            theatre.act(point)
        theatre.start(plans=True)
        studies = hands.settle()
        assert nursery.stop() == 0
        hands.client.close()
    for study in studies:
        told = [one for one in hands.told if one.run.startswith(study)]
        handed = [one for one in hands.handed if one[0].startswith(study)]
        campaign.find(check(observe(study, told=told, handed=handed)))
    for point in (*ANSWERED, *BESIDE, *PLANNED):
        campaign.measure(f"{point.boundary}, {point.moment}", f"{theatre.passed[point]}/{rounds}")
        assert theatre.passed[point] == rounds, point
