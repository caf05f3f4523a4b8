"""A whole study through the REST API, beside Optuna and PyTorch, and what it costs but training.

The one idea: 64 trials of 480 updates on the small network, one seed each, every trial durable
before the next one counts on it. Glideslope is one server with one worker of two processes on a
SQLite file; the peer is two processes of Optuna's TPE and eager PyTorch on one SQLite file. They
take turns, and every turn gives two ratios: of a study that asks for the peer's work and no more
(`parzen`, which has the densities of TPE, a given range of the peak, no race of leaders, the
smallest confirmation), and of a study as it is by default, which does all that. The winners are
trained again on 16 fresh seeds.
Run by `make bench PART=study`; leaves var/bench/study.json.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from figures import Figure, leave, say, tell
from small_mlp import PEAK

from service.client import Client
from tuning.execution import Block, Ended, Inline, Lane
from tuning.execution.link import child_environment
from tuning.schedules import Schedule
from tuning.search.space import lay_out

HERE = Path(__file__).parent
TRIALS, HORIZON, BATCH, REPEATS, QUALITY_SEEDS = 64, 480, 16, 5, 16
SLEEPING_TRIALS = 60
LIKE_THE_PEER = {
    "sampler": "parzen",
    "space": {"peak": list(PEAK)},
    "leaders": 0,
    "early_stop": False,
    "evidence_budget": 2 * HORIZON,
}
LISTENING = re.compile(r"listening on (http://\S+)")
POLL_SECONDS = 0.05


@contextmanager
def service(folder: Path, **settings: object) -> Iterator[Client]:
    """A server with its worker, and a client of it."""
    named = {f"GLIDESLOPE_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {
        **os.environ,
        "PYTHONPATH": str(HERE),
        "GLIDESLOPE_OBJECTIVES": "small_mlp,second",
        "GLIDESLOPE_DATABASE_URL": f"sqlite:///{folder}/study.db",
        "GLIDESLOPE_CACHE_FOLDER": f"{folder}/cache",
        **named,
    }
    command = [sys.executable, "-m", "service.cli.main", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            found = next(match for line in server.stdout if (match := LISTENING.search(line)))
            with Client(found[1]) as client:
                yield client
        finally:
            server.terminate()


def run_study(client: Client, request: Mapping[str, Any]) -> tuple[float, str]:
    """Seconds from the request to the verdict, and the study's id."""
    begin = time.perf_counter()
    study = client.studies.wait(client.studies.create(dict(request)).id, poll_seconds=POLL_SECONDS)
    if study.state != "completed":
        raise RuntimeError(f"the study ended {study.state}: {study.error}")
    return time.perf_counter() - begin, study.id


def ours(
    client: Client, seed: int, trials: int = TRIALS, asked: Mapping[str, Any] = LIKE_THE_PEER
) -> tuple[float, Schedule]:
    """Seconds of a whole study, and its winner; `asked` is set beside what all of them ask for."""
    request = {
        "objective": "small_mlp",
        "budget": {"trials": trials},
        "batch": BATCH,
        "seeds": 1,
        "baselines": [],
        "confirm_seeds": 2,
        "seed": seed,
        **asked,
    }
    seconds, study = run_study(client, request)
    return seconds, Schedule.from_document(client.results.best(study).schedule)


