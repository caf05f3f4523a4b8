"""Noise on what is measured: drawn per schedule, seed, horizon and split, and nothing else."""

import hashlib

import numpy as np
import pytest

from tuning.objectives import TEST, VALIDATION
from tuning.objectives.log_noise import NoisyProblem
from tuning.objectives.noisy_quadratic import ExactProblem
from tuning.objectives.quadratic_problems import Config, build
from tuning.schedules import Linear, Schedule
from tuning.seeds import derive

EXACT = ExactProblem(build(Config(modes=5)))
NOISY = NoisyProblem(EXACT, 0.05)
TABLE = Schedule(Linear(0.5), 20).table()


def factors(seeds: tuple[int, ...], rows: np.ndarray, split: str = VALIDATION) -> np.ndarray:
    """What each lane's true loss is multiplied by, at the end."""
    noisy, exact = (p.trainer(seeds, rows.shape[1], (split,)) for p in (NOISY, EXACT))
    for trainer in (noisy, exact):
        trainer.train(rows[:, :7])
        trainer.train(rows[:, 7:])
    ratios: np.ndarray = noisy.evaluate(split)["loss"] / exact.evaluate(split)["loss"]
    assert noisy.block_losses(split)[:, 0] == pytest.approx(noisy.evaluate(split)["loss"])
    return ratios


def test_the_factor_follows_from_the_hash_of_the_table() -> None:
    """Anyone can compute it: exp(0.05 z), z from the schedule's own `table_sha256`."""
    table = Schedule(Linear(0.5), 20).table_sha256
    assert table == hashlib.sha256(TABLE.astype("<f8").tobytes()).hexdigest()
    seed = derive(3, "log_noise", 20, VALIDATION, table)
    expected = np.exp(0.05 * np.random.default_rng(seed).standard_normal())

    assert factors((3,), TABLE[None])[0] == pytest.approx(expected, rel=1e-14)


def test_seed_schedule_and_split_each_draw_anew() -> None:
    """One of them changed is another factor; a lane's company changes nothing."""
    rows = np.vstack([TABLE, TABLE, 0.9 * TABLE])
    together = factors((1, 2, 1), rows)

    assert len(set(together)) == 3
    assert factors((1,), TABLE[None], TEST)[0] != together[0]
    assert factors((1,), TABLE[None])[0] == together[0]


def test_the_noise_has_the_deviation_asked_for() -> None:
    """Over 400 seeds the logarithm has mean 0 and deviation 0.05 within three errors."""
    logs = np.log(factors(tuple(range(400)), np.tile(TABLE, (400, 1))))

    assert abs(logs.mean()) < 3 * 0.05 / 20
    assert logs.std() == pytest.approx(0.05, abs=3 * 0.05 / np.sqrt(800))


def test_dropped_lanes_take_their_noise_along() -> None:
    """After others were dropped a lane is measured as before."""
    trainer = NOISY.trainer((1, 2, 3), 20, (VALIDATION,))
    trainer.train(np.tile(TABLE, (3, 1)))
    before = trainer.evaluate(VALIDATION)["loss"]
    trainer.keep([0, 2])

    assert (trainer.evaluate(VALIDATION)["loss"] == before[[0, 2]]).all()
