"""Inspection: whether an objective keeps the promises that every study relies on.

The one idea: a handful of short trainings on the real trainer, each of which shows one promise kept
or broken; what comes out are values, one per check. A check that cannot be judged, because a
promise under it is broken already, says so instead of failing too.
Not here: printing (`service.cli.objective`), nor time limits (`tuning.execution.process`).
"""

import itertools
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, final

import numpy as np

from tuning.execution.checkpoints import CHECKPOINT_FOLDER, EVERY_SECONDS
from tuning.execution.executor import report
from tuning.execution.readings import read_losses, read_metrics
from tuning.execution.watch import resident_bytes
from tuning.objectives import (
    NO_FOLDERS,
    TEST,
    VALIDATION,
    Folders,
    Objective,
    Problem,
    Resumable,
    Segmented,
    Trainer,
    configure,
)
from tuning.objectives.base import Config, Floats
from tuning.records import Direction

UPDATES = 24  # of a training, where the horizon allows so many
LEARNING_UPDATES = 200
PIECES = (1, 7)  # chunks whose sizes differ; the rest follows at once
PEAKS = 5
MEMORY_LANES = 4
SLACK_BYTES = 64 * 2**20  # libraries, compiled programs and arenas, whatever the lanes

_MEBIBYTE = 2**20


@final
@dataclass(frozen=True, slots=True)
class Check:
    """What came of a check: `passed` is None if it could not be judged."""

    name: str
    passed: bool | None
    words: str


def inspect_objective(
    objective: Objective,
    document: Mapping[str, Any],  # Any: JSON values
    folders: Folders = NO_FOLDERS,
    clock: Callable[[], float] = perf_counter,
) -> Iterator[Check]:
    """Check `objective` under a config, check by check, training in this process.

    Args:
        objective: what is checked.
        document: its config as JSON.
        folders: where it may read and keep files.
        clock: seconds, for the speed.

    Raises `InvalidValue` or `DataError` if there is no such config or it cannot be opened.
    """
    config = configure(objective, document)
    objective.check(config, folders)
    problem = objective.open(config, folders)
    bench = _Bench(objective, problem, config, folders)
    broken: set[str] = set()
    for name, needed, check in CHECKS:
        missing = sorted(needed & broken)
        if missing:
            yield Check(name, None, f"cannot be judged while `{missing[0]}` fails")
            continue
        try:
            passed, words = check(bench)
        except Exception as error:  # noqa: BLE001 - it is somebody else's code
            passed, words = False, report(error)[0]
        if passed is False:
            broken.add(name)
        yield Check(name, passed, words)
    yield _speed(bench, clock) if "shapes" not in broken else Check("speed", None, "not measured")


Answer = tuple[bool | None, str]


@dataclass(frozen=True, slots=True)
class _Bench:
    """An opened objective and ways to train it shortly."""

    objective: Objective
    problem: Problem
    config: Config
    folders: Folders

    def updates(self, wanted: int = UPDATES) -> int:
        """As many updates as wanted, or as there are."""
        full = self.full_horizon
        if isinstance(self.problem, Segmented):
            full = min(self.problem.horizon(split, full) for split in (VALIDATION, TEST))
        return max(1, min(wanted, full))

    @property
    def full_horizon(self) -> int:
        """Updates of a full training."""
        return self.objective.horizon(self.config, self.folders)

    @property
    def parts(self) -> list[tuple[str, ...]]:
        """The splits that share a training."""
        if self.objective.trains_per_split:
            return [(VALIDATION,), (TEST,)]
        return [(VALIDATION, TEST)]

    def rates(self, lanes: int = 1) -> Floats:
        """Falling learning rates, another peak within the declared range for each lane."""
        cap = self.objective.cap(self.config)
        low, high = (min(end, cap) for end in self.objective.peak)
        peaks = np.geomspace(low, high, lanes + 2)[1:-1]
        return peaks[:, None] * np.linspace(1.0, 0.1, self.updates())

    def train(
        self,
        rates: Floats,
        seeds: Sequence[int] = (1,),
        splits: tuple[str, ...] = (VALIDATION,),
        pieces: Sequence[int] = (),
    ) -> Trainer:
        """A trainer after updates with the rows of `rates`, the first ones in pieces."""
        count = rates.shape[1]
        edges = [0, *np.minimum(np.cumsum([*pieces, count]), count).tolist()]
        trainer = self.problem.trainer(list(seeds), count, splits)
        trainer.evaluate(splits[0])
        for first, last in itertools.pairwise(edges):
            if last > first:
                trainer.train(rates[:, first:last])
        return trainer

    def metrics(self, trainer: Trainer, split: str, lanes: int = 1) -> Mapping[str, Floats]:
        return read_metrics(trainer, split, self.objective.metrics, lanes)

    def compared(self, trainer: Trainer, lanes: int = 1) -> Floats:
        """The compared metric on the validation split, of shape (lanes,)."""
        return self.metrics(trainer, VALIDATION, lanes)[self.objective.metrics[0].name]

    def scores(self, trainer: Trainer, lanes: int = 1) -> Floats:
        """Everything that tells two ends apart, of shape (lanes, values)."""
        blocks = len(self.problem.blocks[VALIDATION])
        losses = read_losses(trainer, VALIDATION, lanes, blocks)
        if self.objective.score.kind == "mean":  # metrics are those of the last chunk
            return losses
        return np.column_stack([losses, *self.metrics(trainer, VALIDATION, lanes).values()])


