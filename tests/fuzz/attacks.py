"""Ways to use a server up, each run as a program of its own beside a healthy client.

The one idea: an attack gets an address and a key, does its worst, and tells how it was answered, by
status, with how long that took; whether the server still serves others is looked at elsewhere
(`test_exhaustion.py`). A program of its own, so that its work is not that of who measures.
"""

import asyncio
import gzip
import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx2

from tests.fuzz.roles import EXTERNAL

MIB = 2**20
GONE = "gone"  # the server hung up


@dataclass
class Target:
    """Who is attacked, how hard, and what came of it."""

    url: str
    headers: dict[str, str]
    study: str
    scale: float
    seed: int
    answers: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0

    def times(self, whole: int) -> int:
        """How often, of what the whole programme does."""
        return max(1, round(whole * self.scale))

    def client(self) -> httpx2.Client:
        """A client with the key."""
        return httpx2.Client(base_url=self.url, headers=self.headers, timeout=120, verify=False)

    def ask(self, client: httpx2.Client, method: str, path: str, **more: Any) -> str:  # noqa: ANN401
        """Ask and note the answer."""
        begun = time.monotonic()
        try:
            told = str(client.request(method, path, **more).status_code)
        except httpx2.TransportError:
            told = GONE
        self.longest = max(self.longest, time.monotonic() - begun)
        self.answers[told] += 1
        return told

    def connect(self) -> socket.socket:
        """A bare connection."""
        address = urlsplit(self.url)
        assert address.port is not None
        return socket.create_connection((address.hostname or "", address.port), 120)

    def head(self, method: str, path: str, **more: str) -> bytes:
        """The head of a request but for its last line."""
        lines = {"Host": urlsplit(self.url).netloc, **self.headers, **more}
        told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"{method} {path} HTTP/1.1\r\n{told}".encode()

    def note(self, connection: socket.socket, begun: float) -> None:
        """Read the status on a connection, and note it."""
        try:
            connection.settimeout(120)
            first = connection.recv(64)
            told = first.split()[1].decode() if first else GONE
        except OSError:
            told = GONE
        self.longest = max(self.longest, time.monotonic() - begun)
        self.answers[told] += 1


def large_body(target: Target) -> None:
    """100 MB, and it says so; it sends until it is cut off."""
    for _ in range(target.times(10)):
        begun = time.monotonic()
        with target.connect() as connection:
            size = str(100 * MIB)
            kind = {"Content-Type": "application/json", "Content-Length": size}
            connection.sendall(target.head("POST", "/v1/studies", **kind) + b"\r\n")
            _pour(connection, b" " * MIB, 100)
            target.note(connection, begun)


def endless_body(target: Target) -> None:
    """Chunks without end, and no length; where studies, datasets and exports go."""
    for path in ("/v1/studies", "/v1/studies:import", "/v1/datasets?kind=ohlcv&name=x"):
        for _ in range(target.times(3)):
            begun = time.monotonic()
            with target.connect() as connection:
                kind = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
                connection.sendall(target.head("POST", path, **kind) + b"\r\n")
                _pour(connection, b"100000\r\n" + b" " * MIB + b"\r\n", 250)
                target.note(connection, begun)


def _pour(connection: socket.socket, piece: bytes, times: int) -> None:
    try:
        for _ in range(times):
            connection.sendall(piece)
    except OSError:
        return  # it was cut off, as it should be


