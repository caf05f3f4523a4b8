"""Walkers on a rugged landscape whose optimum jumps.

The one idea: f(x) = Σ 0.25 d² + A (1 - cos 2πd) with d = x - c, a bowl full of pits one apart. A
large learning rate crosses from pit to pit, a small one settles in one, and the centre c jumps
anew before it pays to stay small. Every lane holds many walkers, each in a world of its own; lanes
with equal seeds live in the same worlds. What is measured arises in passing: the loss of every
iterate, where the centre is then.
Each lane is worked on alone, in arrays of one shape, so that nothing depends on its neighbours.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tuning.objectives.base import Floats
from tuning.seeds import derive

DIMENSIONS = 4
PITS = 0.3  # A
REACH = 5.0  # centres are uniform in [-5, 5]
CLIP = 20.0  # of every component of a gradient
PIECE = 64  # updates whose noise is drawn at once


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """Where the centre is, and when, for all walkers of one seed.

    Args:
        edges: first update of every stretch between jumps, 0 first, and the horizon; rising, but
            stretches may be empty.
        starts: where the walkers are before the first update, shape (walkers, 4).
        centres: c of every stretch, shape (stretches, walkers, 4).
        noise_seed: of the gradients' noise.
    """

    edges: tuple[int, ...]
    starts: Floats
    centres: Floats
    noise_seed: int

    @staticmethod
    def draw(
        seed: int, split: str, horizon: int, *, jumps: int, irregular: bool, walkers: int
    ) -> "World":
        """The world of a seed on a split: as many stretches as `jumps`, the first from the start.

        They are equally long, or `irregular`: cut at uniform random times. Both scale with the
        horizon, and centres do not depend on it.
        """
        start, centre, time = (
            np.random.default_rng(derive(seed, "regime_rugged", split, purpose))
            for purpose in ("start", "centres", "times")
        )
        fractions = np.arange(jumps) / jumps
        if irregular:
            fractions = np.concatenate([[0.0], np.sort(time.random(jumps - 1))])
        edges = np.minimum(np.rint(fractions * horizon), horizon - 1).astype(int).tolist()
        return World(
            (*edges, horizon),
            start.uniform(-REACH, REACH, (walkers, DIMENSIONS)),
            centre.uniform(-REACH, REACH, (jumps, walkers, DIMENSIONS)),
            derive(seed, "regime_rugged", split, "noise"),
        )

    def stretch(self, update: int) -> int:
        """Which stretch an update belongs to."""
        return int(np.searchsorted(self.edges[1:-1], update, side="right"))

    def centre(self, update: int) -> Floats:
        """Where the centre is at an update, for every walker."""
        centre: Floats = self.centres[self.stretch(update)]
        return centre

    def pieces(self, first: int, last: int) -> list[tuple[int, int]]:
        """Updates `first` .. `last` - 1, cut where the centre jumps and every `PIECE` updates."""
        cuts = {first, last, *range(first, last, PIECE)}
        cuts |= {edge for edge in self.edges if first < edge < last}
        return list(itertools.pairwise(sorted(cuts)))


class RuggedTrainer:
    """Lanes of walkers and the worlds they walk in, one per seed; the horizon ends everything."""

    def __init__(self, worlds: Mapping[int, World], seeds: Sequence[int], noise: float) -> None:
        self._worlds = dict(worlds)
        self._seeds = list(seeds)
        self._deviation = noise
        self._streams = {
            seed: np.random.default_rng(world.noise_seed) for seed, world in worlds.items()
        }
        # From the centre: a sum and a difference at every call would leave rounding errors.
        self._distances = [worlds[seed].starts - worlds[seed].centre(0) for seed in seeds]
        self._horizon = next(iter(worlds.values())).edges[-1]
        # The first column is the loss before any update, until one is made.
        self._losses = np.zeros((len(self._seeds), max(1, self._horizon)))
        for losses, distance in zip(self._losses, self._distances, strict=True):
            losses[0] = _mean_losses(distance[None])[0]
        self._done = 0
        self._latest = (0, 1)

    def train(self, lrs: Floats) -> None:
        """Make one update per column; those beyond the horizon change nothing."""
        first = self._done
        last = min(first + lrs.shape[1], self._horizon)
        if last == first:
            return
        with np.errstate(over="ignore", invalid="ignore"):  # a lane that overflows is not finite
            for seed, world in self._worlds.items():
                lanes = [lane for lane, own in enumerate(self._seeds) if own == seed]
                for begin, end in world.pieces(first, last):
                    noise = self._noise(seed, end - begin)
                    for lane in lanes:
                        if begin > 0 and begin in world.edges:
                            self._distances[lane] += world.centre(begin - 1) - world.centre(begin)
                        row = lrs[lane, begin - first : end - first]
                        self._losses[lane, begin:end] = _walk(self._distances[lane], row, noise)
        self._done, self._latest = last, (first, last)

    def evaluate(self, split: str) -> Mapping[str, Floats]:
        """Mean loss of the iterates that the last `train` began its updates from."""
        del split
        first, last = self._latest
        return {"loss": np.array([losses[first:last].mean() for losses in self._losses])}

    def block_losses(self, split: str) -> Floats:
        """Mean loss per stretch between jumps, shape (lanes, stretches); NaN where none was yet."""
        del split
        return np.array(
            [
                [self._between(losses, *ends) for ends in itertools.pairwise(self._worlds[s].edges)]
                for s, losses in zip(self._seeds, self._losses, strict=True)
            ]
        )

    def keep(self, lanes: Sequence[int]) -> None:
        """Drop every lane but these, and the worlds that nobody walks in any more."""
        self._seeds = [self._seeds[lane] for lane in lanes]
        self._distances = [self._distances[lane] for lane in lanes]
        self._losses = self._losses[list(lanes)]
        self._worlds = {seed: self._worlds[seed] for seed in self._seeds}
        self._streams = {seed: self._streams[seed] for seed in self._seeds}

    def _noise(self, seed: int, updates: int) -> Floats:
        noise = self._streams[seed].standard_normal((updates, *self._worlds[seed].starts.shape))
        noise *= self._deviation
        return noise

    def _between(self, losses: Floats, first: int, last: int) -> float:
        if self._done <= first:
            return float("nan")
        return float(losses[first : max(first + 1, min(last, self._done))].mean())


def _walk(distance: Floats, lrs: Floats, noise: Floats) -> Floats:
    """Move walkers, in place; return the mean loss before each update."""
    path = np.empty_like(noise)
    gradient, slope = np.empty((2, *distance.shape))
    for t, lr in enumerate(lrs.tolist()):
        path[t] = distance
        np.multiply(distance, 2 * np.pi, out=gradient)
        np.sin(gradient, out=gradient)
        gradient *= 2 * np.pi * PITS
        np.multiply(distance, 0.5, out=slope)
        gradient += slope
        gradient += noise[t]
        np.minimum(gradient, CLIP, out=gradient)
        np.maximum(gradient, -CLIP, out=gradient)
        gradient *= lr
        distance -= gradient
    return _mean_losses(path)


def _mean_losses(path: Floats) -> Floats:
    """Mean over walkers of f at every point of paths of shape (updates, walkers, 4)."""
    waves = np.cos(2 * np.pi * path)
    values = 0.25 * path**2 + PITS * (1 - waves)
    losses: Floats = values.reshape(len(path), -1).sum(axis=-1) / path.shape[1]
    return losses
