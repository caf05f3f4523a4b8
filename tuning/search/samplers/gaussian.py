"""The `gp` sampler: a Gaussian process over the parameters themselves.

The one idea: the same process and expected improvement as the curve sampler has, over the unit cube
of the space; what is left of it without curves. Optuna's own needs PyTorch.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tuning.records import Direction, Space
from tuning.search.narrowing import kept
from tuning.search.samplers.acquisition import Pool
from tuning.search.samplers.belief import believe
from tuning.search.samplers.coordinates import Floats, axes, place_of, point_at
from tuning.search.samplers.evidence import Evidence, tamed
from tuning.search.samplers.levels import at_full_horizon, has_ended
from tuning.search.samplers.observation import Observation, key_of
from tuning.search.samplers.points import Point
from tuning.search.space import contains

FEWEST = 8  # results before the process is asked
ANYWHERE, NEAR = 400, 200
WIDTHS = (0.01, 0.05, 0.2)
UNIT = 10.0  # a side of the cube as the process sees it, whose scales are a few units


def propose_gaussian(
    space: Space,
    observations: Sequence[Observation],
    direction: Direction,
    seeds: Iterable[int],
    horizon: int,
) -> Iterator[Point]:
    """Yield one new point per seed; earlier ones count as pending for the later ones."""
    full = at_full_horizon(space, observations, direction, horizon)
    known = [seen for seen in full if contains(space, seen.params)]
    dimension = len(axes(space))
    places = np.array([place_of(space, seen.params) for seen in known])
    rows = [row for row, seen in enumerate(known) if has_ended(seen)]
    if len(rows) < FEWEST or not dimension:
        for seed in seeds:
            place = np.random.default_rng(seed).random(dimension)
            yield kept(space, point_at(space, place), horizon)
        return
    losses = np.array([np.nan if known[row].is_bad else known[row].value for row in rows], float)
    values = tamed(losses)
    scored = UNIT * places[rows]
    nothing = np.zeros(len(rows))
    evidence = Evidence(scored, nothing, nothing, losses, values, nothing + 1.0, np.array(rows))
    posterior = believe(evidence, kind=None).posterior
    best = float(posterior.predict(scored)[0].min())
    open_rows = sorted(set(range(len(known))) - set(rows))
    if open_rows:
        posterior = posterior.supposing(UNIT * places[open_rows])
    top = places[rows][np.argsort(values, kind="stable")[:5]]
    taken = {key_of(seen.params) for seen in known}
    for seed in seeds:
        offered = _offered(top, np.random.default_rng(seed))
        order = np.argsort(-Pool(posterior, UNIT * offered).promise(best), kind="stable")
        # Places that differ in axes without effect are one point.
        points = (kept(space, point_at(space, offered[place]), horizon) for place in order)
        fresh = (point for point in points if key_of(point) not in taken)
        point = next(fresh, None) or kept(space, point_at(space, offered[order[0]]), horizon)
        taken.add(key_of(point))
        posterior = posterior.supposing(UNIT * place_of(space, point)[None])
        yield point


def _offered(top: Floats, random: np.random.Generator) -> Floats:
    dimension = top.shape[1]
    anywhere = random.random((ANYWHERE, dimension))
    base = top[random.integers(len(top), size=NEAR)]
    width = np.array(WIDTHS)[random.integers(len(WIDTHS), size=NEAR)][:, None]
    touched = random.random((NEAR, dimension)) < 0.5
    near = base + touched * width * random.standard_normal((NEAR, dimension))
    return np.concatenate([anywhere, np.clip(near, 0.0, 1.0)])
