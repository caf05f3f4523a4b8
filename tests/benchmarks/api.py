"""The API beside what it could be: Optuna's storage, a bare route, an empty database.

The one idea: both sides of a ratio take turns in one run, on one machine, on files on one disk; a
figure is the median of the turns with their spread. On a machine that others use the rates swing,
so the processor time of the server for one request is told beside them.
Run by `make bench PART=api`; leaves var/bench/api.json.
"""

import json
import os
import re
import secrets
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from api_fill import fill
from api_trials import begin_study, ours, peer, peer_study, train_out
from figures import Figure, leave, say, tell

from service.client import Client

HERE = Path(__file__).parent
LISTENING = re.compile(r"listening on http://127\.0\.0\.1:(\d+)")
REPEATS = 5
TRIALS, PEER_TRIALS, TUNED_TRIALS, LONG = 320, 20, 60, 10_000
SECONDS, CONNECTIONS = 2.0, 8
POLLERS, POLL_SECONDS = 100, 20.0
SMALL, LARGE = (10, 10), (10_000, 100)  # studies, trials of each
POLLED = 10  # studies that are looked at, of however many
SETTINGS = {"GLIDESLOPE_PROCESSES": "2", "GLIDESLOPE_LANES": "4"}


@dataclass(frozen=True, slots=True)
class Server:
    """A server under measurement."""

    port: int
    process: psutil.Process

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def spent(self) -> float:
        """Seconds of processor time until now, without its children's."""
        times = self.process.cpu_times()
        return times.user + times.system


@contextmanager
def started(command: Sequence[str]) -> Iterator[Server]:
    """A process that prints where it listens, ended with this block."""
    environment = {**os.environ, **SETTINGS}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            found = next(match for line in process.stdout if (match := LISTENING.search(line)))
            yield Server(int(found[1]), psutil.Process(process.pid))
        finally:
            process.terminate()


def serve(file: Path, *options: str) -> list[str]:
    """The command of a service of ours over a file."""
    return serve_url(f"sqlite:///{file}", *options)


def serve_url(url: str, *options: str) -> list[str]:
    """The same over any database."""
    words = ["serve", "--port", "0", "--database", url, *options]
    return [sys.executable, "-m", "service.cli.main", *words]


@dataclass(frozen=True, slots=True)
class Load:
    """What came of some seconds of requests."""

    rate: float
    p50: float
    p99: float
    cpu: float


