"""Sampled training on noisy quadratics: it agrees with the recursion within its error."""

import numpy as np
import pytest

from tuning.objectives import TEST, VALIDATION
from tuning.objectives.quadratic import Moments
from tuning.objectives.quadratic_problems import Config, build
from tuning.objectives.quadratic_sampling import Draws, Replicas, SampledTrainer

REPLICAS = 4_000
UPDATES = 40

CASES = [
    {"problem": "N1"},
    {"problem": "N1", "momentum": 0.9},
    {"problem": "N2", "form": "drifting", "drift": 0.01},
    {"problem": "N2", "form": "drifting", "drift": 0.01, "momentum": 0.5},
    {"problem": "N5", "batch": 4},
    {"problem": "N5", "batch": 4, "momentum": 0.9},
]


@pytest.mark.parametrize("settings", CASES, ids=str)
def test_samples_agree_with_the_exact_loss(settings: dict[str, object]) -> None:
    """The mean over 4,000 replicas lies within three standard errors of the recursion's loss."""
    problem = build(Config(**settings, modes=8))  # type: ignore[arg-type] # settings of any type
    lrs = 0.5 * problem.cap * np.linspace(1.0, 0.1, UPDATES)
    moments = Moments(problem, 1)
    moments.train(lrs[None])
    draws = Draws(problem, REPLICAS, 11, VALIDATION)
    replicas = Replicas(problem, draws.starts())
    for t in range(UPDATES):
        replicas.train(lrs[t : t + 1], draws.next(1))
    losses = replicas.losses()

    error = losses.std(ddof=1) / np.sqrt(REPLICAS)
    assert abs(losses.mean() - moments.losses()[0]) / error < 3.0
    assert error < 0.05 * losses.mean()  # tight enough to notice a wrong term


def sampled(seeds: tuple[int, ...], splits: tuple[str, ...] = (VALIDATION,)) -> SampledTrainer:
    """A small trainer."""
    problem = build(Config(problem="N2", modes=5, form="drifting"))
    return SampledTrainer(problem, 6, seeds, splits)


def test_equal_seeds_share_their_draws_whatever_the_learning_rates() -> None:
    """Common random numbers: with no learning rate at all, lanes of a seed drift alike."""
    trainer = sampled((1, 1, 2))
    trainer.train(np.zeros((3, 10)))
    losses = trainer.block_losses(VALIDATION)

    assert (losses[0] == losses[1]).all()
    assert (losses[0] != losses[2]).all()


def test_validation_and_test_are_replicas_of_their_own() -> None:
    """The two splits start and go different ways."""
    trainer = sampled((1,), (VALIDATION, TEST))
    trainer.train(np.full((1, 10), 0.1))

    assert (trainer.block_losses(VALIDATION) != trainer.block_losses(TEST)).all()
    assert trainer.evaluate(TEST)["loss"].shape == (1,)


def test_later_draws_change_nothing_before() -> None:
    """With other noise and drift from update 7 on, the first 7 end at the same bits."""
    problem = build(Config(problem="N2", modes=5, form="drifting", momentum=0.5))
    lrs = np.full(12, 0.1)
    ends = []
    for other in (False, True):
        draws = Draws(problem, 6, 1, VALIDATION)
        drawn = draws.next(12)
        if other:
            drawn.noise[7:] += 1.0
            drawn.drift[7:] -= 1.0
        replicas = Replicas(problem, draws.starts())
        replicas.train(lrs[:7], drawn)
        before = replicas.losses()
        rest = drawn._replace(noise=drawn.noise[7:], drift=drawn.drift[7:])
        replicas.train(lrs[7:], rest)
        ends.append((before, replicas.losses()))

    assert (ends[0][0] == ends[1][0]).all()
    assert (ends[0][1] != ends[1][1]).all()


def test_dropped_lanes_take_their_draws_along() -> None:
    """What is left goes on with the bits that it has alone."""
    trainer = sampled((1, 2, 3))
    trainer.train(np.full((3, 4), 0.1))
    trainer.keep([1])
    trainer.train(np.full((1, 4), 0.1))
    alone = sampled((2,))
    alone.train(np.full((1, 8), 0.1))

    assert (trainer.block_losses(VALIDATION) == alone.block_losses(VALIDATION)).all()
