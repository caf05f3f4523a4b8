"""A store for the benchmark of pages: a study of 10,000 trials that was really asked and told.

The one idea: nothing is trained, but everything else happens: this process is the worker, and what
its runs come to is a smooth function of family and peak with noise, some of them diverged, so that
charts have as much to draw as after a real search.
"""

import functools
import math
import random
import secrets
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from service.client import Client
from service.schemas.work import (
    ClaimedBlock,
    ClaimedRun,
    ClaimRequest,
    Report,
    Tell,
    TellRequest,
)

WORKER, LANES, MEASUREMENTS, WAIT_SECONDS = "bench", 64, 16, 2.0
HORIZON, BEST_PEAK, LARGEST_PEAK = 1000, 0.01, 0.3
COPIED = ("studies", "trials", "runs", "study_words", "verdicts")
MICROSECONDS = 1_000_000
REQUEST: dict[str, Any] = {
    "objective": "bench",
    "external": {"metrics": [{"name": "loss"}], "horizon": HORIZON, "peak": [1e-4, 1.0]},
    "sampler": "random",
    "batch": LANES,
    "seeds": 1,
    "leaders": 0,
    "early_stop": False,
}


def search(client: Client, trials: int, label: str) -> str:
    """Run a study of so many trials to its verdict; returns its id."""
    request = {**REQUEST, "budget": {"trials": trials}, "label": label}
    study = client.studies.create(request).id
    while not client.studies.get(study).finished_at:
        claim = ClaimRequest(
            worker=WORKER,
            claim=secrets.token_hex(8),
            lanes=LANES,
            objectives=["bench"],
            wait_seconds=WAIT_SECONDS,
        )
        block = client.work.claim(claim).block
        if block is not None:
            _tell(client, block)
    return study


def _tell(client: Client, block: ClaimedBlock) -> None:
    updates = block.updates or block.horizon
    steps = [updates * (place + 1) // MEASUREMENTS for place in range(MEASUREMENTS)]
    results, reports = [], []
    for run in block.runs:
        mark = {"run": run.run, "token": run.token}
        if float(run.schedule["peak"]) > LARGEST_PEAK:
            results.append(Tell(**mark, outcome="diverged", cause="blew_up", step=steps[0]))
            continue
        level = _level(run, block.horizon)
        curve: list[float | None] = [
            level * (0.5 + 0.5 * (updates / step) ** 0.5) for step in steps
        ]
        metrics = {split: {"loss": level} for split in block.splits}
        results.append(Tell(**mark, outcome="completed", metrics=metrics))
        reports.append(Report(**mark, seq=0, steps=steps, values={"loss": curve}))
    client.work.tell(TellRequest(worker=WORKER, results=results, reports=reports))


def _level(run: ClaimedRun, horizon: int) -> float:
    """What a run comes to: worse off the best peak, a little different by family, and noisy."""
    off = math.log(float(run.schedule["peak"]) / BEST_PEAK)
    family = random.Random(run.schedule["family"]).gauss(0.0, 0.03)
    noise = random.Random(run.seed).gauss(0.0, 0.01)
    own = random.Random(run.run).gauss(0.0, 0.01)
    return math.exp(0.04 * off**2 + family + noise + own) * (HORIZON / horizon) ** 0.2


def copy(file: Path, study: str, label: str, copies: int) -> list[str]:
    """Copy a study of a database that nobody has open; returns the ids of all copies.

    Wherever its id or label stands in a row, the copy has its own; each was created a second before
    the one before it.
    """
    names = [f"st_{number:020d}" for number in range(copies)]
    with closing(sqlite3.connect(file)) as connection:
        for table in COPIED:
            place = "id" if table == "studies" else "study"
            found = connection.execute(f"SELECT * FROM {table} WHERE {place} = ?", (study,))  # noqa: S608 # names of our own
            columns = [column[0] for column in found.description]
            rows = found.fetchall()
            marks = ", ".join("?" for _ in columns)
            for number, name in enumerate(names):
                changed = {study: name, label: f"{label} {number}"}
                connection.executemany(
                    f"INSERT INTO {table} VALUES ({marks})",  # noqa: S608 # likewise
                    [_changed(row, columns, changed, number) for row in rows],
                )
        connection.commit()
    return names


def _changed(
    row: tuple[object, ...], columns: list[str], texts: dict[str, str], number: int
) -> list[object]:
    """A row of the copy with this number."""
    found = []
    for column, value in zip(columns, row, strict=True):
        if isinstance(value, str):
            found.append(
                functools.reduce(lambda text, pair: text.replace(*pair), texts.items(), value)
            )
        elif column == "created" and isinstance(value, int):
            found.append(value - (number + 1) * MICROSECONDS)
        else:
            found.append(value)
    return found