def load(
    server: Server,
    requests: Sequence[str],
    *,
    connections: int = CONNECTIONS,
    seconds: float = SECONDS,
    pace: float = 0.0,
    status: int = 200,
) -> Load:
    """Ask a server for paths (each with headers after `|`) from a process of its own."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(f"GET {one}" for one in requests))
        file.flush()
        words = [HERE / "api_load.py", "127.0.0.1", server.port, connections, seconds]
        before = server.spent()
        done = subprocess.run(
            [sys.executable, *map(str, words), file.name, str(pace)],
            capture_output=True,
            text=True,
            check=True,
        )
        spent = server.spent() - before
    told = json.loads(done.stdout.splitlines()[-1])
    if set(told["statuses"]) != {str(status)}:
        raise RuntimeError(f"{server.url} answered {told['statuses']}")
    count = sum(told["statuses"].values())
    return Load(told["rate"], told["p50"], told["p99"], spent / count)


def get(path: str, *headers: str) -> str:
    """A request as the load generator reads it."""
    return "|".join([f"{path} HTTP/1.1", "Host: 127.0.0.1", *headers, "", ""])


def ratio(
    name: str,
    values: Sequence[float],
    *,
    target: float | None,
    peer: str,
    note: str,
    better: str = "higher",
) -> Figure:
    """A ratio from turns."""
    return Figure(
        name=name,
        value=statistics.median(values),
        unit="x",
        better="higher" if better == "higher" else "lower",
        target=target,
        spread=(min(values), max(values)),
        repeats=len(values),
        peer=peer,
        note=note,
    )


def trials(folder: Path) -> list[Figure]:
    """Ask, eight reports and tell, beside Optuna's storage."""
    say(f"\n{'turn':6}{'ours':>9}{'live':>9}{'default':>9}{'tuned':>9}   trials a second")
    turns = []
    with (
        started(serve(folder / "trials.db", "--no-worker")) as server,
        Client(server.url) as client,
    ):
        for turn in range(REPEATS):
            study = begin_study(client, turn, LONG)
            ours(client, 64)  # the planner's process has begun, as the peer's tables are made
            rates = [ours(client, TRIALS), ours(client, TRIALS, is_live=True)]
            client.studies.cancel(study)
            for is_tuned, count in ((False, PEER_TRIALS), (True, TUNED_TRIALS)):
                file = folder / f"peer-{turn}-{is_tuned}.db"
                with peer_study(file, turn, is_tuned=is_tuned) as other:
                    peer(other, 2)
                    rates.append(peer(other, count))
            turns.append(rates)
            say(f"{turn:<6}" + "".join(f"{rate:9.1f}" for rate in rates))
    note = "one client, batches of 16, one parameter, RandomSampler in both; nothing is trained"
    peers = {
        2: ("Optuna RDB, SQLite as it sets it up", "the default", 100.0),
        3: ("Optuna RDB, WAL and synchronous=NORMAL", "WAL", 10.0),
    }
    return [
        ratio(
            f"trials a second{how}, beside {short}",
            [one[side] / one[place] for one in turns],
            target=target,
            peer=name,
            note=note,
        )
        for side, how in ((0, ""), (1, ", each value a request"))
        for place, (name, short, target) in peers.items()
    ]


def polling(folder: Path) -> list[Figure]:
    """A status and a 304 beside a bare route over the same file."""
    file = folder / "polling.db"
    with ExitStack() as stack:
        server = stack.enter_context(started(serve(file, "--no-worker")))
        bare = stack.enter_context(
            started([sys.executable, str(HERE / "api_bare.py"), f"sqlite:///{file}"])
        )
        study = completed(server)
        with Client(server.url) as client:
            etag = f'If-None-Match: "{client.studies.get(study).revision}"'
        path = f"/v1/studies/{study}"
        turns = [
            (
                load(bare, [get(f"/bare/{study}")]),
                load(server, [get(path)]),
                load(server, [get(path, etag)], status=304),
            )
            for _ in range(2 * REPEATS)
        ]
    say(f"\n{'turn':6}{'bare':>9}{'status':>9}{'304':>9}   requests a second")
    for turn, sides in enumerate(turns):
        say(f"{turn:<6}" + "".join(f"{one.rate:9.0f}" for one in sides))
    note = f"one study, {CONNECTIONS} kept-alive connections, {SECONDS:g} s a turn"
    spent = "the same by processor time of the server per request, which others disturb less"
    bare_name, own = "a bare FastAPI coroutine reading one row", "GET of the same study"
    return [
        ratio("status: requests a second", [s.rate / b.rate for b, s, _ in turns],
              target=0.5, peer=bare_name, note=note),
        ratio("status: requests a second of processor", [b.cpu / s.cpu for b, s, _ in turns],
              target=None, peer=bare_name, note=spent),
        ratio("304: requests a second", [n.rate / s.rate for _, s, n in turns],
              target=1.3, peer=own, note=note),
        ratio("304: requests a second of processor", [s.cpu / n.cpu for _, s, n in turns],
              target=None, peer=own, note=spent),
    ]  # fmt: skip


def completed(server: Server) -> str:
    """A small study with its verdict, whose runs this process said it trained."""
    with Client(server.url) as client:
        study = begin_study(client, 0, 10)
        return train_out(client, study)


