"""A load generator that costs little: HTTP/1.1 on kept-alive sockets, one request at a time each.

The one idea: requests are bytes made once, answers are read by their Content-Length and not
parsed further, so that what is measured is the server. Run as a process of its own by `api.py`:
`api_load.py HOST PORT CONNECTIONS SECONDS FILE [PACE]`, which prints JSON: answers a second,
statuses, and latencies in milliseconds. A line of the file is a request, `|` for the end of a line
of it. With a PACE every connection asks once in so many seconds.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from pathlib import Path

from figures import say

LIMIT = 2**24  # bytes of one answer


class Asker:
    """One connection that asks again as soon as it was answered, or at its pace."""

    def __init__(self, requests: list[bytes], until: float, pace: float) -> None:
        """Take what is asked in turn."""
        self.requests, self.until, self.pace = requests, until, pace
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []

    async def run(self, host: str, port: int) -> None:
        """Ask until the time is up."""
        reader, writer = await asyncio.open_connection(host, port, limit=LIMIT)
        if self.pace:
            await asyncio.sleep(random.uniform(0, self.pace))
        number = random.randrange(len(self.requests))
        while (begin := time.perf_counter()) < self.until:
            writer.write(self.requests[number % len(self.requests)])
            head = await reader.readuntil(b"\r\n\r\n")
            status, length = _head(head)
            if length:
                await reader.readexactly(length)
            took = time.perf_counter() - begin
            self.statuses[status] += 1
            self.latencies.append(took)
            number += 1
            if self.pace:
                await asyncio.sleep(max(0.0, self.pace - took))
        writer.close()


def _head(head: bytes) -> tuple[int, int]:
    """Status and length of the body."""
    status = int(head[9:12])
    if status == 304:
        return status, 0
    place = head.lower().index(b"content-length:") + 15
    return status, int(head[place : head.index(b"\r", place)])


def percentile(values: list[float], share: float) -> float:
    """The value below which such a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def main(
    host: str, port: int, count: int, seconds: float, requests: list[bytes], pace: float
) -> None:
    """Ask from all connections at once, and say what came of it."""
    begin = time.perf_counter()
    askers = [Asker(requests, begin + seconds, pace) for _ in range(count)]
    await asyncio.gather(*(asker.run(host, port) for asker in askers))
    took = time.perf_counter() - begin
    latencies = [1e3 * one for asker in askers for one in asker.latencies]
    told = {
        "rate": len(latencies) / took,
        "statuses": dict(sum((asker.statuses for asker in askers), Counter())),
        **{f"p{share}": percentile(latencies, share / 100) for share in (50, 99)},
    }
    say(json.dumps(told))


if __name__ == "__main__":
    _, host, port, count, seconds, file, *pace = sys.argv
    lines = [line.encode().replace(b"|", b"\r\n") for line in Path(file).read_text().split("\n")]
    asyncio.run(main(host, int(port), int(count), float(seconds), lines, float((*pace, 0)[0])))
