"""Training: the loop that drives a block of lanes from the first update to the score.

The one idea: the updates are cut into as many chunks as the objective wants measurements. After
each chunk the lanes are measured; one that diverged ends and is dropped, and the others go on with
the same bits as if it had never been there. What counts is what the objective declares: the last
iterate, or a mean over a segment. Splits other than `validation` are read only if the block names
them, at the end, or in a training of their own.
Not here: the lanes' learning rates (`tuning.execution.rates`), nor where this happens
(`tuning.execution.inline`, `tuning.execution.process`).
"""

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tuning.execution.block import Block, Ended, Event, Lane, Measured
from tuning.execution.memory import split_to_fit
from tuning.execution.rates import Rates, check_cap
from tuning.objectives import (
    VALIDATION,
    Objective,
    Paced,
    Problem,
    Score,
    Segmented,
    Trainer,
    configure,
)
from tuning.objectives.base import Floats
from tuning.records import Cause, Direction, Measurement, Metric, Result, RunState

DIVERGED_FACTOR = 1e3  # times the loss before the first update


def train(block: Block, objective: Objective, problem: Problem) -> Iterator[Event]:
    """Train the lanes of `block`, yielding every measurement and every end.

    A run diverges when its compared metric is not finite, after a chunk or at the end on any
    split, or, if minimised and positive at first, when it is more than `DIVERGED_FACTOR` times
    its value before the first update.

    Raises `InvalidValue` naming `schedule` if a learning rate is above the objective's hard cap,
    `NotEnoughMemory` if not even one lane fits.
    """
    config = configure(objective, block.config)
    check_cap(block.lanes, objective.cap(config))
    estimate = objective.lane_bytes
    needed = None if estimate is None else estimate(config, block.horizon)
    for lanes in split_to_fit(block.lanes, needed):
        yield from _train_together(block, lanes, objective, problem)


