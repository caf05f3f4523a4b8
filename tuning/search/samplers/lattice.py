"""Lattices: points that cover a space without looking at results.

The one idea: the n-th point depends on n alone: of a scrambled Sobol sequence for `qmc`, of all
combinations of a few levels of every parameter for `grid`. What was proposed before only says how
far the sequence has come.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tuning.records import Direction, ParameterValue, Space
from tuning.schedules import Parameter
from tuning.search.narrowing import kept
from tuning.search.samplers.coordinates import axes, point_at
from tuning.search.samplers.observation import Observation, key_of
from tuning.search.samplers.points import Point, placed
from tuning.search.space import is_fixed, used

PEAKS, LEVELS = 5, 3  # of the peak, and of every other number
MOST = 100_000  # combinations that are listed


def propose_sobol(
    space: Space,
    observations: Sequence[Observation],
    direction: Direction,
    seeds: Iterable[int],
    horizon: int,
) -> Iterator[Point]:
    """Yield points of a scrambled Sobol sequence over the unit cube of the space, one per seed."""
    from scipy.stats import qmc  # noqa: PLC0415 - heavy

    del direction
    dimension = len(axes(space))
    sequence = qmc.Sobol(dimension, rng=0) if dimension else None
    if sequence is not None and observations:
        sequence.fast_forward(len(observations))
    for _ in seeds:
        place = np.empty(0) if sequence is None else sequence.random(1)[0]
        yield kept(space, point_at(space, place), horizon)


def propose_grid(
    space: Space,
    observations: Sequence[Observation],
    direction: Direction,
    seeds: Iterable[int],
    horizon: int,
) -> Iterator[Point]:
    """Yield points of the grid that were not proposed yet; none are left at its end.

    Families take turns, so that a short look sees all of them.
    """
    del direction
    taken = {key_of(seen.params) for seen in observations}
    points = (kept(space, point, horizon) for point in grid(space))
    fresh = (point for point in points if key_of(point) not in taken)
    for point, _ in zip(fresh, seeds, strict=False):
        yield point


def grid(space: Space) -> Iterator[Point]:
    """All combinations, family by family in turns: 5 peaks, 3 levels of other numbers, choices."""
    lines = [_family_grid(space, family) for family in space.families]
    rounds = itertools.zip_longest(*lines)
    points = (point for one in rounds for point in one if point is not None)
    return itertools.islice(points, MOST)


def _family_grid(space: Space, family: str) -> Iterator[Point]:
    parameters = used(space, family)
    # The peak comes last, and so changes fastest: it matters most.
    levels = [_levels(one) for one in parameters[1:]] + [_levels(parameters[0], PEAKS)]
    names = [one.name for one in parameters[1:]] + [parameters[0].name]
    for values in itertools.product(*levels):
        yield placed(space, family, dict(zip(names, values, strict=True)))


def _levels(parameter: Parameter, count: int = LEVELS) -> list[ParameterValue]:
    if parameter.kind == "choice":
        return list(parameter.choices)
    if is_fixed(parameter):
        return [parameter.low]
    low, high = parameter.low, parameter.high
    spaced = np.geomspace(low, high, count) if parameter.log else np.linspace(low, high, count)
    if parameter.kind == "int":
        spaced = np.unique(np.rint(spaced))
    return [float(value) for value in spaced]
