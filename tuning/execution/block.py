"""Blocks: runs of one study trained side by side, and the loop that trains them.

The one idea: the learning rates of all lanes are one array, cut into as many chunks as the
objective wants measurements. After each chunk the lanes are measured; one that diverged ends and is
dropped, and the others go on with the same bits as if it had never been there. The last iterate is
scored. Splits other than `validation` are read only if the block names them, at the end.
Not here: where this happens (`tuning.execution.inline`, `tuning.execution.process`).
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tuning.documents import Document, read_result, write_result
from tuning.errors import InvalidValue
from tuning.objectives import VALIDATION, Objective, Problem, Trainer
from tuning.records import Direction, Measurement, Metric, Result, RunState
from tuning.schedules import Schedule

DIVERGED_FACTOR = 1e3  # times the loss before the first update


@dataclass(frozen=True, slots=True)
class Lane:
    """A run while it is being trained.

    Args:
        run: its identity to whoever asked for it; comes back with every event.
        seed: decides initial weights and data order.
        schedule: laid out over the block's horizon.
    """

    run: str
    seed: int
    schedule: Schedule


@dataclass(frozen=True, slots=True)
class Block:
    """Runs of one objective, config, horizon and splits, to be trained side by side."""

    objective: str
    config: Mapping[str, Any]
    horizon: int
    lanes: tuple[Lane, ...]
    splits: tuple[str, ...] = (VALIDATION,)

    def __post_init__(self) -> None:
        """Refuse a block whose lanes are none, not distinct, or of another horizon."""
        runs = [lane.run for lane in self.lanes]
        if not runs or len(set(runs)) < len(runs):
            raise InvalidValue("lanes", runs, "distinct runs, at least one")
        if VALIDATION not in self.splits:
            raise InvalidValue("splits", self.splits, f"{VALIDATION} among them")
        for lane in self.lanes:
            if lane.schedule.horizon != self.horizon:
                found = lane.schedule.horizon
                raise InvalidValue("schedule.horizon", found, f"the block's, {self.horizon}")

    def document(self) -> Document:
        """The block as JSON-able values."""
        return {
            "objective": self.objective,
            "config": dict(self.config),
            "horizon": self.horizon,
            "splits": list(self.splits),
            "lanes": [
                {"run": lane.run, "seed": lane.seed, "schedule": lane.schedule.document()}
                for lane in self.lanes
            ],
        }

    @staticmethod
    def from_document(document: Mapping[str, Any]) -> "Block":
        """The block that `document` wrote."""
        lanes = tuple(
            Lane(lane["run"], lane["seed"], Schedule.from_document(lane["schedule"]))
            for lane in document["lanes"]
        )
        return Block(
            objective=document["objective"],
            config=document["config"],
            horizon=document["horizon"],
            lanes=lanes,
            splits=tuple(document["splits"]),
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """A run was measured: the validation metrics by name, and `lr`, of the last update."""

    run: str
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Ended:
    """A run ended, completed or diverged."""

    run: str
    result: Result


Event = Measured | Ended


def write_event(event: Event) -> Document:
    """An event as values that Python's JSON carries to the last bit.

    Infinities of a measurement are kept; a result's metric that is not finite becomes null.
    """
    match event:
        case Measured(run, measurement):
            step, values = measurement.step, dict(measurement.values)
            return {"event": "measured", "run": run, "step": step, "values": values}
        case Ended(run, result):
            return {"event": "ended", "run": run, "result": write_result(result)}


def read_event(document: Mapping[str, Any]) -> Event:
    """The event that `write_event` wrote."""
    if document["event"] == "measured":
        return Measured(document["run"], Measurement(document["step"], document["values"]))
    return Ended(document["run"], read_result(document["result"]))


def train(block: Block, objective: Objective, problem: Problem) -> Iterator[Event]:
    """Train the lanes of `block`, yielding every measurement and every end.

    A run diverges when its compared metric is not finite, after a chunk on `validation` or at the
    end on any split, or, if minimised and positive at first, when on `validation` it is more than
    `DIVERGED_FACTOR` times its value before the first update.
    """
    trainer = problem.trainer([lane.seed for lane in block.lanes], block.horizon, block.splits)
    training = _Training(block, objective.metrics[0], trainer)
    for first, last in chunks(block.horizon, objective.measurements):
        yield from training.advance(first, last)
        if not training.lanes:
            return
    yield from training.finish()


def chunks(horizon: int, measurements: int) -> Iterator[tuple[int, int]]:
    """First and one past the last update of each chunk: as equal as can be, none empty.

    >>> list(chunks(10, 4))
    [(0, 2), (2, 5), (5, 7), (7, 10)]
    """
    count = min(horizon, measurements)
    edges = [horizon * number // count for number in range(count + 1)]
    return itertools.pairwise(edges)


@dataclass(slots=True)
class _Training:
    """The lanes still in training and their trainer, in step."""

    block: Block
    metric: Metric
    trainer: Trainer
    lanes: list[Lane] = field(init=False)
    _lrs: np.ndarray = field(init=False)
    _limits: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        """Lay out the learning rates and note each lane's loss before the first update."""
        self.lanes = list(self.block.lanes)
        self._lrs = np.stack([lane.schedule.table() for lane in self.lanes])
        start = np.asarray(self.trainer.evaluate(VALIDATION)[self.metric.name])
        self._limits = _limits(start, self.metric.direction)

    def advance(self, first: int, last: int) -> Iterator[Event]:
        """Make updates `first` .. `last` - 1, measure, and drop what diverged."""
        self.trainer.train(self._lrs[:, first:last])
        values = self.trainer.evaluate(VALIDATION)
        lrs = self._lrs[:, last - 1]
        for position, lane in enumerate(self.lanes):
            named = {name: float(column[position]) for name, column in values.items()}
            yield Measured(lane.run, Measurement(last, {**named, "lr": float(lrs[position])}))
        compared = np.asarray(values[self.metric.name])
        lost = ~(np.abs(compared) < np.inf) | (compared > self._limits)
        for position in np.flatnonzero(lost).tolist():
            reason = (
                f"{self.metric.name} on {VALIDATION} was {compared[position]:g} after update "
                f"{last} at lr {lrs[position]:g}"
            )
            yield Ended(self.lanes[position].run, Result(RunState.DIVERGED, reason=reason))
        self._drop(lost)

    def _drop(self, lost: np.ndarray) -> None:
        if not lost.any():
            return
        kept = np.flatnonzero(~lost).tolist()
        self.trainer.keep(kept)
        self.lanes = [self.lanes[position] for position in kept]
        self._lrs, self._limits = self._lrs[kept], self._limits[kept]

    def finish(self) -> Iterator[Event]:
        """Score the last iterate of every lane on every split of the block."""
        metrics = {split: self.trainer.evaluate(split) for split in self.block.splits}
        losses = {split: self.trainer.block_losses(split) for split in self.block.splits}
        for position, lane in enumerate(self.lanes):
            scores = {
                split: {name: float(column[position]) for name, column in columns.items()}
                for split, columns in metrics.items()
            }
            blocks = {split: tuple(rows[position].tolist()) for split, rows in losses.items()}
            yield Ended(lane.run, self._result(scores, blocks))

    def _result(
        self, scores: Mapping[str, Mapping[str, float]], blocks: Mapping[str, Sequence[float]]
    ) -> Result:
        for split, values in scores.items():
            if not math.isfinite(values[self.metric.name]):
                reason = f"{self.metric.name} on {split} was {values[self.metric.name]:g} at last"
                return Result(RunState.DIVERGED, reason=reason)
        named = {split: tuple(losses) for split, losses in blocks.items()}
        return Result(RunState.COMPLETED, metrics=scores, blocks=named)


def _limits(start: np.ndarray, direction: Direction) -> np.ndarray:
    """The compared metric above which each lane counts as diverged."""
    if direction is Direction.MAXIMIZE:
        return np.full(len(start), np.inf)
    return np.where(start > 0, DIVERGED_FACTOR * start, np.inf)