def pollers(folder: Path) -> list[Figure]:
    """A hundred pollers while two studies are trained by two processes."""
    turns = []
    with started(serve(folder / "pollers.db")) as server, Client(server.url) as client:
        for turn in range(3):
            body = {"objective": "heston_surface", "budget": {"trials": 500}, "seed": turn}
            studies = [client.studies.create(body).id for _ in range(2)]
            for study in studies:
                wait_for_runs(client, study)
            paths = [get(f"/v1/studies/{study}") for study in studies]
            found = load(server, paths, connections=POLLERS, seconds=POLL_SECONDS, pace=1.0)
            for study in studies:
                client.studies.cancel(study)
            turns.append(found)
            say(
                f"pollers {turn}: {found.rate:.0f} a second, {found.p50:.1f} and {found.p99:.1f} ms"
            )
    worst = [one.p99 for one in turns]
    return [
        Figure(
            name=f"status p99, {POLLERS} pollers of one request a second",
            value=statistics.median(worst),
            unit="ms",
            better="lower",
            target=30.0,
            spread=(min(worst), max(worst)),
            repeats=len(worst),
            note=f"two studies trained by two processes on these cores, {POLL_SECONDS:g} s a turn",
        )
    ]


def wait_for_runs(client: Client, study: str) -> None:
    """Until the first run of a study has ended: libraries are loaded and programs compiled."""
    for _ in client.studies.events(study):
        if client.studies.get(study).progress.finished_runs:
            return


def flatness(folder: Path) -> list[Figure]:
    """Reads of an almost empty database and of one with ten thousand studies, a million trials."""
    files = {"small": folder / "small.db", "large": folder / "large.db"}
    names: dict[str, list[str]] = {}
    for (side, file), (studies, count) in zip(files.items(), (SMALL, LARGE), strict=True):
        with started(serve(file, "--no-worker")) as server:
            origin = completed(server)
        names[side] = fill(file, origin, studies, count)
        size = file.stat().st_size / 2**20
        say(f"{side}: {studies:,} studies, {studies * count:,} trials, {size:,.0f} MiB")
    chosen = {side: secrets.SystemRandom().sample(ids, POLLED) for side, ids in names.items()}
    asked: dict[str, Callable[[str], list[str]]] = {
        "status": lambda side: [get(f"/v1/studies/{one}") for one in chosen[side]],
        "best": lambda side: [get(f"/v1/studies/{one}/best") for one in chosen[side]],
        "first page": lambda _: [get(f"/v1/studies?limit={POLLED}")],
    }
    found: dict[str, list[tuple[Load, Load]]] = {kind: [] for kind in asked}
    with ExitStack() as stack:
        small, large = (
            stack.enter_context(started(serve(file, "--no-worker"))) for file in files.values()
        )
        for kind in [kind for _ in range(REPEATS + 1) for kind in asked]:
            requests = asked[kind]
            sides = [
                load(server, requests(side), connections=1)
                for server, side in ((small, "small"), (large, "large"))
            ]
            found[kind].append((sides[0], sides[1]))
    note = f"median latency, one connection, {POLLED} studies asked in turn; the first turn warms"
    peer_name = f"{SMALL[0]} studies and {SMALL[0] * SMALL[1]} trials"
    what = f"{LARGE[0]:,} studies and {LARGE[0] * LARGE[1]:,} trials"
    return [
        ratio(
            f"{kind}: {what}",
            [big.p50 / little.p50 for little, big in turns[1:]],
            target=1.5,
            peer=peer_name,
            note=note,
            better="lower",
        )
        for kind, turns in found.items()
    ]


PARTS = {"trials": trials, "polling": polling, "pollers": pollers, "flatness": flatness}


def main(*chosen: str) -> None:
    """Measure all of it, or the parts that are named."""
    figures = []
    with tempfile.TemporaryDirectory(prefix="bench-api-") as folder:
        for name, part in PARTS.items():
            if not chosen or name in chosen:
                figures += part(Path(folder))
    say()
    for figure in figures:
        tell(figure)
    leave("api", figures)


if __name__ == "__main__":
    main(*sys.argv[1:])