def peer(folder: Path, seed: int) -> tuple[float, Schedule]:
    """Seconds of the peer's loop, the slower of its two processes, and its winner."""
    storage, name = f"sqlite:///{folder}/optuna.db", f"study-{seed}"
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=storage, study_name=name)
    program = [sys.executable, str(HERE / "study_peer.py")]
    children = [
        subprocess.Popen(
            [*program, storage, name, str(TRIALS // 2), str(seed), str(process)],
            env=child_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for process in range(2)
    ]
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    told = [json.loads(child.communicate()[0]) for child in children]
    params = study.best_trial.user_attrs["params"]
    return max(one["seconds"] for one in told), lay_out(params, HORIZON)


def quality(schedule: Schedule) -> np.ndarray:
    """Validation losses of a schedule on fresh seeds, on the engine."""
    lanes = tuple(Lane(str(seed), 10_000 + seed, schedule) for seed in range(QUALITY_SEEDS))
    executor = Inline(modules=("small_mlp",))
    block = Block("small_mlp", {}, HORIZON, lanes)
    ends = [event.result for event in executor.run(block) if isinstance(event, Ended)]
    return np.array([end.metrics.get("validation", {}).get("mse", np.inf) for end in ends])


def whole_study(folder: Path) -> list[Figure]:
    """The study beside its peer, in turns."""
    with service(folder, lanes=BATCH // 2) as client:
        cold, _ = ours(client, seed=1_000, trials=BATCH)
        warm, _ = ours(client, seed=1_001, trials=BATCH)
        turns = [
            (ours(client, seed), ours(client, seed, asked={}), peer(folder, seed))
            for seed in range(REPEATS)
        ]
    show(turns)
    return [
        *compared(turns, 0, f"{TRIALS} trials x {HORIZON} updates through the REST API"),
        *compared(turns, 1, "the same as a study is by default"),
        Figure(
            name="first study of a worker over a later one: libraries and compilation",
            value=cold - warm,
            unit="s",
            better="lower",
            note=f"{BATCH} trials, programs not in the cache yet",
        ),
    ]


Turn = Sequence[tuple[float, Schedule]]
SIDES = ("ours", "ours by default", "peer")


def show(turns: Sequence[Turn]) -> None:
    """A line per turn and side: seconds, and the winner on fresh seeds."""
    say(f"\n{'turn':6}{'side':18}{'seconds':>9}   winner on {QUALITY_SEEDS} seeds")
    for turn, sides in enumerate(turns):
        for side, (seconds, winner) in zip(SIDES, sides, strict=True):
            loss = quality(winner)
            words = f"{winner.family.kind} {loss.mean():.5f} ± {loss.std(ddof=1):.5f}"
            say(f"{turn:<6}{side:18}{seconds:>9.2f}   {words}")


def compared(turns: Sequence[Turn], side: int, name: str) -> list[Figure]:
    """How much faster one of our sides is than the peer, and how long it takes."""
    own = [sides[side][0] for sides in turns]
    ratios = [sides[-1][0] / mine for sides, mine in zip(turns, own, strict=True)]
    note = "wall time from request to verdict, worker warm; median of turns"
    return [
        Figure(
            name=name,
            value=statistics.median(ratios),
            unit="x",
            target=15.0,
            spread=(min(ratios), max(ratios)),
            repeats=REPEATS,
            peer="Optuna TPE + PyTorch eager, two processes, one SQLite file",
            note=note,
        ),
        Figure(
            name=f"seconds: {name}",
            value=statistics.median(own),
            unit="s",
            better="lower",
            spread=(min(own), max(own)),
            repeats=REPEATS,
            note=note,
        ),
    ]


def overhead(folder: Path) -> list[Figure]:
    """What a study costs but training, if a training takes a second."""
    with service(folder, lanes=1, processes=2) as client:
        request = {
            "objective": "second",
            "budget": {"trials": SLEEPING_TRIALS},
            "seeds": 1,
            "confirm_seeds": 2,
        }
        run_study(client, {**request, "budget": {"trials": 14}})
        seconds, study = run_study(client, request)
        runs = client.studies.get(study).progress.finished_runs
    share = 1.0 - runs / 2 / seconds
    return [
        Figure(
            name="share of a study that is not training, trainings of 1 s",
            value=100 * share,
            unit="%",
            better="lower",
            target=5.0,
            note=f"{runs} runs in {seconds:.1f} s on two processes",
        )
    ]


def main() -> int:
    """Measure, print, leave the figures."""
    figures: list[Figure] = []
    for measure in (whole_study, overhead):
        with tempfile.TemporaryDirectory() as folder:
            figures += measure(Path(folder))
    say()
    for one in figures:
        tell(one)
    leave("study", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
