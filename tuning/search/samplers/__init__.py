"""Samplers: which point of the space to try next, by name.

The one idea: a sampler is an Optuna sampler rebuilt from stored history for every generation, with
a seed derived from the trial's number; nothing of it is kept, so a restart loses nothing.
A new sampler is one line in `SAMPLERS`. Not here: baselines and budgets (`tuning.search.policy`).
"""

import warnings
from collections.abc import Callable, Mapping

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from tuning.search.samplers.observation import Observation
from tuning.search.samplers.rebuild import propose


def _tpe(seed: int) -> BaseSampler:
    """Multivariate: parameters that the same families use are modelled together (`rebuild`)."""
    with warnings.catch_warnings():
        # Optuna marks both options experimental; the lock pins the version this was tested with.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(multivariate=True, constant_liar=True, seed=seed)


SAMPLERS: Mapping[str, Callable[[int], BaseSampler]] = {
    "tpe": _tpe,
    "random": RandomSampler,
}

__all__ = ["SAMPLERS", "Observation", "propose"]
