"""A fleet of simulated workers on a real store: thousands of workers, hours in minutes.

The one idea: a worker is a few numbers and the next thing that happens to it; a heap of such things
is taken in the order of a virtual clock, which is the store's clock as well. What a worker asks of
the store is really asked (`fleet_store.py`). It claims a block, trains its runs one after the
other, beats, tells, and claims again; some runs take ten times as long, some workers are lost. A
lost worker is gone, or it was only cut off: it trains on unheard and tells, perhaps too late.
Everything random comes from one seed, so a fleet leaves the same trace every time, on either
database. The clock stands still while the store works: a store that is too slow for its fleet shows
in the wall time of its calls alone.
"""

import hashlib
import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from random import Random
from typing import Any

from tests.benchmarks.fleet_store import (
    BEAT_SECONDS,
    HORIZON,
    SWEEP_SECONDS,
    Held,
    Planned,
    Till,
    study_spec,
)
from tuning.execution import Chances

PLAN_SECONDS = 1.0  # between two looks of the planner, if a run ended
ROUND_TRIP_SECONDS = 0.05  # between an end and the next claim
MINUTE = 60.0
MOST_COHORTS, COHORT_WORKERS = 10, 100  # workers that beat at the same moments


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Workers and what they are given.

    Args:
        workers: how many there are.
        studies: that share them.
        batch: trials of a generation of each; but for 64 of them twice as many after 24.
        seeds: runs of a trial.
        generations: of each search, if all had so many trials.
        lanes: most runs of a claim.
        chances: how long a run takes, how soon a worker is lost.
        cut_off_share: share of the lost workers that train on.
        replace_seconds: until a lost worker is replaced.
        owners: projects that own the studies, in turn.
        priorities: of the studies of a project, in turn.
        is_swept: whether expired leases are taken back.
        seed: of everything random.
        limit_seconds: when the simulation ends at the latest.
    """

    workers: int
    studies: int
    batch: int
    seeds: int
    generations: int
    lanes: int = 1
    chances: Chances = field(default=Chances(update_seconds=MINUTE / HORIZON))
    cut_off_share: float = 0.25
    replace_seconds: float = MINUTE
    owners: int = 1
    priorities: Sequence[float] = (1.0,)
    is_swept: bool = True
    seed: int = 0
    limit_seconds: float = 24 * 3600.0

    @property
    def generation_runs(self) -> int:
        """Runs of a generation of all studies, of the first ones at least."""
        return self.studies * self.batch * self.seeds

    @property
    def search_runs(self) -> int:
        """Runs of the search of a study."""
        return self.generations * self.batch * self.seeds


@dataclass(frozen=True, slots=True)
class Span:
    """Time that a worker gave to a run; useful if the result was accepted from it."""

    study: int
    start: float
    stop: float
    is_useful: bool


@dataclass(slots=True)
class Worker:
    """A worker; `begins` are the moments its runs begin, the last one is when it has done."""

    name: str
    cohort: int
    born: float
    claims: int = 0
    held: list[Held] = field(default_factory=list)
    begins: list[float] = field(default_factory=list)
    lost: float | None = None

    def spans(self, useful: Iterable[Held]) -> list[Span]:
        """What it gave to each run it holds, until it was lost."""
        until, kept = (self.begins[-1] if self.lost is None else self.lost), set(useful)
        return [
            Span(one.study, start, min(stop, until), one in kept)
            for one, (start, stop) in zip(self.held, pairwise(self.begins), strict=True)
            if start < until
        ]


@dataclass
class Course:
    """What came of a fleet.

    Args:
        fleet: see there.
        ended: when the last study ended, or the time was up.
        spans: what workers gave to runs.
        lives: when workers began and ended.
        accepted: how often a result of a run was.
        refused: results that came too late.
        beats: that workers sent, each for all its runs.
        losses: workers that were lost, and with what: `busy` or `idle`.
        swept: leases that ran out.
        planned: generations, in order.
        trace: hash of everything that happened.
        numbers: of studies, by id.
        calls: wall seconds of the store's calls.
        spent: processor time for them.
    """

    fleet: Fleet
    ended: float = 0.0
    spans: list[Span] = field(default_factory=list)
    lives: list[tuple[float, float]] = field(default_factory=list)
    accepted: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    beats: int = 0
    losses: Counter[str] = field(default_factory=Counter)
    swept: int = 0
    planned: Sequence[Planned] = ()
    trace: str = ""
    numbers: dict[str, int] = field(default_factory=dict)
    calls: dict[str, list[float]] = field(default_factory=dict)
    spent: dict[str, float] = field(default_factory=dict)


class Simulation:
    """Lets a fleet work until all studies have ended.

    Args:
        till: the store.
        fleet: see there.
    """

    def __init__(self, till: Till, fleet: Fleet) -> None:
        self._till = till
        self._fleet = fleet
        self._course = Course(fleet, numbers=till.numbers, calls=till.calls, spent=till.spent)
        self._random = Random(fleet.seed)
        self._events: list[tuple[float, int, Callable[[Any], None], Any]] = []
        self._count = 0
        cohorts = min(MOST_COHORTS, -(-fleet.workers // COHORT_WORKERS))
        self._cohorts: list[dict[str, Worker]] = [{} for _ in range(cohorts)]
        self._idle: deque[Worker] = deque()
        self._has_news = False
        self._open = fleet.studies
        self._trace = hashlib.sha256()

    def run(self) -> Course:
        """Everything, in order."""
        fleet, course = self._fleet, self._course
        shape = {"batch": fleet.batch, "seeds": fleet.seeds, "generations": fleet.generations}
        specs = [study_spec(number, **shape) for number in range(fleet.studies)]
        self._till.open(specs, fleet.owners, fleet.priorities)
        self._till.plan()
        for number in range(fleet.workers):  # not all at once, lest they beat as one for ever
            self._at(1.0 + BEAT_SECONDS * number / fleet.workers, self._begin, number)
        for cohort in range(len(self._cohorts)):
            self._at(1.0 + BEAT_SECONDS * cohort / len(self._cohorts), self._beat, cohort)
        self._at(SWEEP_SECONDS, self._sweep, None)
        self._at(1.0, self._plan, None)
        while self._events and self._open:
            at, _, happen, whom = heapq.heappop(self._events)
            if at > fleet.limit_seconds:
                break
            self._till.clock.seconds = at
            happen(whom)
        course.ended = self._till.clock.seconds
        workers = (worker for cohort in self._cohorts for worker in cohort.values())
        course.lives += [(worker.born, course.ended) for worker in workers]
        course.planned = self._till.planned
        course.trace = self._trace.hexdigest()
        return course

    @property
    def _now(self) -> float:
        return self._till.clock.seconds

    def _at(self, seconds: float, happen: Callable[[Any], None], whom: object) -> None:
        self._count += 1
        heapq.heappush(self._events, (seconds, self._count, happen, whom))

    def _log(self, what: str, whom: object) -> None:
        self._trace.update(f"{self._now:.6f} {what} {whom}\n".encode())

    def _begin(self, number: int) -> None:
        """A worker is there, until it is lost."""
        cohort = number % len(self._cohorts)
        worker = Worker(f"worker-{number}-{self._count}", cohort, self._now)
        self._cohorts[cohort][worker.name] = worker
        life = self._fleet.chances.life_seconds(self._random)
        if life < self._fleet.limit_seconds:
            self._at(self._now + life, self._lose, (worker, number))
        self._claim(worker)

    def _claim(self, worker: Worker) -> None:
        """A worker asks for a block; whoever gets none waits for news."""
        if worker.lost is not None:
            return
        worker.claims += 1
        lanes = self._fleet.lanes
        worker.held = self._till.claim(worker.name, str(worker.claims), lanes)
        self._log("claims", [worker.name, *(one.place for one in worker.held)])
        if not worker.held:
            self._idle.append(worker)
            return
        if len(worker.held) < lanes:
            self._wake(1)  # the rest of what is queued did not go with these
        times = [self._fleet.chances.run_seconds(one.updates, self._random) for one in worker.held]
        worker.begins = list(accumulate(times, initial=self._now))
        self._at(worker.begins[-1], self._end, (worker, worker.claims))

    def _end(self, whom: tuple[Worker, int]) -> None:
        """A worker tells what it trained, unless it lost that, or is gone."""
        worker, claims = whom
        if worker.claims != claims or not worker.held:
            return
        accepted = self._till.tell(worker.held)
        self._course.accepted.update(one.run for one in accepted)
        self._course.refused += len(worker.held) - len(accepted)
        self._has_news |= bool(accepted)
        self._log("tells", [worker.name, *(one.place for one in accepted)])
        self._let_go(worker, accepted)
        if worker.lost is None:
            self._at(self._now + ROUND_TRIP_SECONDS, self._claim, worker)

    def _let_go(self, worker: Worker, accepted: Sequence[Held] = ()) -> None:
        self._course.spans += worker.spans(accepted)
        worker.held, worker.begins = [], []

    def _lose(self, whom: tuple[Worker, int]) -> None:
        """A worker is gone, or cut off; another one takes its place later."""
        worker, number = whom
        worker.lost = self._now
        del self._cohorts[worker.cohort][worker.name]
        self._course.lives.append((worker.born, self._now))
        self._course.losses["busy" if worker.held else "idle"] += 1
        self._log("lost", worker.name)
        if worker.held and self._random.random() >= self._fleet.cut_off_share:
            self._let_go(worker)
        self._at(self._now + self._fleet.replace_seconds, self._begin, number)

    def _beat(self, cohort: int) -> None:
        """Some of the workers extend their leases; who lost one drops its block."""
        busy = [worker for worker in self._cohorts[cohort].values() if worker.held]
        held = [one for worker in busy for one in worker.held]
        self._course.beats += len(busy)
        lost = set(self._till.beat(held[:1]) + self._till.beat(held[1:]))
        for worker in busy:
            if lost.intersection(worker.held):
                self._let_go(worker)
                self._claim(worker)
        self._at(self._now + BEAT_SECONDS, self._beat, cohort)

    def _sweep(self, _: None) -> None:
        """What nobody extended is queued again."""
        taken = self._till.sweep() if self._fleet.is_swept else 0
        if taken:
            self._course.swept += taken
            self._has_news = True
            self._log("sweeps", taken)
            self._wake(taken)
        self._at(self._now + SWEEP_SECONDS, self._sweep, None)

    def _plan(self, _: None) -> None:
        """Studies go on, if a run ended."""
        if self._has_news:
            self._has_news = False
            queued = self._till.plan()
            self._open = self._till.open_count
            if queued:
                self._log("plans", queued)
                self._wake(-(-queued // self._fleet.lanes))
        self._at(self._now + PLAN_SECONDS, self._plan, None)

    def _wake(self, count: int) -> None:
        """So many of the workers that wait ask again, those that wait longest."""
        while count and self._idle:
            worker = self._idle.popleft()
            if worker.lost is None:
                self._at(self._now + ROUND_TRIP_SECONDS, self._claim, worker)
                count -= 1
