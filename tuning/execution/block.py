"""Blocks: runs of one study that are trained side by side, and what is said about them.

The one idea: a block, and every event of its training, is a value that crosses a process boundary
as JSON without losing a bit. Not here: the training (`tuning.execution.training`), nor where it
happens (`tuning.execution.inline`, `tuning.execution.process`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tuning.documents import (
    Document,
    read_provenance,
    read_result,
    write_provenance,
    write_result,
)
from tuning.errors import InvalidValue
from tuning.objectives import VALIDATION
from tuning.records import Measurement, Result, check_integer
from tuning.schedules import Schedule


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
    """Runs of one objective, config, horizon and splits, to be trained side by side.

    All end after `updates` of the horizon; 0 stands for the whole of it.
    """

    objective: str
    config: Mapping[str, Any]
    horizon: int
    lanes: tuple[Lane, ...]
    splits: tuple[str, ...] = (VALIDATION,)
    updates: int = 0

    def __post_init__(self) -> None:
        """Refuse lanes that are none, not distinct, or of another horizon, and an end beyond it."""
        object.__setattr__(self, "updates", self.updates or self.horizon)
        check_integer("updates", self.updates, 1, self.horizon)
        runs = [lane.run for lane in self.lanes]
        if not runs or len(set(runs)) < len(runs):
            raise InvalidValue("lanes", runs, "distinct runs, at least one")
        if self.splits[:1] != (VALIDATION,) or len(set(self.splits)) < len(self.splits):
            raise InvalidValue("splits", self.splits, f"distinct names, {VALIDATION} first")
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
            "updates": self.updates,
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
            updates=document["updates"],
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """A run was measured: the validation metrics by name, and `lr`, of the last update."""

    run: str
    measurement: Measurement


@dataclass(frozen=True, slots=True)
class Ended:
    """A run ended; of one that failed, also the end of what its process printed, if known."""

    run: str
    result: Result
    log_tail: str = ""


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
            told = write_provenance(result.provenance)
            return {
                "event": "ended",
                "run": run,
                "result": write_result(result),
                "provenance": told,
            }


def read_event(document: Mapping[str, Any]) -> Event:
    """The event that `write_event` wrote.

    >>> event = Measured("run_1", Measurement(9, {"lr": 0.1, "loss": float("inf")}))
    >>> read_event(write_event(event)) == event
    True
    """
    if document["event"] == "measured":
        return Measured(document["run"], Measurement(document["step"], document["values"]))
    provenance = read_provenance(document["provenance"])
    return Ended(document["run"], read_result(document["result"], provenance))
