"""Evolution: CMA-ES over the unit cube of a space, replayed from history.

The one idea: a fresh strategy is told the scored points in order, a population at a time, and then
asked; so it is the same however the study was interrupted. Families and choices are intervals of
an axis, which the strategy treats as numbers (Hansen, 2016, arXiv:1604.00772).
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tuning.records import Direction, Space
from tuning.search.narrowing import kept
from tuning.search.samplers.coordinates import axes, place_of, point_at
from tuning.search.samplers.levels import at_full_horizon, has_ended
from tuning.search.samplers.observation import Observation
from tuning.search.samplers.points import Point
from tuning.search.space import contains

WIDTH = 0.25  # first standard deviation, of the cube


def propose_evolved(
    space: Space,
    observations: Sequence[Observation],
    direction: Direction,
    seeds: Iterable[int],
    horizon: int,
) -> Iterator[Point]:
    """Yield one new point per seed, of the distribution after all full populations so far."""
    from cmaes import CMA  # noqa: PLC0415 - heavy: it brings all of scipy.stats

    names = axes(space)
    full = at_full_horizon(space, observations, direction, horizon)
    known = [seen for seen in full if contains(space, seen.params) and has_ended(seen)]
    worst = max((seen.value for seen in known if seen.value is not None), default=0.0)
    # CMA-ES needs two dimensions; a second without effect does no harm.
    dimension = max(2, len(names))
    told = [
        (
            np.resize(place_of(space, seen.params), dimension),
            worst + 1.0 if seen.value is None else seen.value,
        )
        for seen in known
    ]
    strategy = CMA(
        mean=np.full(dimension, 0.5),
        sigma=WIDTH,
        bounds=np.tile([0.0, 1.0], (dimension, 1)),
        seed=0,
    )
    size = strategy.population_size
    for begin in range(0, len(told) - size + 1, size):
        if strategy.should_stop():
            break
        strategy.tell(told[begin : begin + size])
    for seed in seeds:
        strategy.reseed_rng(seed)
        yield kept(space, point_at(space, strategy.ask()[: len(names)]), horizon)
