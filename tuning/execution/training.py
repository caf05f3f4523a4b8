"""Training: the loop that drives a block of lanes from the first update to the score.

The one idea: the updates are cut into as many chunks as the objective wants measurements. After
each chunk the lanes are measured; one that diverged ends and is dropped, and the others go on with
the same bits as if it had never been there. What counts is what the objective declares: the last
iterate, or a mean over a segment, which of a run that ends before its schedule is the part of it
that was trained. Splits other than `validation` are read only if the block names them, at the end,
or in a training of their own.
Not here: the lanes' learning rates (`tuning.execution.rates`), nor where this happens
(`tuning.execution.inline`, `tuning.execution.process`).
"""

import logging
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tuning.execution.block import Block, Ended, Event, Lane, Measured
from tuning.execution.checkpoints import Checkpoint, Checkpoints, merge
from tuning.execution.course import Course, plan_course
from tuning.execution.memory import available_bytes, split_to_fit
from tuning.execution.rates import Rates, check_cap
from tuning.execution.readings import read_losses, read_metrics
from tuning.objectives import (
    VALIDATION,
    Objective,
    Problem,
    Resumable,
    Score,
    Solved,
    Trainer,
    configure,
)
from tuning.objectives.base import Floats
from tuning.provenance import Provenance, installed
from tuning.records import MAX_SCORE, Cause, Direction, Measurement, Metric, Result, RunState

logger = logging.getLogger(__name__)

DIVERGED_FACTOR = 1e3  # times the loss before the first update


def train(
    block: Block,
    objective: Objective,
    problem: Problem,
    memory_bytes: int | None = None,
    checkpoint_folder: Path | None = None,
) -> Iterator[Event]:
    """Train the lanes of `block`, yielding every measurement and every end.

    A run diverges when its compared metric is not finite, after a chunk or at the end on any
    split, or, if minimised and positive at first, when it is more than `DIVERGED_FACTOR` times
    its value before the first update. It fails when its problem knows the smallest possible
    value and its score is an impossible one.

    Args:
        block: what to train.
        objective: the one that the block names.
        problem: opened with the block's config.
        memory_bytes: what this process may hold in all; None if as much as there is.
        checkpoint_folder: where runs leave how far they are, and go on from; None if nowhere.

    Raises `InvalidValue` naming `schedule` if a learning rate is above the objective's hard cap,
    naming `packages` if one that it declares is not installed, `NotEnoughMemory` if not even one
    lane fits, `BrokenObjective` if what a trainer returns has other names or shapes than it should.
    """
    config = configure(objective, block.config)
    cap = objective.cap(config)
    for lane in block.lanes:
        check_cap(lane.schedule.table(), cap)
    estimate = objective.training_bytes
    bytes_of = None if estimate is None else lambda lanes: estimate(problem, lanes, block.horizon)
    told = Provenance(problem.data_hash or None, dict(installed(objective.packages)))
    for lanes in split_to_fit(block.lanes, bytes_of, available_bytes(memory_bytes)):
        for event in _train_together(
            block, lanes, objective, problem, cap, told.data_hash, checkpoint_folder
        ):
            if isinstance(event, Ended):
                yield Ended(event.run, replace(event.result, provenance=told))
            else:
                yield event


def _train_together(
    block: Block,
    lanes: Sequence[Lane],
    objective: Objective,
    problem: Problem,
    cap: float,
    data_hash: str | None,
    folder: Path | None,
) -> Iterator[Event]:
    """One training scored on all splits or, if the objective says so, one training per split."""
    parts = [(split,) for split in block.splits] if objective.trains_per_split else [block.splits]
    open_lanes = {lane.run: lane for lane in lanes}
    ends: dict[str, Result] = {}
    saved: list[Checkpoints] = []
    for splits in parts:
        saved.append(Checkpoints(folder, objective, block, splits, data_hash))
        for event in _train_part(block, objective, problem, cap, splits, open_lanes, saved[-1]):
            if isinstance(event, Measured):
                if splits[0] == VALIDATION:
                    yield event
            elif event.result.state is RunState.COMPLETED:
                ends[event.run] = _joined(ends.get(event.run), event.result)
            else:
                ends.pop(event.run, None)
                lane = open_lanes.pop(event.run)
                for one in saved:
                    one.forget(lane)
                yield event
    for run, result in ends.items():
        for one in saved:
            one.forget(open_lanes[run])
        yield Ended(run, result)


