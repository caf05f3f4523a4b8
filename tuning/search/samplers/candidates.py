"""Candidates: schedules that might be tried next, described for the model.

The one idea: every family offers random members, and the best curves so far offer neighbours: free
curves a few of whose nine knots are moved, and members of their own family. A candidate becomes a
point of the space only when it is picked, so that a thousand of them cost milliseconds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tuning.records import Space
from tuning.schedules import FAMILIES, Parameter
from tuning.schedules.families.explicit import knot_places
from tuning.search.samplers.description import (
    CYCLES,
    WARMUP,
    Params,
    describe,
    describe_knots,
    heights_of,
    scaled,
)
from tuning.search.samplers.points import Point, drawn, jittered, placed
from tuning.search.samplers.segments import KNOT_COUNT, LOWEST
from tuning.search.samplers.starts import KNOTS_FAMILY, knots_point
from tuning.search.space import PEAK

Floats = NDArray[np.float64]

MEMBERS = 384  # random members of families that are kept per space
SHOWN = 160  # of them, with peaks drawn anew, at a time
BASES, NEIGHBOURS = 6, 45  # best curves, and free curves near each
KIN_BASES, KIN = 3, 6  # best members of families, and members near each
WIDTHS = (0.02, 0.06, 0.2, 0.6)  # standard deviations of a knot's move, in nats
KIN_WIDTHS = (0.03, 0.15)
SPARSE, ALONE = 0.25, 0.25  # knots moved alone: how many of them, how often
LENGTHS = (0.15, 0.4, 1.0, 3.0)  # over which moves are alike, in parts of the knots


@dataclass(frozen=True, eq=False)
class Candidates:
    """Schedules by their descriptions, and how to get the point of one.

    Args:
        columns: shape (candidates, 16).
        point: position to point of the space.
    """

    columns: Floats
    point: Callable[[int], Point]

    def __len__(self) -> int:
        """How many candidates."""
        return len(self.columns)


def joined(parts: Sequence[Candidates]) -> Candidates:
    """All candidates of several lists, in order."""
    ends = np.cumsum([len(part) for part in parts])

    def point(position: int) -> Point:
        number = int(np.searchsorted(ends, position, side="right"))
        return parts[number].point(position - int(ends[number]) + len(parts[number]))

    return Candidates(np.concatenate([part.columns for part in parts]), point)


def listed(points: Sequence[Point], cap: float, horizon: int) -> Candidates:
    """Candidates given as points."""
    return Candidates(describe(points, cap, horizon), points.__getitem__)


@dataclass(frozen=True, eq=False)
class Curves:
    """Free curves: log levels over the cap at nine knots, and warmups."""

    heights: Floats
    warmups: Floats

    def candidates(self, space: Space) -> Candidates:
        """Described, and as points of the space."""
        return Candidates(
            describe_knots(self.heights, self.warmups),
            lambda i: knots_point(space, self.heights[i], float(self.warmups[i])),
        )


def curves_of(points: Sequence[Params], cap: float, horizon: int) -> Curves:
    """The free curves nearest to schedules."""
    return Curves(
        np.array([heights_of(params, cap, horizon) for params in points]),
        np.array([float(params.get(WARMUP, 0.0)) for params in points]),
    )


def moved(curves: Curves, times: int, space: Space, random: np.random.Generator) -> Curves:
    """Curves near others: some knots moved alone, others along with their neighbours."""
    heights = np.repeat(curves.heights, times, axis=0)
    warmups = np.repeat(curves.warmups, times)
    count = len(heights)
    width = np.array(WIDTHS)[random.integers(len(WIDTHS), size=count)][:, None]
    noise = random.standard_normal((count, KNOT_COUNT))
    smooth = np.einsum("nij,nj->ni", _SMOOTH[random.integers(len(_SMOOTH), size=count)], noise)
    touched = random.random((count, KNOT_COUNT)) < SPARSE
    alone = random.random((count, 1)) < ALONE
    heights = heights + width * np.where(alone, touched * noise, smooth)
    parameter = space.parameters["warmup"]
    nudged = random.random(count) < 0.1
    spread = 0.3 * (parameter.high - parameter.low)
    warmups = warmups + nudged * spread * np.abs(random.standard_normal(count)) * width[:, 0]
    return within(Curves(heights, warmups), space)


def blended(curves: Curves) -> Curves:
    """The curves themselves, and the log means of the first two, three, … of them."""
    counts = np.arange(1, len(curves.heights) + 1)
    heights = np.cumsum(curves.heights, axis=0) / counts[:, None]
    warmups = np.cumsum(curves.warmups) / counts
    return Curves(
        np.concatenate([curves.heights, heights[1:]]),
        np.concatenate([curves.warmups, warmups[1:]]),
    )


def _smoother(length: float) -> Floats:
    """What makes independent draws at the knots alike over a part of the horizon."""
    places = np.arccos(1.0 - 2.0 * knot_places(KNOT_COUNT)) / np.pi
    distances = (places[:, None] - places[None]) / length
    factor = np.linalg.cholesky(np.exp(-(distances**2) / 2) + 1e-6 * np.eye(KNOT_COUNT))
    return np.asarray(factor)


def within(curves: Curves, space: Space) -> Curves:
    """The same moved into the space: under the cap, above the lowest level, peaks in range."""
    peak, warmup = space.parameters[PEAK], space.parameters["warmup"]
    heights = np.minimum(curves.heights, 0.0)
    lowest_top = np.log(peak.low / peak.high)
    heights = heights + np.maximum(0.0, lowest_top - heights.max(axis=1))[:, None]
    top = heights.max(axis=1, keepdims=True)
    heights = np.maximum(heights, top + np.log(LOWEST))
    return Curves(heights, np.clip(curves.warmups, warmup.low, warmup.high))


def members(space: Space, horizon: int, random: np.random.Generator) -> Candidates:
    """Random members of the zoo, with random peaks."""
    points, columns = _zoo(space, horizon)
    chosen = random.choice(len(points), size=min(SHOWN, len(points)), replace=False)
    peak = space.parameters[PEAK]
    low = np.log(peak.low / peak.high)
    factors = low * random.random(len(chosen)) ** 2.0

    def point(position: int) -> Point:
        one = points[chosen[position]]
        return placed(
            space, str(one["family"]), {**one, PEAK: peak.high * np.exp(factors[position])}
        )

    return Candidates(scaled(columns[chosen], factors), point)


def kin(
    points: Sequence[Params], space: Space, horizon: int, random: np.random.Generator
) -> Candidates:
    """Members of families near some that are good."""
    near = [
        jittered(space, point, KIN_WIDTHS[number % len(KIN_WIDTHS)], random)
        for point in points
        for number in range(KIN)
    ]
    return listed(near, float(space.parameters[PEAK].high), horizon)


def cyclic_families(space: Space) -> list[str]:
    """Families of the space that can have several cycles."""
    able = CYCLES in space.parameters and space.parameters[CYCLES].high > 1
    return [one for one in space.families if able and CYCLES in FAMILIES[one].tunable]


def has_curves(space: Space) -> bool:
    """Whether free curves may be proposed."""
    return KNOTS_FAMILY in space.families


def _zoo(space: Space, horizon: int) -> tuple[list[Point], Floats]:
    return _cached_zoo(space.families, tuple(space.parameters.values()), horizon)


@lru_cache(maxsize=16)
def _cached_zoo(
    families: tuple[str, ...], parameters: tuple[Parameter, ...], horizon: int
) -> tuple[list[Point], Floats]:
    """Members with peak at the cap; the same for every study with this space and horizon."""
    space = Space(families, {one.name: one for one in parameters})
    random = np.random.default_rng(0)
    cap = float(space.parameters[PEAK].high)
    points: list[Point] = [
        {**drawn(space, families[number % len(families)], random), PEAK: cap}
        for number in range(MEMBERS)
    ]
    return points, describe(points, cap, horizon)


_SMOOTH = np.array([_smoother(length) for length in LENGTHS])
