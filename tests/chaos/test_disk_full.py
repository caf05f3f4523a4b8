"""R7: the disk is full, again and again, and then it is not: nothing is half there, all goes on.

Two ways to be full: SQLite may not make the file longer (`cramped_server`), and the system lets the
server write no file at all (RLIMIT_FSIZE, which is set from outside on a server like any other).
"""

import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from service.client import Client
from tests.campaign import Campaign
from tests.chaos.checker import check
from tests.chaos.conftest import Spy
from tests.chaos.cramped_server import FULL
from tests.chaos.processes import PROGRAM, RecordingWorker, Server, ended, read_told
from tests.chaos.watching import BRIEF, Watcher

pytestmark = [pytest.mark.full, pytest.mark.timeout(1200)]
LIMIT_SECONDS = 60.0
HELD_SECONDS = 1.0  # so long everybody meets the full disk: workers, planner and sweeper
TRIES = 50  # studies, of which one at last needs a page that is not there
LONG = "x" * 10_000

Fill = Callable[[Server, Path], AbstractContextManager[None]]


@contextmanager
def no_page_more(_server: Server, flag: Path) -> Iterator[None]:
    """The database file cannot grow."""
    flag.touch()
    try:
        yield
    finally:
        flag.unlink()


@contextmanager
def no_byte_more(server: Server, _flag: Path) -> Iterator[None]:
    """The server process cannot write any file."""
    pid, kind = server.process.pid, resource.RLIMIT_FSIZE
    _, most = resource.prlimit(pid, kind)
    resource.prlimit(pid, kind, (0, most))
    try:
        yield
    finally:
        resource.prlimit(pid, kind, (most, most))


@pytest.mark.parametrize("empty_database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("fill", "program"),
    [(no_page_more, "tests.chaos.cramped_server"), (no_byte_more, PROGRAM)],
    ids=["pages", "bytes"],
)
def test_a_full_disk_leaves_nothing_half_done(
    campaign: Campaign,
    empty_database_url: str,
    log: Path,
    tmp_path: Path,
    observe: Spy,
    fill: Fill,
    program: str,
) -> None:
    """Each time in mid-study; what is asked is refused for now, and accepted later."""
    chance, told, flag = campaign.random(), tmp_path / "told.jsonl", tmp_path / "full"
    server = Server(empty_database_url, log, variables={FULL: str(flag)}, program=program)
    workers = [RecordingWorker(server.url, f"worker-{one}", told, log) for one in range(2)]
    bests: dict[str, list[tuple[str, float]]] = {}
    recoveries: list[float] = []
    with ended(server, *workers):
        for number in range(campaign.dose(1, 10)):
            with Client(server.url) as client:
                study = client.studies.create({**BRIEF, "seed": number}).id
            with Watcher(server.url, study) as watcher:
                watcher.wait_for_runs(chance.randint(0, 12))
                with fill(server, flag):
                    accepted = ask_in_vain(campaign, server.url, number)
                    time.sleep(HELD_SECONDS)  # that is the fault
                    campaign.find(damages(empty_database_url))
                recoveries.append(recover(campaign, server.url, accepted, number))
                assert watcher.wait_for_end().state == "completed"
            bests[study] = watcher.bests
        assert [one.stop() for one in (*workers, server)] == [0, 0, 0]
    every = read_told(told)
    for study, seen in bests.items():
        mine = [one for one in every if one.run.startswith(study)]
        campaign.find(check(observe(study, told=mine, bests=seen)))
    campaign.find(damages(empty_database_url))
    campaign.measure("resumed", len(recoveries))
    campaign.measure("recovery_longest_seconds", round(max(recoveries), 3))


def ask_in_vain(campaign: Campaign, url: str, number: int) -> list[str]:
    """Ask for what must be written, until it is refused; returns what was accepted before."""
    accepted = []
    with httpx2.Client(base_url=url, timeout=LIMIT_SECONDS) as http:
        for one in range(TRIES):
            answer = ask(http, f"{number}-{one}")
            campaign.case()
            if answer.status_code != 202:
                break
            accepted.append(f"{number}-{one}")
        assert answer.status_code in {503, 507}, answer.text
        campaign.fault()
        if "Retry-After" not in answer.headers:
            campaign.find([f"an answer of {answer.status_code} that does not say when"])
        for path in ("/livez", "/v1/studies"):
            if (read := http.get(path)).status_code != 200:
                campaign.find([f"{path} cannot be read: {read.text}"])
    return accepted


def recover(campaign: Campaign, url: str, accepted: list[str], number: int) -> float:
    """How long it takes until what was refused is accepted; every study is there exactly once."""
    begun = time.monotonic()
    refused = f"{number}-{len(accepted)}"
    with httpx2.Client(base_url=url, timeout=LIMIT_SECONDS) as http:
        while (answer := ask(http, refused)).status_code != 202:
            assert time.monotonic() - begun < LIMIT_SECONDS, answer.text
            time.sleep(0.05)
        seconds = time.monotonic() - begun
        for key in (*accepted, refused):
            again = ask(http, key).json()["id"]
            found = http.get("/v1/studies", params={"labels": f"key={key}"}).json()["items"]
            if [one["id"] for one in found] != [again]:
                campaign.find([f"the studies of key {key} are {found}, not {again}"])
            http.post(f"/v1/studies/{again}:cancel").raise_for_status()
    return seconds


def ask(http: httpx2.Client, key: str) -> httpx2.Response:
    """Ask for a study that takes up some room."""
    body: dict[str, Any] = {**BRIEF, "labels": {"key": key}, "notes": LONG}
    return http.post("/v1/studies", json=body, headers={"Idempotency-Key": key})


def damages(url: str) -> list[str]:
    """What SQLite finds wrong with the file, as it is while it is served."""
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30.0)) as connection:
        found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check")]
        found += [
            f"a row without its parent: {row}"
            for row in connection.execute("PRAGMA foreign_key_check")
        ]
    return [one for one in found if one != "ok"]