def _same(one: Floats, other: Floats) -> bool:
    return np.array_equal(one, other, equal_nan=True)


def _shapes(bench: _Bench) -> Answer:
    """Declared metrics and blocks, per lane."""
    for splits in bench.parts:
        trainer = bench.train(bench.rates(2), (1, 2), splits)
        for split in splits:
            bench.metrics(trainer, split, 2)
            read_losses(trainer, split, 2, len(bench.problem.blocks[split]))
    names = ", ".join(metric.name for metric in bench.objective.metrics)
    counts = " and ".join(str(len(bench.problem.blocks[split])) for split in (VALIDATION, TEST))
    return True, f"{names}; {counts} blocks of validation and test"


def _finite(bench: _Bench) -> Answer:
    """A number to begin with."""
    updates = bench.updates()
    first = bench.compared(bench.problem.trainer([1], updates, (VALIDATION,)))[0]
    if np.isfinite(first):
        return True, f"{first:.6g} before the first update"
    if not np.isnan(first):
        return False, f"{first:g} before the first update"
    low = np.full((1, updates), min(bench.objective.peak[0], bench.objective.cap(bench.config)))
    later = bench.compared(bench.train(low))[0]
    words = f"not measured before the first update; {later:.6g} after {updates} small ones"
    return bool(np.isfinite(later)), words


def _deterministic(bench: _Bench) -> Answer:
    """Data from the config, trainings from the seed, and from nothing else."""
    again = bench.objective.open(bench.config, bench.folders)
    if again.data_hash != bench.problem.data_hash:
        return False, "data opened twice have two hashes"
    other = _Bench(bench.objective, again, bench.config, bench.folders)
    one, two = (one.scores(one.train(one.rates())) for one in (bench, other))
    if not _same(one, two):
        return False, "two trainings under one seed end differently"
    return True, "two trainings under one seed end at the same bits"


def _chunks(bench: _Bench) -> Answer:
    """Training in pieces."""
    whole, pieces = bench.train(bench.rates()), bench.train(bench.rates(), pieces=PIECES)
    if not _same(bench.scores(whole), bench.scores(pieces)):
        return False, "updates made in pieces end differently"
    return True, "updates made in pieces end at the same bits"


