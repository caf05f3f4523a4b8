"""Readers poll a study that is searched: best never gets worse, ETags tell the truth (R18)."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.client import Client
from tests.campaign import Campaign
from tests.chaos.watching import BRIEF, serving

pytestmark = pytest.mark.timeout(1800)  # processes start slowly on a busy machine
POLLERS = 4
LATE_SECONDS = 120.0  # after those who are told everything
HANGS_SECONDS = 1500.0  # for all polls of the whole programme, on a busy machine
FINAL = {"completed", "failed", "cancelled"}
RANKS = {"search": 0, "confirmed": 1}  # a later stage may be a worse number


@dataclass
class Poller:
    """One reader of one study; every other one shows the ETag that it knows."""

    study: str
    is_knowing: bool
    bodies: dict[str, set[str]] = field(default_factory=dict)  # by ETag, as hashes
    etags: list[str] = field(default_factory=list)  # as they came
    bests: list[tuple[int, float]] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    is_final: bool = False

    def poll(self, url: str, least: int, over: threading.Event) -> None:
        """Ask until the study has ended, and at least so often."""
        with httpx2.Client(base_url=url, timeout=30.0) as http:
            while not over.is_set() and not (self.is_final and self.statuses.total() >= least):
                known = {"If-None-Match": self.etags[-1]} if self.is_knowing and self.etags else {}
                self._hear(http.get(f"/v1/studies/{self.study}", headers=known))

    def _hear(self, answer: httpx2.Response) -> None:
        self.statuses[answer.status_code] += 1
        if answer.status_code not in {200, 304}:
            return
        self.etags.append(answer.headers["ETag"])
        if answer.status_code == 304:
            return
        self.bodies.setdefault(self.etags[-1], set()).add(sha256(answer.content).hexdigest())
        told: dict[str, Any] = answer.json()
        self.is_final = told["state"] in FINAL
        if told["best"] is not None:
            self.bests.append((RANKS[told["best"]["stage"]], told["best"]["value"]))

    def violations(self) -> list[str]:
        """What of it may not be, by itself."""
        found = [f"answered {code}" for code in self.statuses if code not in {200, 304}]
        for before, after in pairwise(self.bests):
            if after[0] < before[0] or (after[0] == before[0] and after[1] > before[1]):
                found.append(f"best went from {before} to {after}")
        revisions = [int(etag.strip('"')) for etag in self.etags]
        if revisions != sorted(revisions):
            found.append("a revision came after a later one")
        return found


def mistold(pollers: list[Poller]) -> list[str]:
    """ETags that stand for two bodies, and bodies that had two ETags, seen by all of them."""
    bodies: dict[str, set[str]] = {}
    for one in pollers:
        for etag, hashes in one.bodies.items():
            bodies.setdefault(etag, set()).update(hashes)
    found = [f"{etag}: {len(told)} bodies" for etag, told in bodies.items() if len(told) > 1]
    etags = Counter(body for told in bodies.values() for body in told)
    return found + [f"a body had {count} ETags" for count in etags.values() if count > 1]


def test_best_never_gets_worse_and_an_etag_is_a_body(
    empty_database_url: str, log: Path, tmp_path: Path, campaign: Campaign
) -> None:
    """Over every poll of concurrent readers, from the first run to the verdict."""
    least = campaign.dose(400, 10_000)
    polls: Counter[int] = Counter()
    over = threading.Event()
    with (
        serving(empty_database_url, log, tmp_path, workers=1) as (server, _),
        Client(server.url) as client,
        ThreadPoolExecutor(POLLERS) as pool,
    ):
        begun = time.monotonic()
        study = client.studies.create(BRIEF).id
        pollers = [Poller(study, is_knowing=number % 2 == 1) for number in range(POLLERS)]
        polling = [pool.submit(one.poll, server.url, least // POLLERS, over) for one in pollers]
        try:
            for asking in polling[::2]:
                asking.result(HANGS_SECONDS)
            late = wait(polling[1::2], LATE_SECONDS).not_done
            campaign.find("one who knew an ETag never heard of the end" for _ in late)
        finally:
            over.set()
        campaign.measure("polls_per_second", round(least / (time.monotonic() - begun)))
        for one in pollers:
            polls += one.statuses
            campaign.find(one.violations())
        campaign.find(mistold(pollers))
        # Whoever knows the last body is told so.
        assert all(one.is_final for one in pollers)
    campaign.case(polls.total())
    campaign.measure("polls", polls.total())
    campaign.measure("revisions", len({etag for one in pollers for etag in one.etags}))
    knowing = sum((one.statuses for one in pollers if one.is_knowing), Counter())
    campaign.measure("not_modified_share", round(knowing[304] / knowing.total(), 3))
