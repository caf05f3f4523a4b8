"""Workers that train nothing, many at once: each claims runs, tells their ends, and claims again.

Then each keeps what it has claimed last, and sends heartbeats as fast as they are answered.

The one idea: what is measured is the server, so a worker here is a socket and a coroutine.
Run as a process of its own by `scale_store.py`: `scale_workers.py HOST PORT WORKERS SECONDS`,
which prints JSON: claims that brought runs, runs and heartbeats a second, and latencies in
milliseconds.
"""

import asyncio
import json
import sys
import time
from typing import Any

from api_load import percentile
from figures import say

LANES = 4
LIMIT = 2**24  # bytes of one answer
BEAT_SHARE = 0.25  # of the seconds, that many more for heartbeats


class Worker:
    """One connection that works until the time is up."""

    def __init__(self, number: int, until: float) -> None:
        """Nobody else has its name."""
        self.name, self.until = f"bench-{number}", until
        self.claims: list[float] = []
        self.tells: list[float] = []
        self.beats: list[float] = []
        self.runs = self.asked = 0

    async def run(self, host: str, port: int) -> None:
        """Claim and tell."""
        self.reader, self.writer = await asyncio.open_connection(host, port, limit=LIMIT)
        while (begin := time.perf_counter()) < self.until:
            answer = await self._claim()
            claimed = time.perf_counter()
            await self._post("/v1/runs:tell", {"worker": self.name, "results": _ends(answer)})
            self.claims.append(claimed - begin)
            self.tells.append(time.perf_counter() - claimed)
            self.runs += len(answer["block"]["runs"])

    async def beat(self, until: float) -> None:
        """Keep a block, and say so."""
        block = (await self._claim())["block"]
        held = [{"run": run["run"], "token": run["token"]} for run in block["runs"]]
        while (begin := time.perf_counter()) < until:
            await self._post("/v1/runs:heartbeat", {"worker": self.name, "runs": held})
            self.beats.append(time.perf_counter() - begin)
        self.writer.close()

    async def _claim(self) -> dict[str, Any]:
        while True:
            self.asked += 1
            claim = {"worker": self.name, "claim": f"c-{self.asked}", "lanes": LANES}
            answer = await self._post("/v1/work:claim", {**claim, "objectives": ["bench"]})
            if answer["block"] is not None:
                return answer
            await asyncio.sleep(0.05)

    async def _post(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps(document).encode()
        head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        self.writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        told = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        place = told.index(b"content-length:") + 15
        text = await self.reader.readexactly(int(told[place : told.index(b"\r", place)]))
        if int(told[9:12]) != 200:
            raise RuntimeError(text.decode())
        found: dict[str, Any] = json.loads(text)
        return found


def _ends(answer: dict[str, Any]) -> list[dict[str, Any]]:
    block = answer["block"]
    return [
        {
            "run": run["run"],
            "token": run["token"],
            "outcome": "completed",
            "metrics": {split: {"loss": run["schedule"]["peak"]} for split in block["splits"]},
        }
        for run in block["runs"]
    ]


async def main(host: str, port: int, count: int, seconds: float) -> None:
    """Let all of them work at once, and say what came of it."""
    begin = time.perf_counter()
    workers = [Worker(number, begin + seconds) for number in range(count)]
    await asyncio.gather(*(worker.run(host, port) for worker in workers))
    took = time.perf_counter() - begin
    beat_seconds = BEAT_SHARE * seconds
    until = time.perf_counter() + beat_seconds
    await asyncio.gather(*(worker.beat(until) for worker in workers))
    beats = [1e3 * one for worker in workers for one in worker.beats]
    claims = [1e3 * one for worker in workers for one in worker.claims]
    tells = [1e3 * one for worker in workers for one in worker.tells]
    told = {
        "claims": len(claims) / took,
        "runs": sum(worker.runs for worker in workers) / took,
        "claim_p50": percentile(claims, 0.5),
        "claim_p99": percentile(claims, 0.99),
        "slowest": max(claims + tells),
        "beats": len(beats) / beat_seconds,
        "beat_p99": percentile(beats, 0.99),
    }
    say(json.dumps(told))


if __name__ == "__main__":
    _, host, port, count, seconds = sys.argv
    asyncio.run(main(host, int(port), int(count), float(seconds)))
