"""Trials through the API beside trials in Optuna's own storage: ask, eight reports, tell.

The one idea: nothing is trained on either side; a trial is a schedule with one parameter drawn at
random (its peak), eight intermediate values and an end. Ours go over HTTP in batches of 16, all of
it durable before it is answered. The peer's are Optuna's ask, report and tell, one after another,
without HTTP, into an SQLite file as Optuna sets it up, or with WAL and synchronous=NORMAL.
Not here: turns and figures (`api.py`).
"""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import optuna
from sqlalchemy import event

from service.client import Client
from service.schemas.work import ClaimedRun, ClaimRequest, Report, ReportRequest, Tell, TellRequest

BATCH, REPORTS, HORIZON = 16, 8, 1000
PEAK = (1e-4, 1e-1)
WORKER = "bench"
WAIT_SECONDS = 2.0
STEPS = [HORIZON * (place + 1) // REPORTS for place in range(REPORTS)]


def begin_study(
    client: Client, seed: int, trials: int, *, seeds: int = 1, batch: int = BATCH
) -> str:
    """A study whose runs this process trains, or says it does."""
    study = client.studies.create(
        {
            "objective": "bench",
            "external": {"metrics": [{"name": "loss"}], "horizon": HORIZON, "peak": list(PEAK)},
            "sampler": "random",
            "space": {
                "families": ["cosine"],
                "peak": list(PEAK),
                "fixed": {"warmup": 0.05, "floor": 0.0},
            },
            "budget": {"trials": trials},
            "batch": batch,
            "seed": seed,
            "seeds": seeds,
            "rungs": [],
            "leaders": 0,
            "baselines": [],
            "early_stop": False,
        }
    )
    return study.id


def ours(client: Client, trials: int, *, is_live: bool = False) -> float:
    """Trials a second of the studies of ours that there are.

    As the product's own worker does it: what a block measured goes with its ends in one request.
    With `is_live` each of the eight values is a request of its own, as if somebody watched.
    """
    begin, done = time.perf_counter(), 0
    while done < trials:
        done += train_block(client, is_live=is_live)
    return done / (time.perf_counter() - begin)


def train_out(client: Client, study: str) -> str:
    """Go on until a study has its verdict."""
    while not client.studies.get(study).finished_at:
        train_block(client)
    return study


def train_block(client: Client, *, is_live: bool = False) -> int:
    """Claim up to 16 runs and say that they were trained; how many there were."""
    request = ClaimRequest(
        worker=WORKER,
        claim=secrets.token_hex(8),
        lanes=BATCH,
        objectives=["bench"],
        wait_seconds=WAIT_SECONDS,
    )
    block = client.work.claim(request).block
    if block is None:
        return 0
    steps = [step for step in STEPS if step <= (block.updates or block.horizon)]
    for seq, step in enumerate(steps if is_live else ()):
        told = _reports(block.runs, seq, [step])
        client.work.report(ReportRequest(worker=WORKER, reports=told))
    ends = [
        Tell(
            run=run.run,
            token=run.token,
            outcome="completed",
            metrics={split: {"loss": float(run.schedule["peak"])} for split in block.splits},
        )
        for run in block.runs
    ]
    rest = [] if is_live else _reports(block.runs, 0, steps)
    client.work.tell(TellRequest(worker=WORKER, results=ends, reports=rest))
    return len(block.runs)


def _reports(runs: Sequence[ClaimedRun], seq: int, steps: list[int]) -> list[Report]:
    """What runs measured at some steps."""
    values: list[float | None] = [1.0 / step for step in steps]
    return [
        Report(run=run.run, token=run.token, seq=seq, steps=steps, values={"loss": values})
        for run in runs
    ]


@contextmanager
def peer_study(file: Path, seed: int, *, is_tuned: bool) -> Iterator[optuna.Study]:
    """A study in Optuna's storage, as it sets SQLite up or with WAL and synchronous=NORMAL."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    if is_tuned:
        event.listen(storage.engine, "connect", _tune)
        storage.engine.dispose()
    sampler = optuna.samplers.RandomSampler(seed=seed)
    try:
        yield optuna.create_study(storage=storage, sampler=sampler)
    finally:
        storage.engine.dispose()


def _tune(connection: object, _record: object) -> None:
    cursor = connection.cursor()  # type: ignore[attr-defined] # sqlite3's
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def peer(study: optuna.Study, trials: int) -> float:
    """Trials a second of the peer."""
    begin = time.perf_counter()
    for _ in range(trials):
        trial = study.ask()
        peak = trial.suggest_float("peak", *PEAK, log=True)
        for place, step in enumerate(STEPS):
            trial.report(1.0 / (place + 1), step)
        study.tell(trial, peak)
    return trials / (time.perf_counter() - begin)
