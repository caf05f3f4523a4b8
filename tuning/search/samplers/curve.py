"""The curve sampler: schedules as curves, one model across all families.

The one idea: every result says something about every schedule that looks like it, whatever its
family, so a search learns from all of them at once; the next schedule is the one of the largest
expected improvement among members of families and free curves near the best. A pure function of
what was observed and of the seeds.
Not here: the model (`belief`), the candidates (`candidates`), the first schedules (`starts`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tuning.records import Direction, Space
from tuning.search.samplers.acquisition import Pool
from tuning.search.samplers.belief import Belief, believe
from tuning.search.samplers.candidates import (
    BASES,
    KIN_BASES,
    NEIGHBOURS,
    Candidates,
    Curves,
    curves_of,
    cyclic_families,
    has_curves,
    blended,
    joined,
    kin,
    members,
    moved,
    within,
)
from tuning.search.samplers.cycles import cyclic
from tuning.search.samplers.description import CYCLES, describe
from tuning.search.samplers.evidence import gather
from tuning.search.samplers.observation import Observation
from tuning.search.samplers.points import Point, drawn
from tuning.search.samplers.process import Posterior
from tuning.search.samplers.starts import KNOTS_FAMILY, start_points
from tuning.search.space import FAMILY, PEAK, contains

FEWEST = 4  # results before the model is asked
CYCLIC_EVERY = 8  # one proposal in so many is cyclic, if a family of the space can be
ROUNDS, LEADERS, CHILDREN = 3, 6, 10  # of the local search for the most promising curve


def propose_curves(
    space: Space,
    observations: Sequence[Observation],
    direction: Direction,
    seeds: Iterable[int],
    horizon: int,
) -> Iterator[Point]:
    """Yield one new point per seed; earlier ones count as pending for the later ones.

    Args:
        space: what may be proposed.
        observations: what was proposed before, in order.
        direction: which way a score is better.
        seeds: one per proposal.
        horizon: updates of a full training.
    """
    taken = {_key(seen.params) for seen in observations}
    waiting = [one for one in start_points(space, horizon) if _key(one) not in taken]
    search: _Search | None = None
    new: list[Point] = []
    for seed in seeds:
        random = np.random.default_rng(seed)
        if waiting:
            point = waiting.pop(0)
        else:
            if search is None:
                search = _Search.begin(space, observations, new, direction, horizon, random)
            number = len(observations) + len(new)
            point = search.next(number, random) if search else _anything(space, random)
        new.append(point)
        if search is not None:
            search.suppose(point)
        yield point


def _key(params: object) -> tuple[tuple[str, object], ...]:
    return tuple(sorted(dict(params).items()))  # type: ignore[call-overload] # a mapping


def _anything(space: Space, random: np.random.Generator) -> Point:
    family = space.families[int(random.integers(len(space.families)))]
    return drawn(space, family, random)


class _Search:
    """The picks of one generation from one belief."""

    @classmethod
    def begin(
        cls,
        space: Space,
        observations: Sequence[Observation],
        new: Sequence[Point],
        direction: Direction,
        horizon: int,
        random: np.random.Generator,
    ) -> "_Search | None":
        cap = float(space.parameters[PEAK].high)
        evidence = gather(observations, direction, cap, horizon)
        if len(evidence) < FEWEST:
            return None
        return cls(space, observations, new, believe(evidence), horizon, random)

    def __init__(self, space, observations, new, belief, horizon, random) -> None:
        self._space, self._belief, self._horizon = space, belief, horizon
        self._cap = float(space.parameters[PEAK].high)
        self._posterior = belief.posterior
        pending = [
            seen.params for seen in observations if seen.value is None and not seen.is_bad
        ] + list(new)
        if pending:
            self._posterior = self._posterior.supposing(self._describe(pending))
        tried = [
            observations[row] for row in belief.evidence.rows
        ]
        good = [seen for seen in tried if not seen.is_bad]
        inside = [seen for seen in good if contains(space, seen.params)] or good or tried
        points = list({_key(seen.params): seen.params for seen in inside}.values())
        means, _ = self._posterior.predict(self._describe(points))
        order = np.argsort(means, kind="stable")
        self._best = float(means[order[0]])
        self._ranked = [points[i] for i in order]
        self._candidates = self._offer(random)
        self._pool = Pool(self._posterior, belief.inputs(self._candidates.columns))

    def _describe(self, points):
        return self._belief.inputs(describe(points, self._cap, self._horizon))

    def _offer(self, random) -> Candidates:
        parts = [members(self._space, self._horizon, random)]
        if has_curves(self._space):
            smooth = [p for p in self._ranked if int(p.get(CYCLES, 1)) < 2][:BASES]
            bases = curves_of(smooth or self._ranked[:BASES], self._cap, self._horizon)
            bases = within(blended(bases), self._space)
            parts.append(bases.candidates(self._space))
            parts.append(moved(bases, NEIGHBOURS, self._space, random).candidates(self._space))
        named = [
            p for p in self._ranked if p[FAMILY] != KNOTS_FAMILY and contains(self._space, p)
        ]
        if named:
            parts.append(kin(named[:KIN_BASES], self._space, self._horizon, random))
        if cyclic_families(self._space):
            parts.append(cyclic(self._space, self._ranked, self._horizon, random))
        return joined(parts)

    def next(self, number: int, random) -> Point:
        promise = self._pool.promise(self._best)
        if cyclic_families(self._space) and number % CYCLIC_EVERY == CYCLIC_EVERY - 1:
            from tuning.search.samplers.description import COUNT
            counts = self._candidates.columns[:, COUNT] > 0
            if counts.any():
                promise = np.where(counts, promise, -np.inf)
            return self._candidates.point(int(np.argmax(promise)))
        first = int(np.argmax(promise))
        best = float(promise[first]), self._candidates.point(first)
        if has_curves(self._space):
            better = self._climbed(promise, random)
            if better[0] > best[0]:
                best = better
        return best[1]

    def _climbed(self, promise, random):
        order = np.argsort(-promise, kind="stable")[: 4 * LEADERS]
        points = [self._candidates.point(int(i)) for i in order]
        points = [p for p in points if int(p.get(CYCLES, 1)) < 2][:LEADERS]
        if not points:
            return -np.inf, None
        leaders = curves_of(points, self._cap, self._horizon)
        best = (-np.inf, None)
        for _ in range(ROUNDS):
            children = moved(leaders, CHILDREN, self._space, random)
            offered = children.candidates(self._space)
            gains = Pool(self._posterior, self._belief.inputs(offered.columns)).promise(self._best)
            order = np.argsort(-gains, kind="stable")[:LEADERS]
            if gains[order[0]] > best[0]:
                best = float(gains[order[0]]), offered.point(int(order[0]))
            leaders = Curves(children.heights[order], children.warmups[order])
        return best

    def suppose(self, point: Point) -> None:
        self._posterior = self._posterior.supposing(self._describe([point]))
        self._pool.suppose(self._posterior)
