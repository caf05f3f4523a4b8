"""Samplers: which point of the space to try next, by name.

The one idea: a sampler is an Optuna sampler rebuilt from stored history for every generation, with
a seed derived from the trial's number; nothing of it is kept, so a restart loses nothing.
A new sampler is one line in `SAMPLERS`. Not here: baselines and budgets (`tuning.search.policy`).
"""

from collections.abc import Callable, Mapping

from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from tuning.search.samplers.rebuild import Observation, propose

SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    # Multivariate and grouped: shared parameters are modelled together across families.
    "tpe": lambda seed: TPESampler(multivariate=True, group=True, constant_liar=True, seed=seed),
    "random": lambda seed: RandomSampler(seed=seed),
}

__all__ = ["SAMPLERS", "Observation", "propose"]
