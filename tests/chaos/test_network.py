"""A network that delays, resets, falls silent, cuts and loses answers (R6).

What was asked for once is done once, whoever asks again gets the same answer, and nobody waits
longer than he said he would.
"""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.client import Client, ClientError, Patience
from tests.campaign import Campaign
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.processes import RecordingWorker, Server, ended, read_told
from tests.chaos.proxy import Fault, Kind, Plan, Proxy
from tests.chaos.watching import BRIEF, Watcher

pytestmark = pytest.mark.timeout(1800)  # processes start slowly on a busy machine

TINY: dict[str, Any] = {
    "objective": "noisy_quadratic",
    "horizon": 20,
    "sampler": "random",
    "space": {"families": ["cosine"]},
    "baselines": ["constant"],
    "budget": {"trials": 6},
    "seeds": 1,
    "confirm_seeds": 2,
}
DELAY_SECONDS = 2
ANSWER_SECONDS = 3.0  # so a delayed answer is waited for, and silence is not
SLACK_SECONDS = 5.0  # what a busy machine may add to a wait before it counts as hanging
CALLERS = 8
CALLED = 1024  # bytes of a request, about
ANSWERED = 2048  # bytes of an answer, about


def faulty(campaign: Campaign, share: float, kinds: tuple[Kind, ...] = tuple(Kind)) -> Plan:
    """A plan by which a share of all exchanges is harmed, each kind as often as any other."""
    chance, delay = campaign.random(), campaign.dose(1, DELAY_SECONDS)

    def plan() -> Fault | None:
        if chance.random() >= share:
            return None
        kind = chance.choice(kinds)
        size = CALLED if kind is Kind.CUT_REQUEST else ANSWERED
        return Fault(kind, delay, chance.randrange(size))

    return plan


@dataclass
class Timed(httpx2.BaseTransport):
    """A transport that notes how long each try took until its answer was read, or given up."""

    seconds: list[float] = field(default_factory=list)
    inner: httpx2.BaseTransport = field(default_factory=httpx2.HTTPTransport)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request."""
        begun = time.monotonic()
        try:
            response = self.inner.handle_request(request)
            response.read()
        finally:
            self.seconds.append(time.monotonic() - begun)
        return response

    def close(self) -> None:
        """Close the real one."""
        self.inner.close()


@dataclass
class Heard:
    """What callers were told, by idempotency key."""

    answers: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    tries: list[float] = field(default_factory=list)

    def call(self, url: str, keys: list[str]) -> None:
        """Create a study for each key, twice, by way of a network that is bad."""
        timed = Timed()
        patience = Patience(seconds=120.0, answer_seconds=ANSWER_SECONDS)
        with Client(url, patience=patience, transport=timed) as client:
            for key in keys:
                for _ in range(2):
                    try:
                        study = client.studies.create({**TINY, "label": key}, idempotency_key=key)
                    except ClientError as error:
                        self.failures.append(f"{key}: {error}")
                    else:
                        self.answers.setdefault(key, []).append(study.model_dump(mode="json"))
        self.tries += timed.seconds

    def violations(self, server: Server) -> list[str]:
        """What of it cannot be, seen from the server itself."""
        found = [f"a call was not answered: {one}" for one in self.failures]
        with Client(server.url) as client:
            made = Counter(one.label for one in client.studies.list())
            for key, answers in self.answers.items():
                again = client.studies.create({**TINY, "label": key}, idempotency_key=key)
                if any(one != again.model_dump(mode="json") for one in answers):
                    found.append(f"{key} was answered differently")
                if made[key] != 1:
                    found.append(f"{key} made {made[key]} studies")
        if sum(made.values()) != len(self.answers):
            found.append(f"{sum(made.values())} studies for {len(self.answers)} keys")
        longest = max(self.tries)
        if longest > ANSWER_SECONDS + DELAY_SECONDS + SLACK_SECONDS:
            found.append(f"a try that may take {ANSWER_SECONDS} s took {longest:.1f}")
        return found


def test_calls_through_a_bad_network_are_done_once(
    empty_database_url: str, log: Path, campaign: Campaign
) -> None:
    """Each key makes one study, and every answer to it is the same one."""
    calls = campaign.dose(16, 500)
    keys = [f"key-{number}" for number in range(calls // 2)]
    heard, server = Heard(), Server(empty_database_url, log)
    with ended(server):
        plan = faulty(campaign, 0.5)
        with Proxy(server.url, plan) as proxy, ThreadPoolExecutor(CALLERS) as pool:
            callers = [pool.submit(heard.call, proxy.url, keys[n::CALLERS]) for n in range(CALLERS)]
            for caller in callers:
                caller.result()
        campaign.find(heard.violations(server))
        assert server.stop() == 0
    campaign.find(tracebacks(log))
    campaign.fault(proxy.bitten.total())
    campaign.measure("calls", calls)
    campaign.measure("tries", len(heard.tries))
    campaign.measure("longest_try_seconds", round(max(heard.tries), 2))
    campaign.measure("faults_by_kind", in_words(proxy))


def test_workers_behind_a_bad_network_count_every_run_once(
    empty_database_url: str, log: Path, tmp_path: Path, observe: Spy, campaign: Campaign
) -> None:
    """Their claims, beats, reports and ends are harmed; every study is whole in the end."""
    # A worker waits half a minute for an answer: silence is for the whole programme.
    quick = (Kind.RESET, Kind.CUT_REQUEST, Kind.CUT_ANSWER, Kind.LOST_ANSWER)
    plan = faulty(campaign, 0.2, tuple(Kind) if campaign.is_whole else quick)
    bests: dict[str, list[tuple[str, float]]] = {}
    server = Server(empty_database_url, log)
    with ended(server), Proxy(server.url, plan) as proxy:
        workers = [
            RecordingWorker(proxy.url, f"worker-{number}", tmp_path / "told.jsonl", log)
            for number in range(campaign.dose(2, 4))
        ]
        with ended(*workers), Client(server.url) as client:
            for _ in range(campaign.dose(1, 4)):
                study = client.studies.create(BRIEF).id
                with Watcher(server.url, study) as watcher:
                    assert watcher.wait_for_end().state == "completed"
                bests[study] = watcher.bests
            ends = [one.stop() for one in workers]
            assert ends == [0] * len(workers), log.read_text()[-4000:]
        assert server.stop() == 0
    told = read_told(tmp_path / "told.jsonl")
    for study, shown in bests.items():
        mine = [one for one in told if one.run.startswith(study)]
        campaign.find(check(observe(study, told=mine, bests=shown)))
    campaign.find(tracebacks(log))
    campaign.fault(proxy.bitten.total())
    campaign.measure("results_told", len(told))
    campaign.measure("results_never_answered", sum(one.status is None for one in told))
    campaign.measure("faults_by_kind", in_words(proxy))


def in_words(proxy: Proxy) -> str:
    """How often each fault bit."""
    return ", ".join(f"{kind} {count}" for kind, count in sorted(proxy.bitten.items()))


def tracebacks(log: Path) -> list[str]:
    """What processes complained of that nobody foresaw."""
    text = log.read_text()
    return [f"a process complained: {text}"] if "Traceback" in text else []
