"""Samplers: which point of the space to try next, by name.

The one idea: a sampler is a pure function of what was observed and of seeds derived from the
trial's number; nothing of it is kept, so a restart loses nothing. Optuna's own are rebuilt from
history for every generation. A new sampler is one line in `SAMPLERS`.
Not here: baselines and budgets (`tuning.search.policy`).
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, NSGAIISampler, RandomSampler, TPESampler

from tuning.records import Direction, Space
from tuning.search.narrowing import hopeful
from tuning.search.samplers.curve import propose_curves
from tuning.search.samplers.evolution import propose_evolved
from tuning.search.samplers.gaussian import propose_gaussian
from tuning.search.samplers.lattice import propose_grid, propose_sobol
from tuning.search.samplers.observation import Observation
from tuning.search.samplers.parzen import propose_parzen
from tuning.search.samplers.points import Point
from tuning.search.samplers.rebuild import POPULATION, rebuilt
from tuning.search.samplers.recommend import Recommendation, recommend

Sampler: TypeAlias = Callable[
    [Space, Sequence[Observation], Direction, Iterable[int], int], Iterator[Point]
]


def _tpe(seed: int) -> BaseSampler:
    """Multivariate: parameters that the same families use are modelled together (`rebuild`)."""
    with warnings.catch_warnings():
        # Optuna marks both options experimental; the lock pins the version this was tested with.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(multivariate=True, constant_liar=True, seed=seed)


def _nsga2(seed: int) -> BaseSampler:
    return NSGAIISampler(population_size=POPULATION, seed=seed)


SAMPLERS: Mapping[str, Sampler] = {
    "curve": propose_curves,
    "tpe": rebuilt(_tpe),
    "parzen": propose_parzen,
    "cmaes": propose_evolved,
    "gp": propose_gaussian,
    "random": rebuilt(RandomSampler, is_blind=True),
    "qmc": propose_sobol,
    "grid": propose_grid,
    "nsga2": rebuilt(_nsga2),
}

# What each is, for a list.
SAMPLER_HELP: Mapping[str, str] = {
    "curve": "schedules as curves, one model across all families",
    "tpe": "Optuna's tree-structured Parzen estimator",
    "parzen": "the densities of tpe, in a sixth of the time",
    "cmaes": "a normal distribution that moves and changes its shape",
    "gp": "a Gaussian process over the coordinates",
    "random": "points drawn at random",
    "qmc": "Sobol points, which cover the space evenly",
    "grid": "the points of a grid, each once",
    "nsga2": "Optuna's genetic algorithm",
}

# Samplers that go through a fixed sequence, whatever became of it: what is refused comes again
# before anything new, and asking on costs next to nothing.
ENUMERATING = frozenset({"qmc", "grid"})


def propose(
    sampler: Sampler,
    space: Space,
    observations: Sequence[Observation],
    direction: Direction,
    seeds: Iterable[int],
    *,
    horizon: int,
) -> Iterator[Point]:
    """Yield one new point per seed; earlier ones count as pending for the later ones.

    Args:
        sampler: one of `SAMPLERS`.
        space: what may be proposed.
        observations: what was proposed before, in order; also outside the space.
        direction: which way a score is better.
        seeds: one per proposal; a sampler that has nothing left ends early.
        horizon: updates of a full training.
    """
    return sampler(hopeful(space, horizon), observations, direction, seeds, horizon)


__all__ = [
    "ENUMERATING",
    "SAMPLERS",
    "SAMPLER_HELP",
    "Observation",
    "Point",
    "Recommendation",
    "Sampler",
    "propose",
    "recommend",
]
