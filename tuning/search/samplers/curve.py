"""The curve sampler: schedules as curves, one model across all families.

The one idea: every result says something about every schedule that looks like it, whatever its
family, so a search learns from all of them at once; the next schedule is the one of the largest
expected improvement among members of families and free curves near the best. A pure function of
what was observed and of the seeds.
Not here: how one is picked (`picks`), the model (`belief`), the first schedules (`starts`).
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tuning.records import Direction, Space
from tuning.search.samplers.belief import believe
from tuning.search.samplers.evidence import gather
from tuning.search.samplers.observation import Observation, key_of
from tuning.search.samplers.picks import Picks
from tuning.search.samplers.points import Point, drawn
from tuning.search.samplers.starts import start_points
from tuning.search.space import PEAK

FEWEST = 4  # results before the model is asked


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
    taken = {key_of(seen.params) for seen in observations}
    waiting = [one for one in start_points(space, horizon) if key_of(one) not in taken]
    evidence = gather(observations, direction, float(space.parameters[PEAK].high), horizon)
    picks: Picks | None = None
    for seed in seeds:
        random = np.random.default_rng(seed)
        if len(evidence) < FEWEST:
            yield waiting.pop(0) if waiting else _anywhere(space, random)
            continue
        if picks is None:
            picks = Picks(space, believe(evidence), observations, horizon, random, waiting)
        point = picks.next(random)
        picks.suppose(point)
        yield point


def _anywhere(space: Space, random: np.random.Generator) -> Point:
    return drawn(space, space.families[int(random.integers(len(space.families)))], random)
