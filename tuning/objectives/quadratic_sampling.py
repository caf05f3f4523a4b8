"""SGD and heavy ball on noisy quadratics with drawn noise: many replicas side by side.

The one idea: what the recursion of `tuning.objectives.quadratic` computes, done: every lane holds
replicas that start at random and follow drawn gradients, a regression drawn rows and labels. Lanes
with equal seeds follow the same draws, made once; validation and test are replicas of their own.
Each lane is worked on alone, in arrays of one shape, so that nothing depends on its neighbours.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tuning.objectives.base import Floats
from tuning.objectives.quadratic import Quadratic
from tuning.seeds import derive

DRAWN_VALUES = 2**18  # at once: 2 MiB, which stay in the cache
BLOCKS = 8  # groups of replicas that losses are told apart for


class Drawn(NamedTuple):
    """What updates see, one row each: gradient noise, or rows and labels' noise, and drift."""

    noise: Floats  # (updates, replicas, modes), or (updates, replicas, rows, modes) of inputs
    labels: Floats  # (updates, replicas, rows)
    drift: Floats  # (updates, replicas, modes)


class Draws:
    """The stream that all lanes of one seed follow on one split."""

    def __init__(self, problem: Quadratic, replicas: int, seed: int, split: str) -> None:
        self._problem = problem
        # One generator per purpose: what they yield does not depend on how updates are cut.
        self._start, self._noise, self._labels, self._drift = (
            np.random.default_rng(derive(seed, "noisy_quadratic", split, purpose))
            for purpose in ("start", "noise", "labels", "drift")
        )
        self._shape = (replicas, len(problem.curvatures))

    def starts(self) -> Floats:
        """Distances from the optimum before the first update, (replicas, modes)."""
        starts: Floats = self._start.standard_normal(self._shape) * np.sqrt(self._problem.starts)
        return starts

    def next(self, updates: int) -> Drawn:
        """The draws of the next updates."""
        problem, (replicas, modes) = self._problem, self._shape
        moving = (updates, *self._shape) if problem.drift else (updates, 0, 0)
        drift = self._drift.standard_normal(moving) * np.sqrt(problem.drift)
        if not problem.rows:
            noise = self._noise.standard_normal((updates, *self._shape))
            noise *= np.sqrt(problem.noise)
            return Drawn(noise, np.empty((updates, 0)), drift)
        inputs = self._noise.standard_normal((updates, replicas, problem.rows, modes))
        inputs *= np.sqrt(problem.curvatures)
        labels = self._labels.standard_normal((updates, replicas, problem.rows))
        # σ = h s² / B in every mode, s the labels' standard deviation.
        labels *= np.sqrt(problem.noise[0] * problem.rows / problem.curvatures[0])
        return Drawn(inputs, labels, drift)


class Replicas:
    """The replicas of one lane."""

    def __init__(self, problem: Quadratic, starts: Floats) -> None:
        self._problem = problem
        self._distance = starts.copy()
        self._velocity = np.zeros_like(starts)

    def train(self, lrs: Floats, drawn: Drawn) -> None:
        """Make one update with each of the learning rates `lrs`, of shape (updates,)."""
        problem = self._problem
        gradient = self._of_rows if problem.rows else self._of_mean
        for t, lr in enumerate(lrs.tolist()):
            step = gradient(drawn, t)
            if problem.momentum:
                self._velocity *= problem.momentum
                self._velocity += step
                step = self._velocity
            self._distance -= lr * step
            if problem.drift:
                self._distance += drawn.drift[t]

    def losses(self) -> Floats:
        """The loss of every replica."""
        losses: Floats = (self._problem.curvatures * self._distance**2).sum(axis=-1) / 2
        return losses

    def _of_mean(self, drawn: Drawn, t: int) -> Floats:
        gradient: Floats = self._problem.curvatures * self._distance
        gradient += drawn.noise[t]
        return gradient

    def _of_rows(self, drawn: Drawn, t: int) -> Floats:
        inputs = drawn.noise[t]
        errors = (inputs * self._distance[:, None, :]).sum(axis=-1) + drawn.labels[t]
        gradient: Floats = (inputs * errors[:, :, None]).sum(axis=1) / self._problem.rows
        return gradient


class SampledTrainer:
    """Lanes of replicas; the loss is their mean."""

    def __init__(
        self, problem: Quadratic, replicas: int, seeds: Sequence[int], splits: Sequence[str]
    ) -> None:
        self._seeds = list(seeds)
        self._piece = max(
            1, DRAWN_VALUES // (replicas * len(problem.curvatures) * max(1, problem.rows))
        )
        self._replicas = replicas
        self._draws: dict[str, dict[int, Draws]] = {}
        self._lanes: dict[str, list[Replicas]] = {}
        for split in splits:
            draws = {seed: Draws(problem, replicas, seed, split) for seed in self._seeds}
            starts = {seed: one.starts() for seed, one in draws.items()}
            self._draws[split] = draws
            self._lanes[split] = [Replicas(problem, starts[seed]) for seed in self._seeds]

    def train(self, lrs: Floats) -> None:
        """Train every lane with its own row of `lrs`."""
        with np.errstate(over="ignore", invalid="ignore"):  # a lane that overflows is not finite
            for begin in range(0, lrs.shape[1], self._piece):
                columns = lrs[:, begin : begin + self._piece]
                for split in self._lanes:
                    self._train(split, columns)

    def _train(self, split: str, lrs: Floats) -> None:
        drawn = {seed: one.next(lrs.shape[1]) for seed, one in self._draws[split].items()}
        for lane, seed, row in zip(self._lanes[split], self._seeds, lrs, strict=True):
            lane.train(row, drawn[seed])

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """The mean loss of every lane."""
        return {"loss": np.array([losses.mean() for losses in self._losses(split)])}

    def block_losses(self, split: str) -> Floats:
        """Mean losses of groups of replicas, of shape (lanes, blocks)."""
        count = len(block_names(self._replicas))
        groups = [np.array_split(losses, count) for losses in self._losses(split)]
        return np.array([[group.mean() for group in lane] for lane in groups])

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these, and the draws that nobody follows any more."""
        self._seeds = [self._seeds[lane] for lane in lanes]
        for split, all_lanes in self._lanes.items():
            self._lanes[split] = [all_lanes[lane] for lane in lanes]
            draws = self._draws[split]
            self._draws[split] = {seed: draws[seed] for seed in self._seeds}

    def _losses(self, split: str) -> list[Floats]:
        with np.errstate(over="ignore", invalid="ignore"):
            return [lane.losses() for lane in self._lanes[split]]


def block_names(replicas: int) -> tuple[str, ...]:
    """Names of the groups of replicas that losses are told apart for.

    >>> block_names(5)[:2], block_names(16)[:2]
    (('replica 1', 'replica 2'), ('replicas 1-2', 'replicas 3-4'))
    """
    groups = np.array_split(np.arange(1, replicas + 1), min(replicas, BLOCKS))
    return tuple(
        f"replica {group[0]}" if len(group) == 1 else f"replicas {group[0]}-{group[-1]}"
        for group in groups
    )
