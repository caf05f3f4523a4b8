"""A small study in a store: how the store's contract suites make, queue, claim and end runs."""

from collections.abc import Callable

import pytest

from service.store import generations, history, outcomes, projects, studies, work
from service.store.engine import Store
from tuning.documents import write_run, write_trial
from tuning.records import Budget, Cause, Metric, Phase, Run, Space, StudySpec, Trial
from tuning.schedules import PARAMETERS, Schedule, build

LEASE_SECONDS = 30.0


@pytest.fixture
def spec() -> StudySpec:
    """A complete specification with values that do not survive careless storage."""
    return StudySpec(
        objective="realized_volatility",
        config={"file": None, "l2": 1e-07, "batch": 32, "names": ["a", "ü"]},
        horizon=100,
        space=Space(
            families=("cosine", "linear"),
            parameters={
                "peak": PARAMETERS["peak"].narrowed(1e-4, 0.1 + 0.2),
                "warmup": PARAMETERS["warmup"],
            },
        ),
        metric=Metric("mse"),
        sampler="tpe",
        budget=Budget(trials=10, steps=123_456_789_012),
        batch=4,
        seed=2**53,
        seeds=2,
        baselines=("constant",),
        baseline_peaks=3,
        confirm_seeds=4,
        worthwhile=0.01,
        label="first",
    )


@pytest.fixture
def new_study(store: Store, spec: StudySpec) -> Callable[..., str]:
    """Create a study and return its id: `new_study(project="a", spec=..., priority=2.0)`."""

    def create(
        project: str = "a",
        expected_runs: int = 4,
        spec: StudySpec = spec,
        priority: float = 1.0,
    ) -> str:
        with store.write() as session:
            projects.ensure(session, project)
            created = studies.create(
                session, project, spec, expected_runs=expected_runs, priority=priority
            )
            return created.id

    return create


@pytest.fixture
def trial() -> Callable[..., Trial]:
    """Make a trial: `trial(number, generation, phase=...)`."""

    def make(number: int, generation: int = 0, phase: Phase = Phase.SEARCH) -> Trial:
        peak = 0.001 * (number + 1)
        schedule = Schedule(build("cosine", peak, {"warmup": 0.1}), 100)
        params = {"family": "cosine", "peak": peak, "warmup": 0.1}
        return Trial(number, generation, phase, schedule, params)

    return make


@pytest.fixture
def queue(store: Store, trial: Callable[..., Trial]) -> Callable[..., None]:
    """Insert a generation of search trials: `queue(study, trials=2, seeds=2, generation=0)`."""

    def insert(
        study: str, trials: int = 2, seeds: int = 2, generation: int = 0, project: str = "a"
    ) -> None:
        numbers = range(generation * trials, (generation + 1) * trials)
        proposed = [trial(number, generation) for number in numbers]
        runs = [
            Run(generation, place * seeds + seed, one.number, one.phase, 2**32 - 1 - seed, 100)
            for place, one in enumerate(proposed)
            for seed in range(seeds)
        ]
        with store.write() as session:
            assert generations.insert(
                session,
                project,
                study,
                generation,
                [write_trial(one) for one in proposed],
                [write_run(one) for one in runs],
                confirming=False,
            )

    return insert


@pytest.fixture
def confirm(store: Store) -> Callable[..., None]:
    """Insert confirmation runs of earlier trials: `confirm(study, generation, (0, 1))`."""

    def insert(study: str, generation: int, trials: tuple[int, ...], project: str = "a") -> None:
        runs = [
            Run(generation, i, number, Phase.CONFIRM, 7, 100, ("validation", "test"))
            for i, number in enumerate(trials)
        ]
        with store.write() as session:
            assert generations.insert(
                session,
                project,
                study,
                generation,
                [],
                [write_run(one) for one in runs],
                confirming=True,
            )

    return insert


@pytest.fixture
def claim(store: Store) -> Callable[..., work.Claim | None]:
    """Claim runs: `claim("c1", lanes=2, worker="w", objectives=None)`."""

    def ask(
        claim: str,
        lanes: int = 1,
        worker: str = "w",
        objectives: tuple[str, ...] | None = None,
        *,
        table: bool = False,
        external: bool = True,
    ) -> work.Claim | None:
        with store.write() as session:
            return work.claim(
                session,
                worker=worker,
                claim=claim,
                lanes=lanes,
                objectives=objectives,
                table=table,
                external=external,
                lease_seconds=LEASE_SECONDS,
            )

    return ask


@pytest.fixture
def tell(store: Store) -> Callable[..., work.Reply]:
    """Tell the end of a claimed run: `tell(run, value=0.5)` or `tell(run, outcome="crashed")`."""

    def say(
        run: work.ClaimedRun,
        value: float = 1.0,
        outcome: str = "completed",
        lanes: int = 1,
        reason: str = "",
        cause: str | None = None,
        step: int | None = None,
        lr: float | None = None,
    ) -> work.Reply:
        is_result = outcome in {"completed", "diverged"}
        metrics = {split: {"mse": value} for split in run.splits} if is_result else {}
        told = outcomes.Tell(
            run=run.id,
            token=run.token,
            outcome=outcomes.Outcome(outcome),
            metrics=metrics,
            reason=reason,
            cause=None if cause is None else Cause(cause),
            step=step,
            lr=lr,
            lanes=lanes,
        )
        with store.write() as session:
            return outcomes.tell(session, [told], max_attempts=3)[0]

    return say


@pytest.fixture
def beat(store: Store) -> Callable[[work.ClaimedRun], work.Reply]:
    """Send one heartbeat for a claimed run."""

    def send(run: work.ClaimedRun) -> work.Reply:
        with store.write() as session:
            beats = [work.Beat(run.id, run.token)]
            return work.heartbeat(session, beats, lease_seconds=LEASE_SECONDS)[0]

    return send


@pytest.fixture
def sweep(store: Store) -> Callable[[], int]:
    """Take back the runs whose leases expired."""

    def take_back() -> int:
        with store.write() as session:
            return work.sweep(session, max_attempts=3)

    return take_back


@pytest.fixture
def rows(store: Store) -> Callable[..., list[history.RunRow]]:
    """The runs of a trial: `rows(study, trial=0)`."""

    def read(study: str, trial: int = 0) -> list[history.RunRow]:
        with store.read() as session:
            return history.runs(session, "a", study, trial)

    return read


@pytest.fixture
def read(store: Store) -> Callable[[str], studies.Study]:
    """A study of project `a` as it stands."""

    def get(study: str) -> studies.Study:
        with store.read() as session:
            return studies.get(session, "a", study)

    return get
