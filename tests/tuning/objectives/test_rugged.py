"""Walkers on a rugged landscape: worlds, the walk, what is known when."""

from dataclasses import replace

import numpy as np
import pytest

from tuning.objectives import TEST, VALIDATION
from tuning.objectives.base import Floats
from tuning.objectives.rugged import RuggedTrainer, World

HORIZON = 160


def draw(seed: int = 1, split: str = VALIDATION, horizon: int = HORIZON, **other: object) -> World:
    """A small world of four stretches."""
    settings = {"jumps": 4, "irregular": False, "walkers": 5, **other}
    return World.draw(seed, split, horizon, **settings)  # type: ignore[arg-type] # of any type


def losses(world: World, lrs: Floats, chunk: int = 1, noise: float = 2.0) -> Floats:
    """What one lane measures chunk by chunk."""
    trainer = RuggedTrainer({1: world}, (1,), noise)
    told = []
    for first in range(0, len(lrs), chunk):
        trainer.train(lrs[None, first : first + chunk])
        told.append(trainer.evaluate(VALIDATION)["loss"][0])
    return np.array(told)


def test_the_walk_is_descent_on_the_landscape() -> None:
    """Against plain loops: f and its gradient written out, noise drawn update by update."""
    world = draw()
    lrs = np.linspace(0.2, 0.01, HORIZON)
    stream = np.random.default_rng(world.noise_seed)
    x = world.starts.copy()
    expected = []
    for t, lr in enumerate(lrs):
        d = x - world.centres[t // 40]
        f = 0.25 * d**2 + 0.3 * (1 - np.cos(2 * np.pi * d))
        expected.append(f.sum(axis=1).mean())
        slope = 0.5 * d + 0.3 * 2 * np.pi * np.sin(2 * np.pi * d)
        x = x - lr * np.clip(slope + 2.0 * stream.standard_normal(x.shape), -20, 20)

    assert losses(world, lrs) == pytest.approx(np.array(expected), rel=1e-9)


def test_chunks_do_not_change_the_walk() -> None:
    """Measured one by one or in chunks across the jumps, the walkers make the same steps."""
    lrs = np.full(HORIZON, 0.1)
    one_by_one = losses(draw(), lrs)
    in_chunks = losses(draw(), lrs, chunk=32)

    assert in_chunks == pytest.approx(one_by_one.reshape(-1, 32).mean(axis=1), rel=1e-14)
    whole, pieces = (RuggedTrainer({1: draw()}, (1,), 2.0) for _ in range(2))
    whole.train(lrs[None])
    for first in range(0, HORIZON, 7):
        pieces.train(lrs[None, first : first + 7])
    assert (whole.block_losses(VALIDATION) == pieces.block_losses(VALIDATION)).all()


@pytest.mark.parametrize("altered", ["centres", "edges", "learning rates"])
def test_what_comes_later_changes_nothing_before(altered: str) -> None:
    """With another world or schedule from update 80 on, losses up to there have the same bits."""
    world, lrs = draw(), np.full(HORIZON, 0.1)
    other, later = world, lrs.copy()
    match altered:
        case "centres":
            centres = world.centres.copy()
            centres[2:] += 1.0
            other = replace(world, centres=centres)
        case "edges":
            other = replace(world, edges=(0, 40, 80, 90, HORIZON))
        case _:
            later[79:] = 0.3
    one, two = losses(world, lrs), losses(other, later)

    assert (one[:80] == two[:80]).all()
    assert (one[80:] != two[80:]).any()


def test_worlds_follow_from_seed_and_split() -> None:
    """Equal for equal seeds; another seed or split is another world in every part."""
    world = draw()
    assert (draw().centres == world.centres).all()
    for other in (draw(seed=2), draw(split=TEST)):
        assert (other.starts != world.starts).all()
        assert (other.centres != world.centres).all()
        assert other.noise_seed != world.noise_seed


def test_the_clock_scales_with_the_horizon() -> None:
    """Over half the horizon the same centres follow each other at half the updates."""
    for irregular in (False, True):
        full, half = (draw(horizon=h, irregular=irregular) for h in (1_600, 800))
        assert (full.centres == half.centres).all()
        assert np.abs(np.array(full.edges) / 2 - half.edges).max() <= 1
    assert draw(horizon=1_600).edges == (0, 400, 800, 1_200, 1_600)
    assert draw(irregular=True).edges != draw(irregular=True, seed=2).edges


def test_centres_are_uniform() -> None:
    """From -5 to 5 in every direction: mean 0 and variance 100 / 12 within four errors."""
    centres = draw(walkers=2_000).centres
    assert np.abs(centres).max() < 5.0
    assert abs(centres.mean()) < 4 * np.sqrt(100 / 12 / centres.size)
    assert centres.var() == pytest.approx(100 / 12, rel=0.03)


def test_blocks_are_the_stretches_between_jumps() -> None:
    """Their mean is the mean over the life; one that has not begun is not a number."""
    trainer = RuggedTrainer({1: draw()}, (1,), 2.0)
    trainer.train(np.full((1, 80), 0.1))
    assert np.isnan(trainer.block_losses(VALIDATION)).tolist() == [[False, False, True, True]]
    trainer.train(np.full((1, 80), 0.1))
    second = trainer.evaluate(VALIDATION)["loss"][0]

    blocks = trainer.block_losses(VALIDATION)[0]
    assert blocks[2:].mean() == pytest.approx(second, rel=1e-14)
    assert blocks.mean() == pytest.approx(losses(draw(), np.full(HORIZON, 0.1)).mean(), rel=1e-12)


def test_a_horizon_shorter_than_the_jumps_is_trained_all_the_same() -> None:
    """Every stretch has a loss at the end, be it of an update that it shares."""
    world = draw(horizon=2, jumps=9, irregular=True)
    trainer = RuggedTrainer({1: world}, (1,), 2.0)
    trainer.train(np.full((1, 2), 0.1))

    assert np.isfinite(trainer.block_losses(VALIDATION)).all()


def test_an_empty_stretch_is_skipped() -> None:
    """Two jumps at once, at the start or later, are one: to where the last of them leads."""
    world, lrs = draw(), np.full(HORIZON, 0.1)
    centres = world.centres
    twice = replace(world, edges=(0, 0, 60, 60, HORIZON))
    once = replace(world, edges=(0, 60, HORIZON), centres=centres[[1, 3]])

    assert (losses(twice, lrs) == losses(once, lrs)).all()


def test_before_the_first_update_the_start_is_measured() -> None:
    """And updates beyond the horizon change nothing."""
    world = draw()
    trainer = RuggedTrainer({1: world}, (1,), 2.0)
    start = trainer.evaluate(VALIDATION)["loss"][0]
    assert start == losses(world, np.full(1, 0.1))[0]
    trainer.train(np.full((1, HORIZON), 0.1))
    end = trainer.block_losses(VALIDATION)
    trainer.train(np.full((1, 3), 0.1))

    assert (trainer.block_losses(VALIDATION) == end).all()
