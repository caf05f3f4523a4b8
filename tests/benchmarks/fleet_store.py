"""A store as a fleet of workers calls it: every call timed on the wall, the time it sees virtual.

The one idea: nothing of the service is played. Claims, heartbeats, ends and sweeps are the
functions behind the routes, and the planner is the real one but for its child process: its answers
are computed here.
Not here: workers, and when they call (`fleet.py`).
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from service.app import ledger
from service.planner.messages import Answer, Memory, Proposed
from service.planner.planner import Planner
from service.store import outcomes, projects, studies, work
from service.store.engine import Store
from tuning.records import Budget, External, Metric, StudySpec
from tuning.search.policy import expected_runs, trial_limit
from tuning.study import specify

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
OBJECTIVE, METRIC, HORIZON, PEAK = "fleet", "loss", 600, (1e-4, 1e-1)
LEASE_SECONDS, BEAT_SECONDS, SWEEP_SECONDS, MAX_ATTEMPTS = 30.0, 10.0, 5.0, 3
LARGEST_BATCH = 1000  # heartbeats in one call, as a worker of so many lanes would send them


class VirtualClock:
    """The `now` of a store: stands still until it is set."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> datetime:
        """The time by this clock."""
        return EPOCH + timedelta(seconds=self.seconds)


@dataclass(frozen=True, slots=True)
class Held:
    """A run in the hands of a worker."""

    run: str
    token: str
    study: int
    splits: tuple[str, ...]
    updates: int
    value: float

    @property
    def place(self) -> str:
        """Its study's number, generation and index: the same in every simulation."""
        return f"{self.study}.{self.run.partition('.')[2]}"


@dataclass(frozen=True, slots=True)
class Planned:
    """A generation that was queued."""

    at: float
    study: int
    generation: int
    runs: int
    is_confirmation: bool


