"""Nobody uses the server up: whoever asks for too much is refused, others are still served (S5).

While each attack runs, a healthy client asks for a study, a hundred times a second at most, and the
server's memory is watched. The client's p99 beside an attack is compared with its p99 before.
"""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import psutil
import pytest

from tests.campaign import Campaign
from tests.chaos.processes import environment
from tests.fuzz.attacks import GONE, named
from tests.fuzz.roles import EXTERNAL, NEIGHBOUR, House, create, serving

MOST_MIB = 50
MOST_TIMES = 3.0
# A machine that has other things to do answers now and then that late, whoever asks.
NOISE_SECONDS = 0.050
PAUSE_SECONDS = 0.01
# What an attack may be answered: refused, or done in vain; a stream or a list may be had.
REFUSED = {"400", "408", "413", "422", "429", "431", GONE}
BRIEF = {"large_body"}  # a few seconds; the others are measured on a quiet machine
ALLOWED = {
    "idempotency_keys": REFUSED | {"202"},
    "cursors": REFUSED | {"200"},
    "streams": REFUSED | {"200"},
    "waits": REFUSED | {"200"},
    "enormous": REFUSED,
}


@dataclass
class Watch:
    """What a healthy client and the server's memory went through."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    highest: int = 0

    @property
    def p99(self) -> float:
        """Of the answers' times."""
        return sorted(self.seconds)[int(len(self.seconds) * 0.99)] if self.seconds else 0.0


@contextmanager
def watching(house: House, study: str) -> Iterator[Watch]:
    """Ask for a neighbour's study all the time, and look at the memory."""
    watch, is_over = Watch(), threading.Event()
    process = psutil.Process(house.server.process.pid)

    def look() -> None:
        with house.client(NEIGHBOUR) as client:
            while not is_over.wait(PAUSE_SECONDS):
                begun = time.perf_counter()
                try:
                    status = client.get(f"/v1/studies/{study}").status_code
                except httpx2.TransportError as error:
                    watch.failures.append(repr(error))
                    continue
                watch.seconds.append(time.perf_counter() - begun)
                if status != 200:
                    watch.failures.append(f"answered {status}")
                watch.highest = max(watch.highest, process.memory_info().rss)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield watch
    finally:
        is_over.set()
        thread.join()


def run(house: House, attack: str, study: str, campaign: Campaign) -> dict[str, object]:
    """An attack, in a process of its own that yields to others; tells how it was answered."""
    wish = {
        "attack": attack,
        "url": house.url,
        "headers": house.headers("admin"),
        "study": study,
        "scale": campaign.dose(5, 100) / 100,
        "seed": campaign.random().randrange(2**31),
    }
    done = subprocess.run(
        ["nice", "-n", "5", sys.executable, "-m", "tests.fuzz.attacks"],  # noqa: S607
        input=json.dumps(wish),
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    assert done.returncode == 0, done.stderr[-4000:]
    told: dict[str, object] = json.loads(done.stdout)
    return told


def judge(attack: str, told: dict[str, object], before: Watch, beside: Watch) -> Iterator[str]:
    """What is wrong with how the server took an attack."""
    answers = told["answers"]
    assert isinstance(answers, dict)
    allowed = ALLOWED.get(attack, REFUSED)
    for answer, count in answers.items():
        if count and answer not in allowed:
            yield f"{attack}: {count} times {answer}"
    if beside.failures:
        yield f"{attack}: a healthy client {beside.failures[0]}, {len(beside.failures)} times"
    usual = max(before.p99, NOISE_SECONDS)
    if beside.p99 > MOST_TIMES * usual:
        yield f"{attack}: p99 of a healthy client {beside.p99:.3f} s, before {before.p99:.3f} s"
    grown = (beside.highest - before.highest) / 2**20
    if grown > MOST_MIB:
        yield f"{attack}: the server grew by {grown:.0f} MiB"


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(one, marks=pytest.mark.full if one in BRIEF else pytest.mark.whole)
        for one in named()
    ],
)
def test_nobody_uses_the_server_up(attack: str, campaign: Campaign, tmp_path: Path) -> None:
    """Refused quickly, with little memory, and with others served as ever."""
    with (
        serving(f"sqlite:///{tmp_path / 'fuzz.db'}", tmp_path) as house,
        house.client("admin") as client,
        house.client(NEIGHBOUR) as neighbour,
    ):
        study = create(client, EXTERNAL)
        create(client, EXTERNAL)
        # An attacker may use up the quotas of a project, but of no other one.
        theirs = create(neighbour, EXTERNAL)
        with watching(house, theirs) as before:
            time.sleep(5)  # how it is when nothing happens
        with watching(house, theirs) as beside:
            told = run(house, attack, study, campaign)
        answers = told["answers"]
        assert isinstance(answers, dict)
        campaign.case(sum(answers.values()))
        campaign.find(judge(attack, told, before, beside))
        campaign.measure("answers", json.dumps(answers))
        campaign.measure("longest_answer_seconds", round(float(str(told["longest"])), 3))
        campaign.measure("healthy_p99_before_seconds", round(before.p99, 4))
        campaign.measure("healthy_p99_beside_seconds", round(beside.p99, 4))
        campaign.measure("grown_mib", round((beside.highest - before.highest) / 2**20, 1))
        campaign.measure("healthy_answers", len(beside.seconds))
        assert house.stop() == 0