def _checkpoints(bench: _Bench) -> Answer:
    """Put down in the middle, and taken up by another trainer; where, if that is possible."""
    rates = bench.rates()
    updates, half = rates.shape[1], max(1, rates.shape[1] // 2)
    first, second = (bench.problem.trainer([1], updates, (VALIDATION,)) for _ in range(2))
    if not isinstance(first, Resumable) or not isinstance(second, Resumable):
        return None, "there are none: a run whose process died begins anew"
    first.train(rates[:, :half])
    second.restore(first.state())
    if half < updates:
        second.train(rates[:, half:])
    if not _same(bench.scores(second), bench.scores(bench.train(rates, pieces=(half,)))):
        return False, "a training that was put down and taken up ends differently"
    folder = bench.folders.cache
    place = "a cache folder" if folder is None else f"{folder}/{CHECKPOINT_FOLDER}"
    words = f"every {EVERY_SECONDS:g} s in {place}, on the disk of the worker that trains"
    return True, f"a training can be taken up; {words}"


def _neighbours(bench: _Bench) -> Answer:
    """Alone, beside others, and after one was dropped."""
    rates = bench.rates(3)
    half = max(1, rates.shape[1] // 2)
    trainer = bench.problem.trainer([1, 2, 3], rates.shape[1], (VALIDATION,))
    trainer.train(rates[:, :half])
    trainer.keep([0, 2])
    if half < rates.shape[1]:
        trainer.train(rates[[0, 2], half:])
    together = bench.scores(trainer, 2)
    for place, lane in enumerate((0, 2)):
        alone = bench.train(rates[lane : lane + 1], (lane + 1,), pieces=(half,))
        if not _same(together[place], bench.scores(alone)[0]):
            return False, "a lane ends differently alone than beside others"
    return True, "a lane ends at the same bits alone and beside others"


def _splits(bench: _Bench) -> Answer:
    """The test split is looked at by nobody who should not."""
    rates = bench.rates()
    alone = bench.scores(bench.train(rates))
    if bench.objective.trains_per_split:
        bench.train(rates, splits=(TEST,)).evaluate(TEST)
        beside = bench.train(rates)
    else:
        beside = bench.train(rates, splits=(VALIDATION, TEST))
        beside.evaluate(TEST)
    if not _same(alone, bench.scores(beside)):
        return False, "validation changes when the test split is there"
    if not bench.objective.trains_per_split:
        first, second = (bench.metrics(beside, TEST) for _ in range(2))
        if not all(_same(first[name], second[name]) for name in first):
            return False, "reading the test split twice gives two answers"
        if not _same(alone, bench.scores(beside)):
            return False, "validation changes when the test split is read"
    return True, "validation is the same with and without the test split"


def _still(bench: _Bench) -> Answer:
    """A learning rate of zero."""
    if bench.objective.score.kind == "mean":
        return None, "cannot be seen: losses are those of data that pass by"
    rates = bench.rates()
    half = rates.shape[1] // 2
    if not half:
        return None, "cannot be seen within one update"
    rates[:, half:] = 0.0
    trainer = bench.problem.trainer([1], rates.shape[1], (VALIDATION,))
    trainer.evaluate(VALIDATION)
    trainer.train(rates[:, :half])
    before = bench.scores(trainer)
    trainer.train(rates[:, half:])
    if not _same(before, bench.scores(trainer)):
        return (
            False,
            "updates with a learning rate of 0 change something: a weight, or running statistics",
        )
    return True, "updates with a learning rate of 0 change nothing"


def _learns(bench: _Bench) -> Answer:
    """Better than not training at all, at some peak of the declared range."""
    updates = bench.updates(LEARNING_UPDATES)
    cap = bench.objective.cap(bench.config)
    low, high = (min(end, cap) for end in bench.objective.peak)
    peaks = np.concatenate([[0.0], np.geomspace(low, high, PEAKS)])
    rates = peaks[:, None] * np.linspace(1.0, 0.1, updates)
    ends = bench.compared(bench.train(rates, [1] * len(peaks)), len(peaks))
    metric = bench.objective.metrics[0]
    sign = 1.0 if metric.direction is Direction.MINIMIZE else -1.0
    losses = np.where(np.isfinite(ends), sign * ends, np.inf)
    best = int(np.argmin(losses[1:])) + 1
    words = f"{metric.name} {ends[best]:.6g} at peak {peaks[best]:.3g}, {ends[0]:.6g} untrained"
    return bool(losses[best] < losses[0]), f"{words}, after {updates} updates"


def _memory(bench: _Bench) -> Answer:
    """What several lanes take, beside what is declared."""
    before = _forget_peak()
    bench.train(bench.rates(MEMORY_LANES), list(range(MEMORY_LANES)))
    taken = max(0, _peak_bytes() - before)
    words = f"{taken / _MEBIBYTE:,.0f} MiB for {MEMORY_LANES} lanes"
    estimate = bench.objective.training_bytes
    if estimate is None:
        return True, f"{words}; what lanes take is not declared"
    declared = estimate(bench.problem, MEMORY_LANES, bench.updates())
    words = f"{words}; {declared / _MEBIBYTE:,.0f} MiB declared"
    return taken <= declared + SLACK_BYTES, words


CHECKS: Sequence[tuple[str, frozenset[str], Callable[[_Bench], Answer]]] = (
    ("shapes", frozenset(), _shapes),
    ("finite", frozenset({"shapes"}), _finite),
    ("deterministic", frozenset({"shapes"}), _deterministic),
    ("chunks", frozenset({"shapes", "deterministic"}), _chunks),
    ("checkpoints", frozenset({"shapes", "deterministic", "chunks"}), _checkpoints),
    ("neighbours", frozenset({"shapes", "deterministic"}), _neighbours),
    ("splits", frozenset({"shapes", "deterministic"}), _splits),
    ("zero", frozenset({"shapes", "deterministic"}), _still),
    ("learns", frozenset({"shapes"}), _learns),
    ("memory", frozenset({"shapes"}), _memory),
)


def _speed(bench: _Bench, clock: Callable[[], float]) -> Check:
    """Updates per second and lane, everything compiled; nothing is too slow to pass."""
    rates = bench.rates()
    trainer = bench.problem.trainer([1], rates.shape[1], (VALIDATION,))
    trainer.evaluate(VALIDATION)
    begin = clock()
    trainer.train(rates)
    seconds = max(clock() - begin, 1e-9)
    pace = rates.shape[1] / seconds
    full = bench.full_horizon
    words = f"{pace:,.0f} updates per second and lane; {full / pace:,.1f} s for all {full:,}"
    return Check("speed", passed=True, words=words)


def _forget_peak() -> int:
    """Have the kernel note the peak anew (Linux only); what is resident now, in bytes."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return _peak_bytes()
    return resident_bytes(os.getpid())


def _peak_bytes() -> int:
    """The most that was resident since, in bytes; 0 where it cannot be told."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((1024 * int(one.split()[1]) for one in lines if one.startswith("VmHWM:")), 0)
