"""Runs scikit-learn's estimators, which tell no rate: it is read off what they do.

A linear model at 0, told one sample x = 1, y = 1 with squared loss, moves to the rate itself.
"""

import numpy as np
from sklearn.linear_model import SGDRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from parity.case import Case

PACKAGES = ("scikit-learn",)


def rates(case: Case, updates: int) -> list[float]:
    model = SGDRegressor(fit_intercept=False, shuffle=False, **case.kwargs)
    values = []
    for _ in range(updates):
        if values:
            model.coef_[:] = 0.0
        model.partial_fit(np.ones((1, 1)), np.ones(1))
        values.append(float(model.coef_[0]))
    return values


def plateau(case: Case) -> list[float]:
    """MLPRegressor's own count and its own optimiser, told these losses."""
    model = MLPRegressor(solver="sgd", **case.kwargs)
    model.loss_curve_, model.best_loss_, model._no_improvement_count = [], np.inf, 0
    optimizer = SGDOptimizer([], learning_rate_init=case.base_lr, lr_schedule="adaptive")
    values = []
    for loss in case.metrics:
        values.append(float(optimizer.learning_rate))
        model.loss_curve_.append(loss)
        model._update_no_improvement_count(early_stopping=False, X=None, y=None, sample_weight=None)
        if model._no_improvement_count > model.n_iter_no_change:
            if optimizer.trigger_stopping("", verbose=False):
                break
            model._no_improvement_count = 0
    return values
