"""Picks: the schedules of one generation, chosen one after another from one belief.

The one idea: a schedule that was picked, or is still in training, is supposed to turn out as
expected, which lowers the doubt about its neighbours, so that a batch spreads by itself (kriging
believer; Ginsbourger et al., 2010). Most picks are those of the largest expected improvement,
improved by a local search over their knots; every fourth is the one of the lowest mean, and a fixed
share is cyclic.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tuning.records import Space
from tuning.search.narrowing import kept
from tuning.search.samplers.acquisition import Pool
from tuning.search.samplers.belief import Belief
from tuning.search.samplers.candidates import (
    BASES,
    KIN_BASES,
    NEIGHBOURS,
    Candidates,
    Curves,
    blended,
    curves_of,
    cyclic_families,
    has_curves,
    joined,
    kin,
    listed,
    members,
    moved,
    within,
)
from tuning.search.samplers.cycles import cyclic, next_probe
from tuning.search.samplers.description import Params, cycle_count, describe, mean_rate
from tuning.search.samplers.levels import has_ended
from tuning.search.samplers.observation import Observation, key_of
from tuning.search.samplers.points import Point
from tuning.search.samplers.starts import KNOTS_FAMILY
from tuning.search.space import FAMILY, PEAK, allows, contains

Floats = NDArray[np.float64]

CYCLIC_FROM = 24  # proposals before a share of them is cyclic
CYCLIC_EVERY = 8  # one proposal in so many is cyclic, if a family of the space can be
GREEDY_EVERY = 4  # one proposal in so many has the lowest expected loss, whatever the doubt
ROUNDS, LEADERS, CHILDREN = 4, 6, 10  # of the local search for the most promising curve
LOOKED_AT = 64  # most promising candidates, of which the first that is allowed is picked


class Picks:
    """What to try next, given a belief.

    Args:
        space: what may be proposed.
        belief: after the results so far.
        observations: what was proposed before, also what has no result.
        horizon: updates of a full training.
        random: what draws candidates.
        starts: known schedules that were not tried yet, among the candidates.
    """

    def __init__(
        self,
        space: Space,
        belief: Belief,
        observations: Sequence[Observation],
        horizon: int,
        random: np.random.Generator,
        starts: Sequence[Point] = (),
    ) -> None:
        self._space, self._belief, self._horizon = space, belief, horizon
        self._cap = float(space.parameters[PEAK].high)
        self._posterior = belief.posterior
        self._proposed: list[Params] = [seen.params for seen in observations]
        pending = [seen.params for seen in observations if not has_ended(seen)]
        if pending:
            self._posterior = self._posterior.supposing(self._inputs(pending))
        tried = self._tried(observations)
        means, _ = self._posterior.predict(self._inputs(tried))
        order = np.argsort(means, kind="stable")
        self._best = float(means[order[0]])
        self._ranked = [tried[place] for place in order]
        self._candidates = self._offered(random, starts)
        self._pool = Pool(self._posterior, belief.inputs(self._candidates.columns))

    def next(self, random: np.random.Generator) -> Point:
        """The next schedule to try."""
        number = len(self._proposed)
        if number >= CYCLIC_FROM and number % CYCLIC_EVERY == 0:
            probe = self._probe()
            if probe is not None and self._allows(probe := self._kept(probe)):
                return probe
        over = None if number % GREEDY_EVERY == GREEDY_EVERY - 1 else self._best
        promise = self._pool.promise(over)
        order = np.argsort(-promise, kind="stable")[:LOOKED_AT]
        first = float(promise[order[0]]), self._candidates.point(int(order[0]))
        rivals = [first]
        if not self._allows(first[1]):
            offered = ((promise[place], self._candidates.point(int(place))) for place in order[1:])
            rivals += [next((one for one in offered if self._allows(one[1])), first)]
            rivals += [self._moved_in(first, over)]
        if has_curves(self._space):
            found = self._climbed(order, over, random)
            if found is not None:
                rivals.append(self._moved_in(found, over))
        allowed = [one for one in rivals if self._allows(one[1])] or rivals
        return max(allowed, key=lambda one: one[0])[1]

    def suppose(self, point: Point) -> None:
        """Take into account that a schedule will be tried."""
        self._proposed.append(point)
        self._posterior = self._posterior.supposing(self._inputs([point]))
        self._pool.suppose(self._posterior)

    def _inputs(self, points: Sequence[Params]) -> Floats:
        return self._belief.inputs(describe(points, self._cap, self._horizon))

    def _allows(self, point: Point) -> bool:
        return allows(self._space, point, self._horizon)

    def _kept(self, point: Point) -> Point:
        return kept(self._space, point, self._horizon)

    def _moved_in(self, found: tuple[float, Point], over: float | None) -> tuple[float, Point]:
        """A curve and its promise, moved to where it keeps the bounds on rates."""
        point = self._kept(found[1])
        if point == found[1]:
            return found
        return float(Pool(self._posterior, self._inputs([point])).promise(over)[0]), point

    def _tried(self, observations: Sequence[Observation]) -> list[Params]:
        """Schedules with a score, each once; those of the space, if there are any."""
        seen = [observations[row] for row in self._belief.evidence.rows.tolist()]
        scored = [one for one in seen if not one.is_bad] or seen
        points = [self._at_full_horizon(one) for one in scored]
        inside = [one for one in points if contains(self._space, one)] or points
        return list({key_of(one): one for one in inside}.values())

    def _at_full_horizon(self, seen: Observation) -> Params:
        """What a training over a shorter horizon says something about."""
        if seen.is_prefix or seen.horizon in {None, self._horizon}:
            return seen.params
        factor = ((seen.horizon or self._horizon) / self._horizon) ** self._belief.exponent
        return {**seen.params, PEAK: min(float(seen.params[PEAK]) * factor, self._cap)}

    def _offered(self, random: np.random.Generator, starts: Sequence[Point]) -> Candidates:
        space, horizon = self._space, self._horizon
        parts = [members(space, horizon, random), listed(starts, self._cap, horizon)]
        if has_curves(space):
            smooth = [one for one in self._ranked if cycle_count(one) < 2] or self._ranked
            bases = within(blended(curves_of(smooth[:BASES], self._cap, horizon)), space)
            parts.append(bases.candidates(space))
            parts.append(moved(bases, NEIGHBOURS, space, random).candidates(space))
        named = [
            one for one in self._ranked if one[FAMILY] != KNOTS_FAMILY and contains(space, one)
        ]
        if named:
            parts.append(kin(named[:KIN_BASES], space, horizon, random))
        if cyclic_families(space):
            parts.append(cyclic(space, self._ranked, horizon, random))
        return joined(parts)

    def _probe(self) -> Point | None:
        if not cyclic_families(self._space):
            return None
        plain = [one for one in self._ranked if cycle_count(one) < 2] or self._ranked
        level = mean_rate(plain[0], self._horizon)
        return next_probe(self._space, self._proposed, self._ranked, level, self._horizon)

    def _climbed(
        self, order: NDArray[np.int64], over: float | None, random: np.random.Generator
    ) -> tuple[float, Point] | None:
        """The most promising free curve near the most promising candidates, and how it is."""
        points = [self._candidates.point(int(place)) for place in order[: 2 * LEADERS]]
        leaders = [one for one in points if cycle_count(one) < 2][:LEADERS]
        if not leaders:
            return None
        curves = within(curves_of(leaders, self._cap, self._horizon), self._space)
        found: tuple[float, Point] | None = None
        for _ in range(ROUNDS):
            children = moved(curves, CHILDREN, self._space, random)
            offered = children.candidates(self._space)
            pool = Pool(self._posterior, self._belief.inputs(offered.columns))
            promise = pool.promise(over)
            best = np.argsort(-promise, kind="stable")[:LEADERS]
            if found is None or promise[best[0]] > found[0]:
                found = float(promise[best[0]]), offered.point(int(best[0]))
            curves = Curves(children.heights[best], children.warmups[best])
        return found
