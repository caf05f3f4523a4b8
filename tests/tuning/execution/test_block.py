"""Blocks: what they refuse, and how they cross a process boundary."""

import json
import math

import pytest

from tuning.errors import InvalidValue
from tuning.execution import Block, Ended, Lane, Measured
from tuning.execution.block import read_event, write_event
from tuning.provenance import Provenance
from tuning.records import Cause, Measurement, Result, RunState
from tuning.schedules import Schedule, build

BOTH = ("validation", "test")


def lane(run: str = "a", peak: float = 0.1, seed: int = 0, horizon: int = 10) -> Lane:
    """A lane at a constant learning rate."""
    return Lane(run, seed, Schedule(build("constant", peak, {}), horizon))


def block(*lanes: Lane, splits: tuple[str, ...] = ("validation",)) -> Block:
    """A block of those lanes."""
    return Block("odd", {"behaviour": "calm"}, 10, lanes, splits)


def test_a_block_survives_json() -> None:
    """The document of a block, sent as text, gives an equal block with equal tables."""
    sent = block(lane("a", 0.1), lane("b", 1 / 3, seed=2**32 - 1), splits=BOTH)
    received = Block.from_document(json.loads(json.dumps(sent.document())))

    assert received == sent
    for one, other in zip(received.lanes, sent.lanes, strict=True):
        assert (one.schedule.table() == other.schedule.table()).all()


@pytest.mark.parametrize(
    "event",
    [
        Measured("1.2", Measurement(7, {"mse": 0.1 + 0.2, "skill": -math.inf, "lr": 1e-320})),
        Ended(
            "1.2",
            Result(
                RunState.DIVERGED, reason="mse was inf", cause=Cause.NON_FINITE, step=7, lr=1 / 3
            ),
        ),
        Ended(
            "1.2",
            Result(
                RunState.COMPLETED,
                {"validation": {"mse": 1 / 3}},
                {"validation": (1.0, 0.1)},
                provenance=Provenance("ab", {"jax": "1.0"}),
            ),
        ),
    ],
)
def test_an_event_survives_json(event: Measured | Ended) -> None:
    """The document of an event, sent as text, gives an equal event."""
    assert read_event(json.loads(json.dumps(write_event(event)))) == event


@pytest.mark.parametrize(
    ("lanes", "splits", "field"),
    [
        ((), ("validation",), "lanes"),
        ((lane("a"), lane("a")), ("validation",), "lanes"),
        ((lane(horizon=11),), ("validation",), "schedule.horizon"),
        ((lane(),), ("test",), "splits"),
    ],
)
def test_a_block_that_makes_no_sense_is_refused(
    lanes: tuple[Lane, ...], splits: tuple[str, ...], field: str
) -> None:
    """No lanes, two lanes of one run, a lane of another horizon, or no validation."""
    with pytest.raises(InvalidValue) as refusal:
        block(*lanes, splits=splits)
    assert refusal.value.field == field
