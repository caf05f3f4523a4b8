"""A thousand submissions at once, each idempotency key twice (R10)."""

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from service.client import Client, Patience
from tests.campaign import Campaign
from tests.chaos.processes import Server, ended
from tests.chaos.test_network import TINY, tracebacks

pytestmark = pytest.mark.timeout(1800)  # processes start slowly on a busy machine
LIMIT_SECONDS = 300.0  # for one answer: who waits longer hangs


@dataclass
class Answer:
    """What one submission was answered, and when."""

    key: str
    status: int
    headers: dict[str, str]
    body: bytes
    seconds: float


@dataclass
class Crowd:
    """Clients that submit at the same moment, each over a connection of its own."""

    url: str
    answers: list[Answer] = field(default_factory=list)

    async def submit(self, keys: list[str]) -> None:
        """Connect all of them, and only then let all of them ask."""
        host, port = self.url.removeprefix("http://").split(":")
        opened = [await asyncio.open_connection(host, int(port)) for _ in keys]
        asking = [self._ask(key, *one) for key, one in zip(keys, opened, strict=True)]
        async with asyncio.timeout(LIMIT_SECONDS):
            self.answers += await asyncio.gather(*asking)

    async def _ask(
        self, key: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Answer:
        body = json.dumps({**TINY, "label": key}).encode()
        lines = (
            "POST /v1/studies HTTP/1.1",
            f"Host: {self.url.removeprefix('http://')}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            f"Idempotency-Key: {key}",
            "Connection: close",
        )
        begun = time.monotonic()
        writer.write("\r\n".join((*lines, "", "")).encode() + body)
        answer = await reader.read()
        seconds = time.monotonic() - begun
        writer.close()
        head, _, told = answer.partition(b"\r\n\r\n")
        first, *rest = head.decode().split("\r\n")
        named = (line.partition(": ") for line in rest)
        headers = {name.lower(): value for name, _, value in named}
        return Answer(key, int(first.split()[1]), headers, told, seconds)

    def violations(self) -> list[str]:
        """What of the answers may not be."""
        found = []
        bodies: dict[str, set[bytes]] = {}
        for one in self.answers:
            if one.status == 202:
                bodies.setdefault(one.key, set()).add(one.body)
            elif one.status not in {429, 503}:
                found.append(f"{one.key} was answered {one.status}: {one.body!r}")
            elif "retry-after" not in one.headers:
                found.append(f"{one.status} without Retry-After")
        found += [f"{key} got {len(told)} answers" for key, told in bodies.items() if len(told) > 1]
        return found


def test_submissions_at_once_make_one_study_per_key(
    empty_database_url: str, log: Path, campaign: Campaign
) -> None:
    """The second answer is the first one; who is told to come back later, does, and gets his."""
    count = campaign.dose(60, 500)
    keys = [f"key-{number}" for number in range(count)]
    crowd = [*keys, *keys]
    campaign.random().shuffle(crowd)
    server = Server(empty_database_url, log)
    told = Crowd(server.url)
    with ended(server), Client(server.url, patience=Patience(seconds=120.0)) as client:
        asyncio.run(told.submit(crowd))
        campaign.find(told.violations())
        first = {one.key: json.loads(one.body) for one in told.answers if one.status == 202}
        for key in keys:
            study = client.studies.create({**TINY, "label": key}, idempotency_key=key)
            if key in first and first[key] != study.model_dump(mode="json"):
                campaign.find([f"{key} is answered differently later"])
        made = Counter(one.label for one in client.studies.list(limit=200))
        assert server.stop() == 0
    if made != Counter(keys):
        campaign.find([f"{made.total()} studies for {count} keys: {made.most_common(3)}"])
    campaign.find(tracebacks(log))
    campaign.fault(len(crowd))
    seconds = sorted(one.seconds for one in told.answers)
    campaign.measure("studies", made.total())
    campaign.measure("answer_p50_ms", round(1000 * seconds[len(seconds) // 2]))
    campaign.measure("answer_p99_ms", round(1000 * seconds[int(0.99 * len(seconds))]))
    statuses = Counter(one.status for one in told.answers)
    campaign.measure("answers", ", ".join(f"{n} x {code}" for code, n in statuses.items()))
