"""The contract of the store under simultaneous callers and sudden death."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from service.store import (
    events,
    generations,
    glances,
    history,
    idempotency,
    lifecycle,
    outcomes,
    projects,
    studies,
    work,
)
from service.store.engine import Store
from tuning.documents import write_trial
from tuning.records import RunState, StudySpec, Trial

Make = Callable[..., str]
Queue = Callable[..., None]
Claim = Callable[..., work.Claim]
Tell = Callable[..., work.Reply]
Sweep = Callable[[], int]
Rows = Callable[..., list[history.RunRow]]
Read = Callable[[str], studies.Study]

SERVE = """
import sys
from service.store import outcomes, work
from service.store.engine import Store
store = Store(sys.argv[1])
for number in range(400):
    with store.write() as session:
        (run,) = work.claim(session, worker="w", claim=str(number), lanes=1, lease_seconds=30).runs
    told = outcomes.Tell(
        run.id, run.token, outcomes.Outcome.COMPLETED, {"validation": {"mse": 1.0}}
    )
    with store.write() as session:
        outcomes.tell(session, [told], max_attempts=3)
    print(run.id, flush=True)
"""


def test_threads_claim_each_run_once(
    new_study: Make, queue: Queue, claim: Claim, tell: Tell, rows: Rows, read: Read
) -> None:
    """16 threads empty a queue of 500 runs: each is handed out once and counted once."""
    study = new_study(expected_runs=500)
    queue(study, trials=50, seeds=10)

    def drain(worker: int) -> list[str]:
        names: list[str] = []
        while (block := claim(f"{worker}.{len(names)}", lanes=5, worker=str(worker))) is not None:
            names.extend(run.id for run in block.runs)
            tell(block.runs[0])
        return names

    with ThreadPoolExecutor(16) as pool:
        claimed = Counter(name for names in pool.map(drain, range(16)) for name in names)
    assert len(claimed) == 500
    assert set(claimed.values()) == {1}
    now = read(study)
    assert now.finished_runs == sum(
        row.state is RunState.COMPLETED for trial in range(50) for row in rows(study, trial)
    )
    assert now.finished_runs >= 100


def test_threads_that_repeat_a_claim_get_the_same_runs(
    new_study: Make, queue: Queue, claim: Claim
) -> None:
    """Simultaneous repetitions of one claim lease the runs once."""
    queue(new_study(), trials=4, seeds=2)
    with ThreadPoolExecutor(8) as pool:
        blocks = list(pool.map(lambda _: claim("c1", lanes=2), range(8)))
    assert all(block == blocks[0] for block in blocks)


def test_mixed_traffic_never_deadlocks(
    store: Store, new_study: Make, queue: Queue, claim: Claim, tell: Tell, sweep: Sweep
) -> None:
    """Claims, batches over several studies, sweeps and cancellations at once: nobody is refused."""
    names = [new_study(expected_runs=40) for _ in range(4)]
    for name in names:
        queue(name, trials=10, seeds=4)

    def work_on(worker: int) -> int:
        count = 0
        for turn in range(12):
            blocks = [claim(f"{worker}.{turn}.{i}", lanes=3, worker=str(worker)) for i in range(2)]
            runs = [run for block in blocks if block is not None for run in block.runs]
            with store.write() as session:
                work.heartbeat(session, [work.Beat(run.id, run.token) for run in runs], 30)
                reports = [work.Report(run.id, run.token, 0, (1,), {"mse": (1.0,)}) for run in runs]
                work.report(session, reports)
            with store.write() as session:
                told = [
                    outcomes.Tell(
                        run.id, run.token, outcomes.Outcome.COMPLETED, {"validation": {"mse": 1.0}}
                    )
                    for run in reversed(runs)
                ]
                replies = outcomes.tell(session, told, max_attempts=3)
            count += sum(reply.status == "ok" for reply in replies)
            sweep()
            if (worker, turn) == (0, 4):
                with store.write() as session:
                    lifecycle.cancel(session, "a", names[0])
        return count

    with ThreadPoolExecutor(8) as pool:
        counted = sum(pool.map(work_on, range(8)))
    with store.read() as session:
        finished = [studies.get(session, "a", name).finished_runs for name in names]
        ends = history.load(session, "a", names[0]).results.values()
    cancelled = sum(end.state is RunState.CANCELLED for end in ends)
    assert sum(finished) == counted + cancelled
    assert finished[1:] == [40, 40, 40]


def test_acknowledged_results_survive_kill_9(
    store: Store, database_url: str, new_study: Make, queue: Queue
) -> None:
    """A server killed at any moment loses nothing that it acknowledged."""
    study = new_study(expected_runs=400)
    queue(study, trials=100, seeds=4)
    store.close()  # the child is the server now
    child = subprocess.Popen([sys.executable, "-c", SERVE, database_url], stdout=subprocess.PIPE)
    with child:
        acknowledged = {child.stdout.readline().decode().strip() for _ in range(40)}
        child.kill()
        acknowledged |= {line.decode().strip() for line in child.stdout if line.endswith(b"\n")}
    again = Store(database_url)
    with again.read() as session:
        story = history.load(session, "a", study)
        counted = studies.get(session, "a", study).finished_runs
    again.close()
    stored = {f"{study}.{generation}.{index}" for generation, index in story.results}
    assert acknowledged <= stored
    assert len(stored) == counted
    assert len(stored - acknowledged) <= 1  # stored, and killed before it could say so


def test_replicas_that_insert_at_once_insert_once(
    store: Store, new_study: Make, trial: Callable[..., Trial]
) -> None:
    """Eight simultaneous inserts of one generation: one is made."""
    study = new_study()

    def insert(_: int) -> bool:
        with store.write() as session:
            return generations.insert(
                session, "a", study, 0, [write_trial(trial(0))], [], confirming=False
            )

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(insert, range(8))) == 1


def test_replicas_that_start_at_once_make_one_project(store: Store) -> None:
    """Each start of a server makes sure of the default project; none of eight fails at it."""

    def ensure(_: int) -> projects.Project:
        with store.write() as session:
            return projects.ensure(session, "default")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ensure, range(8)))) == 1


def test_simultaneous_events_get_different_numbers(store: Store, new_study: Make) -> None:
    """The lock of the study's row orders writers: no number twice, none missing."""
    study = new_study()

    def append(number: int) -> int:
        with store.write() as session:
            return events.append(session, "a", study, "note", {"number": number})

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(append, range(40))) == list(range(2, 42))


def test_simultaneous_requests_with_one_key_are_done_once(
    store: Store, spec: StudySpec, new_study: Make
) -> None:
    """Eight threads create a study under one key: one is created, all get its id."""
    new_study()

    def create(_: int) -> str:
        with store.write() as session:
            known = idempotency.recall(session, "a", "create", "k", "hash")
            if known is not None:
                return str(known.body["id"])
            name = studies.create(session, "a", spec, expected_runs=1).id
            idempotency.remember(session, "a", "create", "k", "hash", status=202, body={"id": name})
            return name

    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(create, range(8)))
    assert len(names) == 1
    with store.read() as session:
        assert len(glances.page(session, "a").items) == 2
