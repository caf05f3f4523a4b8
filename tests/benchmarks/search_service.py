"""Seconds through the service until it recommends a good schedule, beside Optuna and PyTorch.

The one idea: the same question as `search_heston`, on the clock. Glideslope is one server with one
worker of two processes on a SQLite file; the peer is two processes of Optuna's TPE and eager
PyTorch on one SQLite file. They take turns; afterwards every recommendation is measured on held-out
seeds, and the first one within 1 % of the sweep's best ends the clock. Cold counts from the start
of the server, with nothing compiled; warm from the request of a later study. Data are there for
both. A peer that never gets there counts as its last trial, so the ratio is a lower bound; a study
of ours that never does counts as a ratio of zero.
Run by `make benchmark-search PART=service` (TURNS=…, TRIALS=… of the peer); needs torch.
"""

import json
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from figures import Figure, leave, say, tell
from objectives import CACHE, open_pool
from search_arithmetic import first_passage
from search_heston import OBJECTIVE, REFERENCE_SEEDS, UPDATES, WITHIN, Bench, sweep_path
from study import HERE, service

from service.client import Client
from tuning.execution.link import child_environment
from tuning.schedules import Schedule
from tuning.search.space import lay_out

TURNS = int(os.environ.get("TURNS", "5"))
PEER_TRIALS = int(os.environ.get("TRIALS", "300"))
OWN_TRIALS = 40  # full trainings that ours may spend
POLL_SECONDS = 0.1
Best = tuple[float, Schedule]
Trace = list[Best]


def ours(client: Client, seed: int, begin: float) -> Trace:
    """What a study recommends, and when, in seconds since `begin`; cancelled once it confirms."""
    request = {
        "objective": OBJECTIVE,
        "horizon": UPDATES,
        "budget": {"trials": OWN_TRIALS, "steps": OWN_TRIALS * UPDATES},
        "baselines": [],
        "early_stop": False,
        "seed": seed,
    }
    study = client.studies.create(request)
    trace: Trace = []
    while study.state == "running":
        time.sleep(POLL_SECONDS)
        study = client.studies.get(study.id)
        if study.best is None:
            continue
        schedule = Schedule.from_document(client.results.best(study.id).schedule)
        if not trace or schedule != trace[-1][1]:
            trace.append((time.perf_counter() - begin, schedule))
    if study.state == "failed" or not trace:
        raise RuntimeError(f"the study ended {study.state}: {study.error}")
    if study.state == "confirming":
        client.studies.cancel(study.id)
    return trace


def peer(folder: Path, seed: int) -> Trace:
    """What the peer's best trial is, and when."""
    storage, name = f"sqlite:///{folder}/optuna.db", f"study-{seed}"
    program = [sys.executable, str(HERE / "search_peer.py"), storage, name]
    begin = time.perf_counter()
    children = []
    for process in range(2):
        numbers = [str(one) for one in (PEER_TRIALS // 2, seed, process, UPDATES)]
        child = subprocess.Popen(
            [*program, *numbers],
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        child.stdout.readline()  # one makes the tables before the other looks
        children.append(child)
    first = time.perf_counter() - begin
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    ended = sorted(one for child in children for one in json.loads(child.communicate()[0]))
    say(f"    peer: {len(ended)} trials in {ended[-1][0]:.0f} s, {first:.1f} s to start")
    return list(_improvements(ended))


def _improvements(ended: Sequence[tuple[float, float, dict[str, Any]]]) -> Iterator[Best]:
    lowest, best = math.inf, None
    for seconds, loss, params in ended:
        if loss < lowest:
            lowest, best = loss, lay_out(params, UPDATES)
            yield seconds, best
    if best is not None:
        yield ended[-1][0], best


def until(bench: Bench, trace: Trace, target: float) -> tuple[float, bool]:
    """Seconds until the target, and whether it was reached; else those of the last change."""
    losses = bench.held_out([schedule for _, schedule in trace])
    seconds = [at for at, _ in trace]
    found = first_passage(zip(seconds, losses, strict=True), target)
    return (found, True) if math.isfinite(found) else (seconds[-1], False)


def turn(folder: Path, seed: int) -> tuple[Trace, Trace, Trace]:
    """A cold study of ours, a warm one, and the peer's."""
    shutil.copytree(
        CACHE.cache, folder / "cache", ignore=shutil.ignore_patterns("programs", "checkpoints")
    )
    begin = time.perf_counter()
    with service(folder, lanes=8) as client:
        cold = ours(client, seed, begin)
        warm = ours(client, seed + 1_000, time.perf_counter())
    return cold, warm, peer(folder, seed)


def main() -> int:
    """Measure in turns, print, leave the figures."""
    ratios: dict[str, list[float]] = {"cold": [], "warm": []}
    reached: list[bool] = []
    traces = []
    for number in range(TURNS):
        with tempfile.TemporaryDirectory() as folder:
            traces.append(turn(Path(folder), number))
    with open_pool() as pool:
        bench = Bench(pool)
        stored = json.loads(sweep_path().read_text())
        best = lay_out(stored["reference"]["params"], UPDATES)
        target = WITHIN * bench.held_out([best], REFERENCE_SEEDS)[0]
        for number, (cold, warm, other) in enumerate(traces):
            found = [until(bench, one, target) for one in (cold, warm, other)]
            words = ", ".join(f"{at:.1f} s{'' if there else ' (never)'}" for at, there in found)
            say(f"  turn {number}: cold, warm, peer: {words}")
            reached += [there for _, there in found[:2]]
            for place, name in enumerate(ratios):
                at, is_there = found[place]
                ratios[name].append(found[2][0] / at if is_there else 0.0)
    note = (
        f"{sum(reached)} of {len(reached)} studies of ours got there; wall time; a peer that never "
        "did counts as its last trial"
    )
    figures = [
        Figure(
            name=f"heston through the service, {name}: peer's seconds over ours",
            value=statistics.median(ratios[name]),
            unit="x",
            target=wanted,
            spread=(min(ratios[name]), max(ratios[name])),
            repeats=TURNS,
            peer="Optuna TPE + PyTorch eager, two processes, one SQLite file",
            note=note,
        )
        for name, wanted in (("cold", 15.0), ("warm", 30.0))
    ]
    for one in figures:
        tell(one)
    leave("search_service", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
