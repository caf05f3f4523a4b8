"""Optuna's own TPE in the place of ours, for what is measured beside it."""

import warnings

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import TPESampler

from tuning.search.samplers import SAMPLERS
from tuning.search.samplers.rebuild import rebuilt


def _tpe(seed: int) -> TPESampler:
    with warnings.catch_warnings():
        # Optuna marks both options experimental; the lock pins the version this was tested with.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(multivariate=True, constant_liar=True, seed=seed)


PEERS = {**SAMPLERS, "tpe": rebuilt(_tpe)}