def _train_part(
    block: Block,
    objective: Objective,
    problem: Problem,
    cap: float,
    splits: tuple[str, ...],
    lanes: Mapping[str, Lane],
    saved: Checkpoints,
) -> Iterator[Event]:
    """One training of the lanes that are open, those together that stand at the same point."""
    course = plan_course(objective, problem, splits[0], block.horizon, block.updates)
    for members, found in list(saved.together(list(lanes.values()))):
        training = _Training.begin(objective, problem, splits, course, members, cap, saved, found)
        yield from training.events()


def _joined(before: Result | None, after: Result) -> Result:
    if before is None:
        return after
    return Result(
        RunState.COMPLETED,
        metrics={**before.metrics, **after.metrics},
        blocks={**before.blocks, **after.blocks},
    )


@dataclass(slots=True)
class _Mean:
    """The mean of what was measured so far beyond the beginning of a segment."""

    score: Score
    horizon: int
    weight: int = 0
    sums: dict[str, Floats] = field(default_factory=dict)

    def add(self, first: int, last: int, values: Mapping[str, Floats]) -> None:
        if self.score.kind == "last" or first < self.score.first_update(self.horizon):
            return
        self.weight += last - first
        for name, column in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + (last - first) * column

    def keep(self, positions: Sequence[int]) -> None:
        self.sums = {name: column[positions] for name, column in self.sums.items()}

    def value(self, latest: Mapping[str, Floats]) -> Mapping[str, Floats]:
        if self.weight == 0:  # the last iterate counts, or there is no chunk but one
            return latest
        return {name: column / self.weight for name, column in self.sums.items()}