def chunks(horizon: int, measurements: int, unit: int = 1) -> Iterator[tuple[int, int]]:
    """First and one past the last update of each chunk: as equal as can be, none empty.

    Args:
        horizon: updates in all.
        measurements: chunks in all, if there are as many units.
        unit: updates that belong together; only the end of the last chunk may be between.

    >>> list(chunks(10, 4))
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    >>> list(chunks(10, 4, unit=3))
    [(0, 3), (3, 6), (6, 9), (9, 10)]
    """
    units = -(-horizon // unit)
    count = min(units, measurements)
    edges = [min(horizon, unit * (units * number // count)) for number in range(count + 1)]
    return itertools.pairwise(edges)


def _train_together(
    block: Block, lanes: Sequence[Lane], objective: Objective, problem: Problem
) -> Iterator[Event]:
    """One training scored on all splits or, if the objective says so, one training per split."""
    parts = [(split,) for split in block.splits] if objective.trains_per_split else [block.splits]
    open_lanes = {lane.run: lane for lane in lanes}
    ends: dict[str, Result] = {}
    for splits in parts:
        training = _Training.begin(objective, problem, splits, block.horizon, open_lanes.values())
        for event in training.events():
            if isinstance(event, Measured):
                if splits[0] == VALIDATION:
                    yield event
            elif event.result.state is RunState.COMPLETED:
                ends[event.run] = _joined(ends.get(event.run), event.result)
            else:
                ends.pop(event.run, None)
                del open_lanes[event.run]
                yield event
        if not open_lanes:
            return
    yield from (Ended(run, result) for run, result in ends.items())


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
        if self.score.kind == "last" or first < math.floor(self.score.begin * self.horizon):
            return
        self.weight += last - first
        for name, column in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + (last - first) * np.asarray(column)

    def keep(self, positions: Sequence[int]) -> None:
        self.sums = {name: column[positions] for name, column in self.sums.items()}

    def value(self, latest: Mapping[str, Floats]) -> Mapping[str, Floats]:
        if self.weight == 0:  # the last iterate counts, or the segment holds no whole chunk
            return latest
        return {name: column / self.weight for name, column in self.sums.items()}


@dataclass(slots=True)
class _Training:
    """The lanes still in one training and their trainer, in step."""

    objective: Objective
    splits: tuple[str, ...]
    horizon: int
    unit: int
    trainer: Trainer
    lanes: list[Lane]
    rates: Rates
    mean: _Mean
    limits: Floats

    @staticmethod
    def begin(
        objective: Objective,
        problem: Problem,
        splits: tuple[str, ...],
        horizon: int,
        lanes: Iterable[Lane],
    ) -> "_Training":
        """Lay out the learning rates and note each lane's loss before the first update."""
        chosen = list(lanes)
        if objective.trains_per_split and isinstance(problem, Segmented):
            horizon = problem.horizon(splits[0], horizon)
        trainer = problem.trainer([lane.seed for lane in chosen], horizon, splits)
        metric = objective.metrics[0]
        start = np.asarray(trainer.evaluate(splits[0])[metric.name])
        return _Training(
            objective,
            splits,
            horizon,
            problem.unit if isinstance(problem, Paced) else 1,
            trainer,
            chosen,
            Rates([lane.schedule.at(horizon) for lane in chosen], objective.measurements),
            _Mean(objective.score, horizon),
            _limits(start, metric.direction),
        )

    @property
    def metric(self) -> Metric:
        """The compared metric."""
        return self.objective.metrics[0]

    def events(self) -> Iterator[Event]:
        """Train to the end."""
        for first, last in chunks(self.horizon, self.objective.measurements, self.unit):
            yield from self._advance(first, last)
            if not self.lanes:
                return
        yield from self._finish()

    def _advance(self, first: int, last: int) -> Iterator[Event]:
        """Make updates `first` .. `last` - 1, measure, and drop what diverged."""
        used = self.rates.between(first, last)
        self.trainer.train(used)
        values = self.trainer.evaluate(self.splits[0])
        self.mean.add(first, last, values)
        for position, lane in enumerate(self.lanes):
            named = {name: float(column[position]) for name, column in values.items()}
            yield Measured(lane.run, Measurement(last, {**named, "lr": float(used[position, -1])}))
        compared = np.asarray(values[self.metric.name], dtype=np.float64)
        self.rates.hear(compared)
        lost = ~(np.abs(compared) < np.inf) | (compared > self.limits)
        for position in np.flatnonzero(lost).tolist():
            end = self._diverged(compared[position], last, float(used[position, -1]))
            yield Ended(self.lanes[position].run, end)
        self._drop(lost)

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

    def _finish(self) -> Iterator[Event]:
        """Score every lane on every split of the training."""
        metrics = {split: self.trainer.evaluate(split) for split in self.splits}
        metrics[self.splits[0]] = self.mean.value(metrics[self.splits[0]])
        losses = {split: self.trainer.block_losses(split) for split in self.splits}
        for position, lane in enumerate(self.lanes):
            scores = {
                split: {name: float(column[position]) for name, column in columns.items()}
                for split, columns in metrics.items()
            }
            blocks = {split: tuple(rows[position].tolist()) for split, rows in losses.items()}
            yield Ended(lane.run, self._result(scores, blocks))

    def _result(
        self, scores: Mapping[str, Mapping[str, float]], blocks: Mapping[str, tuple[float, ...]]
    ) -> Result:
        for split, values in scores.items():
            if not math.isfinite(values[self.metric.name]):
                reason = f"{self.metric.name} on {split} was {values[self.metric.name]:g} at last"
                return Result(
                    RunState.DIVERGED, reason=reason, cause=Cause.NON_FINITE, step=self.horizon
                )
        return Result(RunState.COMPLETED, metrics=scores, blocks=blocks)


def _limits(start: Floats, direction: Direction) -> Floats:
    """The compared metric above which each lane counts as diverged."""
    if direction is Direction.MAXIMIZE:
        return np.full(len(start), np.inf)
    return np.where(start > 0, DIVERGED_FACTOR * start, np.inf)