def bomb(target: Target) -> None:
    """10 MB that unpack to 10 GB: as a dataset, and as a body that says it is packed."""
    member = gzip.compress(b"1,1,1,1\n" * (MIB // 8) * 10, 9)
    packed = member * (10 * MIB // len(member))
    with target.client() as client:
        for _ in range(target.times(3)):
            path = "/v1/datasets?kind=ohlcv&name=bomb"
            target.ask(client, "POST", path, content=packed)
            packing = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
            target.ask(client, "POST", "/v1/studies", content=packed[: MIB // 2], headers=packing)


def slow_heads(target: Target) -> None:
    """200 connections whose heads never end, a byte a second each."""
    _drip(target, target.head("GET", "/v1/studies", Slow=""), b"x")


def slow_bodies(target: Target) -> None:
    """200 connections whose bodies never end, a byte a second each."""
    kind = {"Content-Type": "application/json", "Content-Length": "100000"}
    _drip(target, target.head("POST", "/v1/studies", **kind) + b"\r\n{", b" ")


def _drip(target: Target, begin: bytes, drop: bytes) -> None:
    begun = time.monotonic()
    connections = [target.connect() for _ in range(200)]
    for one in connections:
        one.sendall(begin)
    waiting = set(connections)
    while waiting and time.monotonic() - begun < 60:
        time.sleep(1)
        for one in list(waiting):
            try:
                one.sendall(drop)
                one.settimeout(0)
                if one.recv(1, socket.MSG_PEEK) is not None:
                    waiting.remove(one)
            except BlockingIOError:
                pass
            except OSError:
                waiting.remove(one)
            finally:
                one.settimeout(120)
    target.answers["open after 60 s"] += len(waiting)
    for one in connections:
        if one not in waiting:
            target.note(one, begun)
        one.close()


def endless_heads(target: Target) -> None:
    """Headers without end: 50 connections, 10 MB each."""
    for _ in range(target.times(50)):
        begun = time.monotonic()
        with target.connect() as connection:
            connection.sendall(target.head("GET", "/v1/studies"))
            _pour(connection, b"".join(b"X-%d: %s\r\n" % (n, b"a" * 900) for n in range(100)), 100)
            target.note(connection, begun)


def parameters(target: Target) -> None:
    """A million of them: in the address, in one object, in one list."""
    with target.client() as client:
        for _ in range(target.times(5)):
            query = "&".join(f"a{n}=1" for n in range(10**6))
            begun = time.monotonic()
            with target.connect() as connection:
                with suppress(OSError):  # it was cut off
                    connection.sendall(target.head("GET", f"/v1/studies?{query}") + b"\r\n")
                target.note(connection, begun)
            for many in (10**6, 80_000):
                config = {f"a{n}": n for n in range(many)}
                target.ask(client, "POST", "/v1/studies", json={**EXTERNAL, "config": config})
            labels = {f"a{n}": "b" for n in range(50_000)}
            target.ask(client, "POST", "/v1/studies", json={**EXTERNAL, "labels": labels})
            unknown = {f"a{n}": 1 for n in range(80_000)}
            target.ask(client, "POST", "/v1/studies", json={**EXTERNAL, **unknown})


def enormous(target: Target) -> None:
    """1e9 trials, steps, seeds and updates, and lists of 1e5 choices."""
    names = [f"c{n}" for n in range(100_000)]
    external = EXTERNAL["external"]
    changes: list[Mapping[str, Any]] = [
        {"budget": {"trials": 10**9}},
        {"budget": {"trials": 60, "steps": 10**18}},
        {"horizon": 10**9},
        {"seeds": 10**9},
        {"batch": 10**9},
        {"confirm_seeds": 10**9},
        {"baseline_peaks": 10**9},
        {"external": {**external, "horizon": 10**9}},
        {"external": {**external, "rungs": [n / 10**5 for n in range(1, 10**5)]}},
        {"external": {**external, "metrics": [{"name": one} for one in names[:30_000]]}},
        {"space": {"families": names}},
        {"space": {"constraints": [f"warmup <= 0.{n}" for n in range(50_000)]}},
        {"space": {"fixed": dict.fromkeys(names[:60000], "a")}},
        {"space": {"ranges": {one: [0, 1] for one in names[:40_000]}}},
        {"baselines": ["cosine"] * 90_000},
        {"warm_start": names[:90_000]},
        {"rungs": [n / 10**5 for n in range(1, 10**5)]},
        {"candidates": [{"format": "glideslope/schedule@1"}] * 20_000},
    ]
    with target.client() as client:
        for _ in range(target.times(3)):
            for one in changes:
                told = target.ask(client, "POST", "/v1/studies:validate", json={**EXTERNAL, **one})
                if told == "200":
                    target.answers[f"taken: {str(one)[:60]}"] += 1
        schedule = {"format": "glideslope/schedule@1", "family": "linear", "peak": 0.1}
        for path in ("preview", "lint", "convert"):
            body = {"schedule": {**schedule, "horizon": 10**9}, "format": "csv"}
            target.ask(client, "POST", f"/v1/schedules:{path}", json=body)


def idempotency_keys(target: Target) -> None:
    """New keys all the time, for studies that the quota refuses but for a few."""
    with target.client() as client:
        for number in range(target.times(20_000)):
            headers = {"Idempotency-Key": f"{target.seed}-{number}"}
            target.ask(client, "POST", "/v1/studies", json=dict(EXTERNAL), headers=headers)


def cursors(target: Target) -> None:
    """Cursors that were changed, made up, repeated, of another list, or long."""
    chance = random.Random(target.seed)
    with target.client() as client:
        honest = client.get("/v1/studies?limit=1").json()["next"] or "W10"
        lists = ("/v1/studies", f"/v1/studies/{target.study}/trials", "/v1/keys", "/v1/datasets")
        for _ in range(target.times(2_000)):
            letters = list(honest)
            for _ in range(chance.randrange(4)):
                letters[chance.randrange(len(letters))] = chance.choice("AZaz09-_=%.")
            forged = "".join(letters)
            if chance.random() < 0.1:
                forged *= chance.choice((10, 100, 1000))
            path = chance.choice(lists)
            limit = chance.choice((1, 200, 10**9))
            target.ask(client, "GET", path, params={"cursor": forged, "limit": limit})


def streams(target: Target) -> None:
    """300 live streams that nobody reads, while a study changes all the time."""
    asyncio.run(_open_streams(target))


async def _open_streams(target: Target) -> None:
    address = urlsplit(target.url)
    head = target.head("GET", f"/v1/studies/{target.study}/events?measurements=true") + b"\r\n"
    begun, writers = time.monotonic(), []
    for _ in range(300):
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1024)
        writer.write(head)
        writers.append(writer)
        told = (await asyncio.wait_for(reader.read(12), 60)).split()[1].decode()
        target.answers[told] += 1
    target.longest = time.monotonic() - begun
    with target.client() as client:
        for number in range(target.times(300)):
            notes = f"{number} " + "wide " * 1_900
            path = f"/v1/studies/{target.study}"
            target.ask(client, "PATCH", path, json={"notes": notes, "label": str(number)})
    for writer in writers:
        writer.close()


def waits(target: Target) -> None:
    """300 claims at once that would wait for half a minute."""
    asyncio.run(_wait_together(target))


async def _wait_together(target: Target) -> None:
    begun = time.monotonic()
    limits = httpx2.Limits(max_connections=400)
    async with httpx2.AsyncClient(
        base_url=target.url, headers=target.headers, timeout=60, limits=limits, verify=False
    ) as client:

        async def ask(number: int) -> None:
            names = {"worker": f"w{number}", "claim": f"c{number}", "objectives": ["nobodys"]}
            body = {**names, "wait_seconds": 5}
            response = await client.post("/v1/work:claim", json=body)
            target.answers[str(response.status_code)] += 1

        await asyncio.gather(*(ask(number) for number in range(300)))
    target.longest = time.monotonic() - begun


ATTACKS: tuple[Callable[[Target], None], ...] = (
    large_body,
    endless_body,
    bomb,
    slow_heads,
    slow_bodies,
    endless_heads,
    parameters,
    enormous,
    idempotency_keys,
    cursors,
    streams,
    waits,
)


def named() -> Iterator[str]:
    """What the attacks are called."""
    return (one.__name__ for one in ATTACKS)


def main() -> None:
    """Do what standard input says; tell the answers and the longest wait."""
    wish = json.load(sys.stdin)
    name = wish.pop("attack")
    attack = next(one for one in ATTACKS if one.__name__ == name)
    target = Target(**wish)
    attack(target)
    json.dump({"answers": target.answers, "longest": target.longest}, sys.stdout)


if __name__ == "__main__":
    main()