@dataclass
class Till:
    """The store's counter.

    Args:
        store: an open one, whose `now` is `clock`.
        clock: see there.
        calls: wall seconds of every call so far, by name.
        spent: processor time of this process for all of them, by name.
        planned: generations so far.
        numbers: of the studies, by id.
        open_count: studies that the planner found not ended when it looked last.
    """

    store: Store
    clock: VirtualClock
    calls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    spent: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    planned: list[Planned] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    open_count: int = 0

    def __post_init__(self) -> None:
        """Put a planner beside the store."""
        self._books = ledger(self.store)
        seen = replace(self._books, places=self._places, commit=self._commit)
        self._planner = _HerePlanner(seen, self._observe)
        self._commits = 0

    def open(self, specs: Sequence[StudySpec], owners: int, priorities: Sequence[float]) -> None:
        """Create studies, of so many projects in turn, with these priorities in turn."""
        for number, spec in enumerate(specs):
            self.clock.seconds += 1e-6  # no two are of one moment, so their order is known
            project = f"project_{number % owners}"
            with self.store.write() as session:
                projects.ensure(session, project)
                made = studies.create(
                    session,
                    project,
                    spec,
                    expected_runs=expected_runs(spec),
                    trial_limit=trial_limit(spec),
                    priority=priorities[number // owners % len(priorities)],
                )
            self.numbers[made.id] = number

    def plan(self) -> int:
        """Let every study go on as far as it can; returns how many runs were queued."""
        before = len(self.planned)
        while True:
            moved = self._commits
            with self._timed("plan"):
                self._planner.round()
            if self._commits == moved:
                return sum(one.runs for one in self.planned[before:])

    def claim(self, worker: str, claim: str, lanes: int) -> list[Held]:
        """What a worker gets; nothing if nothing is queued."""
        with self._timed("claim") as empty:
            with self.store.write() as session:
                block = work.claim(
                    session,
                    worker=worker,
                    claim=claim,
                    lanes=lanes,
                    objectives=(OBJECTIVE,),
                    lease_seconds=LEASE_SECONDS,
                )
            if block is None:
                empty.append(worker)
        if block is None:
            return []
        number = self.numbers[block.study]
        return [
            Held(run.id, run.token, number, run.splits, block.updates, loss_of(run))
            for run in block.runs
        ]

    def beat(self, held: Sequence[Held]) -> list[Held]:
        """Extend leases; returns those that are lost."""
        replies = []
        for first in range(0, len(held), LARGEST_BATCH):
            beats = [work.Beat(one.run, one.token) for one in held[first : first + LARGEST_BATCH]]
            name = "beat" if len(beats) == 1 else "beats"
            with self._timed(name), self.store.write() as session:
                replies += work.heartbeat(session, beats, lease_seconds=LEASE_SECONDS)
        return [one for one, reply in zip(held, replies, strict=True) if reply.status != "ok"]

    def tell(self, held: Sequence[Held]) -> list[Held]:
        """Tell that runs completed; returns those whose result was accepted."""
        told = [
            outcomes.Tell(
                one.run,
                one.token,
                outcomes.Outcome.COMPLETED,
                metrics={split: {METRIC: one.value} for split in one.splits},
            )
            for one in held
        ]
        with self._timed("tell"), self.store.write() as session:
            replies = outcomes.tell(session, told, max_attempts=MAX_ATTEMPTS)
        return [one for one, reply in zip(held, replies, strict=True) if reply.status == "ok"]

    def sweep(self) -> int:
        """Take back the runs whose leases expired; returns how many."""
        with self._timed("sweep"), self.store.write() as session:
            return work.sweep(session, max_attempts=MAX_ATTEMPTS)

    def _places(self) -> list[Any]:
        found = self._books.places()
        self.open_count = len(found)
        return found

    def _commit(self, place: Any, answer: Answer) -> None:  # noqa: ANN401 # as the ledger has it
        self._books.commit(place, answer)
        self._commits += 1
        if isinstance(answer, Proposed):
            self.planned.append(
                Planned(
                    self.clock.seconds,
                    self.numbers[place.study],
                    answer.number,
                    len(answer.runs),
                    answer.is_confirmation,
                )
            )

    def _observe(self, step: str, seconds: float) -> None:
        self.calls[f"plan: {step}"].append(seconds)

    @contextmanager
    def _timed(self, call: str) -> Iterator[list[object]]:
        """Time a call; one that leaves something in the list came to nothing."""
        begin, spent = time.perf_counter(), time.process_time()
        empty: list[object] = []
        yield empty
        name = f"empty {call}" if empty else call
        self.calls[name].append(time.perf_counter() - begin)
        self.spent[name] += time.process_time() - spent


class _HerePlanner(Planner):
    """The planner, whose answers are computed in this process."""

    def __init__(self, *args: Any) -> None:  # noqa: ANN401 # those of the planner
        super().__init__(*args)
        self._memory = Memory()

    def _ask(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._memory.answer(request)


def study_spec(seed: int, *, batch: int, seeds: int, generations: int) -> StudySpec:
    """A search that proposes at random, so many trials a generation, and confirms its winner."""
    return specify(
        OBJECTIVE,
        external=External((Metric(METRIC),), HORIZON, PEAK),
        peak=PEAK,  # given, so that no range test comes first
        families=["cosine"],
        fixed={"warmup": 0.05, "floor": 0.0},
        sampler="random",
        budget=Budget(batch * generations),
        batch=batch,
        seeds=seeds,
        seed=seed,
        rungs=[],
        leaders=0,
        baselines=[],
        early_stop=False,
        confirm_seeds=2,
        evidence_budget=2 * HORIZON,
    )


def loss_of(run: work.ClaimedRun) -> float:
    """What a run comes to, whoever trains it: by its peak, and a little by its seed."""
    return 1.0 + abs(run.schedule["peak"] - 0.01) + run.seed % 97 * 1e-5
