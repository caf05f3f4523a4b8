"""Rates: feedback follows a lane's own measurements, and what was used is what is told."""

import numpy as np
import pytest

from tests.tuning.execution.ledgers import LedgerProblem, ledger
from tuning.errors import InvalidValue
from tuning.execution import Block, Lane, Measured
from tuning.execution.rates import Rates
from tuning.execution.training import train
from tuning.schedules import Schedule
from tuning.schedules.families import ChangeOnPlateau, Plateau

HORIZON = 8
PLATEAU = Schedule(Plateau(0.1, patience=2, count_rule="ge", factor=0.5), HORIZON)


def trained(*seeds: int, schedule: Schedule = PLATEAU) -> tuple[dict[str, list[float]], object]:
    """Measured learning rates by run, one per update, and the trainer that used them."""
    problem = LedgerProblem()
    lanes = tuple(Lane(str(seed), seed, schedule) for seed in seeds)
    told: dict[str, list[float]] = {}
    for event in train(
        Block("ledger", {}, HORIZON, lanes), ledger(problem, measurements=HORIZON), problem
    ):
        if isinstance(event, Measured):
            told.setdefault(event.run, []).append(event.measurement.values["lr"])
    return told, problem.made[0]


def test_a_plateau_cuts_the_lane_that_stays_and_no_other() -> None:
    """Lane 3's loss never moves and lane 1's falls: halved after every second bad metric."""
    told, _ = trained(1, 3)

    assert told["1"] == [0.1] * HORIZON
    assert told["3"] == [0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.0125]


def test_a_lane_hears_itself_alone() -> None:
    """With other neighbours, or none, or one that is dropped on the way, the rates are the same."""
    together, _ = trained(4, 1, 3)
    for seed in (1, 3):
        assert trained(seed)[0][str(seed)] == together[str(seed)]


def test_the_learning_rate_that_is_told_is_the_one_that_was_used() -> None:
    """The realised rates, gains included."""
    told, trainer = trained(0, 1, 2, 3)
    assert {seed: told[str(seed)] for seed in range(4)} == trainer.used


def test_a_choice_moves_along_its_schedules() -> None:
    """When the metric stays, the base before or after holds; the turn is a share of all metrics."""
    family = ChangeOnPlateau(0.1, window=2, cooldown=1, first=1, turn=0.8)
    told, _ = trained(3, schedule=Schedule(family, HORIZON))

    after = family.choices([1.0] * HORIZON, HORIZON)
    gains = np.array([1.0, 0.1])[[1, *after[:-1]]]
    assert told["3"] == pytest.approx((0.1 * gains).tolist(), rel=1e-12)
    assert len(set(told["3"])) == 2


def test_all_measurements_are_known_beforehand_even_if_updates_are_few() -> None:
    """With fewer updates than measurements asked for, there are as many as updates."""
    family = ChangeOnPlateau(0.1, window=2, cooldown=1, first=1, turn=0.8)
    problem = LedgerProblem()
    lane = Lane("3", 3, Schedule(family, HORIZON))
    objective = ledger(problem, measurements=100)
    told = [
        event.measurement.values["lr"]
        for event in train(Block("ledger", {}, HORIZON, (lane,)), objective, problem)
        if isinstance(event, Measured)
    ]
    assert told == trained(3, schedule=lane.schedule)[0]["3"]


def test_a_choice_above_the_hard_cap_is_refused_when_it_is_made() -> None:
    """The base it starts with is within the cap, the one it changes to is not."""
    family = ChangeOnPlateau(0.1, window=2, cooldown=1, first=1)
    rates = Rates([Schedule(family, HORIZON)], HORIZON, cap=0.05)
    for step in range(3):
        rates.between(step, step + 1)
        rates.hear(np.ones(1))
    with pytest.raises(InvalidValue, match=r"schedule: 0\.1"):
        rates.between(3, 4)


def test_a_lane_that_was_dropped_takes_its_measurements_along() -> None:
    """The others keep what they heard."""
    rates = Rates([PLATEAU, PLATEAU], HORIZON)
    for metric in (1.0, 1.0, 1.0):
        rates.hear(np.array([1.0 / (1 + metric), metric]))
    rates.keep([1])
    assert rates.between(3, 5).tolist() == [[0.05, 0.05]]
