"""The `parzen` sampler: a tree-structured Parzen estimator over the parameters themselves.

The one idea: kernels around the best tenth of the points, and kernels around all others, pending
ones included; of a few draws from the first, the one is proposed that is likelier there by the
largest factor (Bergstra et al., 2011). What the same families use is modelled together. Split,
kernels and weights are those of Optuna's multivariate sampler with a constant liar, most of whose
time does not go into arithmetic.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from tuning.records import Direction, Space
from tuning.search.narrowing import kept
from tuning.search.samplers.coordinates import (
    MIDDLE,
    Floats,
    axes,
    family_at,
    place_of,
    point_at,
)
from tuning.search.samplers.levels import at_full_horizon, has_ended
from tuning.search.samplers.observation import Observation
from tuning.search.samplers.points import Point
from tuning.search.samplers.rebuild import groups
from tuning.search.space import FAMILY, contains, used

FEWEST = 10  # results before the estimator is asked
DRAWS = 24
TENTH, MOST = 10, 25  # one point in so many counts as good, up to so many points
RECENT = 25  # points that weigh fully; the older the others, the less they weigh
FINEST = 100  # kernels, at most, side by side in a range


def propose_parzen(
    space: Space,
    observations: Sequence[Observation],
    direction: Direction,
    seeds: Iterable[int],
    horizon: int,
) -> Iterator[Point]:
    """Yield one new point per seed; earlier ones count as pending for the later ones."""
    full = at_full_horizon(space, observations, direction, horizon)
    known = [seen for seen in full if contains(space, seen.params)]
    scored = [(_loss(seen), row) for row, seen in enumerate(known) if has_ended(seen)]
    best = {row for _, row in sorted(scored)[: min(-(-len(scored) // TENTH), MOST)]}
    parts = [_Part.of(space, names) for names in groups(space)]
    for row, seen in enumerate(known):
        tried = place_of(space, seen.params)
        for part in parts:
            part.note(str(seen.params[FAMILY]), tried, row in best)
    for seed in seeds:
        random = np.random.default_rng(seed)
        place = random.random(len(axes(space)))
        for part in parts if len(scored) >= FEWEST else ():
            part.choose(family_at(space, place), place, random)
        point = kept(space, point_at(space, place), horizon)
        pending = place_of(space, point)
        for part in parts:
            part.note(str(point[FAMILY]), pending, is_good=False)
        yield point


def _loss(seen: Observation) -> float:
    return np.inf if seen.value is None else seen.value


@dataclass(slots=True)
class _Part:
    """Coordinates that the same families use, and the points so far that have them."""

    families: frozenset[str]
    columns: list[int]  # of a place
    sizes: NDArray[np.int64]  # how many there are to choose from; 0 for a number
    good: list[Floats]
    others: list[Floats]
    mixture: "Mixture | None" = None  # of the good ones

    @staticmethod
    def of(space: Space, names: Sequence[str]) -> "_Part":
        """The free ones among these coordinates."""
        families = [
            family
            for family in space.families
            if FAMILY in names or names[0] in {one.name for one in used(space, family)}
        ]
        columns = [column for column, name in enumerate(axes(space)) if name in names]
        free = [axes(space)[column] for column in columns]
        sizes = [
            len(space.families) if name == FAMILY else len(space.parameters[name].choices)
            for name in free
        ]
        return _Part(frozenset(families), columns, np.array(sizes, np.int64), [], [])

    def note(self, family: str, place: Floats, is_good: bool) -> None:
        """A point that was tried, or will be."""
        if family in self.families:
            (self.good if is_good else self.others).append(place[self.columns])

    def choose(self, family: str, place: Floats, random: np.random.Generator) -> None:
        """Fill in these coordinates of a place, if its family uses them."""
        if family not in self.families or not self.columns:
            return
        if self.mixture is None:
            self.mixture = Mixture.around(self.good, self.sizes)
        drawn = self.mixture.draw(random, DRAWS)
        others = Mixture.around(self.others, self.sizes)
        odds = self.mixture.log_density(drawn) - others.log_density(drawn)
        place[self.columns] = drawn[np.argmax(odds)]


@dataclass(frozen=True, slots=True)
class Mixture:
    """Kernels around places of the unit cube, and as the last one a wide one around its middle.

    On an axis of numbers a kernel is a normal distribution, cut off at the ends; on one of k
    choices it is the choice itself, or any with the weight of k kernels among all.

    Args:
        weights: of the kernels, shape (kernels,); they sum to 1.
        centres: shape (kernels, axes).
        widths: standard deviations, likewise.
        sizes: choices on each axis, 0 for a number.
    """

    weights: Floats
    centres: Floats
    widths: Floats
    sizes: NDArray[np.int64]

    @staticmethod
    def around(places: Sequence[Floats], sizes: NDArray[np.int64]) -> "Mixture":
        """The mixture of some places, the oldest first."""
        count = len(places)
        centres = np.reshape(np.array(places, np.float64), (count, len(sizes)))
        older = np.linspace(1 / max(count, 1), 1.0, max(0, count - RECENT))
        weights = np.append(older, np.ones(min(count, RECENT) + 1))
        middle = np.full((1, len(sizes)), MIDDLE)
        return Mixture(
            weights / weights.sum(),
            np.concatenate([centres, middle]),
            np.concatenate([_widths(centres), np.ones_like(middle)]),
            sizes,
        )

    def draw(self, random: np.random.Generator, count: int) -> Floats:
        """Some places, shape (count, axes)."""
        kernels = random.choice(len(self.weights), size=count, p=self.weights)
        centres, widths = self.centres[kernels], self.widths[kernels]
        low, mass = _cut(centres, widths)
        shares, chances = random.random((2, *centres.shape))
        numbers = centres + widths * ndtri(low + mass * shares)
        is_any = chances * (len(self.weights) + self.sizes) < self.sizes
        is_any |= kernels[:, None] == len(self.weights) - 1
        chosen = np.where(is_any, shares, centres)
        return np.where(self.sizes > 0, chosen, numbers).clip(0.0, 1.0)

    def log_density(self, places: Floats) -> Floats:
        """Logarithm of the density at places, shape (places,)."""
        _, mass = _cut(self.centres, self.widths)
        offsets = (places[:, None] - self.centres) / self.widths
        numbers = -0.5 * offsets**2 - np.log(np.sqrt(2 * np.pi) * self.widths * mass)
        logs = np.where(self.sizes > 0, self._choices(places), numbers).sum(axis=2)
        total: Floats = np.logaddexp.reduce(np.log(self.weights) + logs, axis=1)
        return total

    def _choices(self, places: Floats) -> Floats:
        """Log of the chance of each place's choice under each kernel, on every axis."""
        sizes = np.maximum(self.sizes, 1)
        is_own = np.floor(places * sizes)[:, None] == np.floor(self.centres * sizes)
        count = len(self.weights)
        chances: Floats = np.log((1.0 + is_own * count) / (count + sizes))
        chances[:, -1] = -np.log(sizes)
        return chances


def _cut(centres: Floats, widths: Floats) -> tuple[Floats, Floats]:
    """The mass of normal distributions below the unit interval, and in it."""
    low = ndtr(-centres / widths)
    return low, ndtr((1.0 - centres) / widths) - low


def _widths(centres: Floats) -> Floats:
    """On each axis the distance of every centre to its farther neighbour, within bounds."""
    count = len(centres)
    order = np.argsort(centres, axis=0, kind="stable")
    inside = np.take_along_axis(centres, order, axis=0)
    gaps = np.diff(inside, axis=0, prepend=0.0, append=1.0)
    farther = np.maximum(gaps[:-1], gaps[1:])
    if count > 1:  # the ends of the range are no neighbours
        farther[0], farther[-1] = gaps[1], gaps[-2]
    widths = np.empty_like(farther)
    np.put_along_axis(widths, order, farther, axis=0)
    return widths.clip(1.0 / min(FINEST, count + 2), 1.0)