@dataclass(slots=True)
class _Training:
    """The lanes still in one training and their trainer, in step."""

    objective: Objective
    problem: Problem
    splits: tuple[str, ...]
    course: Course
    trainer: Trainer
    lanes: list[Lane]
    rates: Rates
    mean: _Mean
    limits: Floats
    last: Floats  # learning rate of each lane's last update
    saved: Checkpoints
    found: Sequence[Checkpoint]  # where the lanes begin; none at the beginning
    pasts: dict[str, list[Measurement]]

    @staticmethod
    def begin(
        objective: Objective,
        problem: Problem,
        splits: tuple[str, ...],
        course: Course,
        lanes: Sequence[Lane],
        cap: float,
        saved: Checkpoints,
        found: Sequence[Checkpoint],
    ) -> "_Training":
        """Lay out the learning rates and note each lane's loss before the first update."""
        chosen = list(lanes)
        horizon = course.horizon
        rates = Rates([lane.schedule.at(horizon) for lane in chosen], course.planned, cap)
        trainer = problem.trainer([lane.seed for lane in chosen], horizon, splits)
        metric = objective.metrics[0]
        start = read_metrics(trainer, splits[0], objective.metrics, len(chosen))[metric.name]
        return _Training(
            objective,
            problem,
            splits,
            course,
            trainer,
            chosen,
            rates,
            _Mean(objective.score, horizon),
            _limits(start, metric.direction),
            np.full(len(chosen), np.nan),
            saved,
            found,
            {lane.run: [] for lane in chosen},
        )

    @property
    def metric(self) -> Metric:
        """The compared metric."""
        return self.objective.metrics[0]

    @property
    def updates(self) -> int:
        """Those made in all."""
        return self.course.chunks[-1][1]

    def events(self) -> Iterator[Event]:
        """Train to the end."""
        done = yield from self._resume()
        for first, last in self.course.chunks[done:]:
            yield from self._advance(first, last)
            if not self.lanes:
                return
            self.saved.note(self.trainer, self.lanes, self.pasts)
        yield from self._finish()

    def _resume(self) -> Generator[Event, None, int]:
        """Take up the checkpoints, as if what was measured happened now; how many chunks."""
        if not self.found or not isinstance(self.trainer, Resumable):
            return 0
        try:
            self.trainer.restore(merge(self.found))
        except Exception as error:  # noqa: BLE001 - another version of somebody else's code
            logger.warning("checkpoints cannot be taken up, their runs begin anew: %r", error)
            seeds = [lane.seed for lane in self.lanes]
            self.trainer = self.problem.trainer(seeds, self.course.horizon, self.splits)
            return 0
        done = len(self.found[0].past)
        for number, (first, last) in enumerate(self.course.chunks[:done]):
            rows = [one.past[number].values for one in self.found]
            columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
            self.last = columns.pop("lr")
            self.mean.add(first, last, columns)
            self.rates.hear(columns[self.metric.name])
            yield from self._tell(last, columns)
        return done

    def _advance(self, first: int, last: int) -> Iterator[Event]:
        """Make updates `first` .. `last` - 1, measure, and drop what diverged."""
        used = self.rates.between(first, last)
        self.last = used[:, -1].copy()
        self.trainer.train(used)
        values = self._read(self.splits[0])
        self.mean.add(first, last, values)
        yield from self._tell(last, values)
        compared = values[self.metric.name]
        self.rates.hear(compared)
        lost = ~(np.abs(compared) < np.inf) | (compared > self.limits)
        for position in np.flatnonzero(lost).tolist():
            end = self._diverged(compared[position], last, float(self.last[position]))
            yield Ended(self.lanes[position].run, end)
        self._drop(lost)

    def _tell(self, step: int, values: Mapping[str, Floats]) -> Iterator[Event]:
        """Every lane's measurement after `step` updates."""
        for position, lane in enumerate(self.lanes):
            named = {name: float(column[position]) for name, column in values.items()}
            measurement = Measurement(step, {**named, "lr": float(self.last[position])})
            self.pasts[lane.run].append(measurement)
            yield Measured(lane.run, measurement)

    def _read(self, split: str) -> Mapping[str, Floats]:
        return read_metrics(self.trainer, split, self.objective.metrics, len(self.lanes))

    def _diverged(self, value: float, step: int, lr: float) -> Result:
        where = f"{self.metric.name} on {self.splits[0]} was {value:g}"
        cause = Cause.BLEW_UP if math.isfinite(value) else Cause.NON_FINITE
        reason = f"{where} after update {step} at lr {lr:g}"
        return Result(RunState.DIVERGED, reason=reason, cause=cause, step=step, lr=lr)

    def _drop(self, lost: np.ndarray) -> None:
        if not lost.any():
            return
        kept = np.flatnonzero(~lost).tolist()
        if kept:
            self.trainer.keep(kept)
        self.lanes = [self.lanes[position] for position in kept]
        self.rates.keep(kept)
        self.mean.keep(kept)
        self.limits = self.limits[kept]
        self.last = self.last[kept]

    def _finish(self) -> Iterator[Event]:
        """Score every lane on every split of the training."""
        metrics = {split: self._read(split) for split in self.splits}
        metrics[self.splits[0]] = self.mean.value(metrics[self.splits[0]])
        blocks_of = self.problem.blocks
        losses = {
            split: read_losses(self.trainer, split, len(self.lanes), len(blocks_of[split]))
            for split in self.splits
        }
        for position, lane in enumerate(self.lanes):
            scores = {
                split: {name: float(column[position]) for name, column in columns.items()}
                for split, columns in metrics.items()
            }
            blocks = {split: tuple(rows[position].tolist()) for split, rows in losses.items()}
            yield Ended(lane.run, self._result(scores, blocks, float(self.last[position])))

    def _result(
        self,
        scores: Mapping[str, Mapping[str, float]],
        blocks: Mapping[str, tuple[float, ...]],
        lr: float,
    ) -> Result:
        for split, values in scores.items():
            value = values[self.metric.name]
            if not abs(value) <= MAX_SCORE:  # nor is NaN
                reason = f"{self.metric.name} on {split} was {value:g} at last"
                cause = Cause.BLEW_UP if math.isfinite(value) else Cause.NON_FINITE
                step = self.updates
                return Result(RunState.DIVERGED, reason=reason, cause=cause, step=step, lr=lr)
        reason = self._impossible(scores)
        if reason:
            step, cause = self.updates, Cause.IMPOSSIBLE
            return Result(RunState.FAILED, reason=reason, cause=cause, step=step, lr=lr)
        return Result(RunState.COMPLETED, metrics=scores, blocks=blocks)

    def _impossible(self, scores: Mapping[str, Mapping[str, float]]) -> str:
        """What is wrong with a score that no schedule can reach; empty if nothing is."""
        if not isinstance(self.problem, Solved):
            return ""
        horizon = self.updates
        for split, values in scores.items():
            value = values[self.metric.name]
            bound = self.problem.broken_bound(value, horizon, split)
            if bound is not None:
                where = f"{self.metric.name} on {split} was {value:.6g}"
                return f"{where}, but no schedule of {horizon:,} updates gets below {bound:.6g}"
        return ""


def _limits(start: Floats, direction: Direction) -> Floats:
    """The compared metric above which each lane counts as diverged."""
    if direction is Direction.MAXIMIZE:
        return np.full(len(start), np.inf)
    return np.where(start > 0, DIVERGED_FACTOR * start, np.inf)
