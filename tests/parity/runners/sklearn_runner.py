"""Runs scikit-learn's estimators, which tell no rate: it is read off what they do.

A linear model at 0, told one sample x = 1, y = 1, moves to the rate itself: the gradient of both
the squared and the hinge loss is -1 there.
"""

from dataclasses import replace

import numpy as np
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.neural_network._stochastic_optimizers import SGDOptimizer

from parity.case import Case

PACKAGES = ("scikit-learn",)


def public() -> list[str]:
    """The rules the library has."""
    return [
        f"{kind.__name__}({rule})"
        for kind in (SGDRegressor, SGDClassifier)
        for rule in sorted(kind._parameter_constraints["learning_rate"][0].options)
    ]


def rates(case: Case, updates: int) -> list[float]:
    """The rates of the first updates; fewer where the library refuses to go on."""
    is_classifier = case.call == "SGDClassifier"
    model = (SGDClassifier if is_classifier else SGDRegressor)(fit_intercept=False, **case.kwargs)
    classes = {"classes": [0, 1]} if is_classifier else {}
    values = []
    for _ in range(updates):
        if values:
            model.coef_[:] = 0.0
        model.partial_fit(np.ones((1, 1)), np.ones(1), **classes)
        values.append(float(model.coef_.item()))
    return values


def told(case: Case) -> Case:
    """The case with the losses of SGDRegressor's own epochs: it takes no others."""
    if case.call != "SGDRegressor":
        return case
    return replace(case, metrics=tuple(_epochs(case)[1]))


def plateau(case: Case) -> list[float]:
    """The rates of its epochs, by either estimator's own rule."""
    return _epochs(case)[0] if case.call == "SGDRegressor" else _mlp(case)


def _epochs(case: Case) -> tuple[list[float], list[float]]:
    """Rates and losses of the epochs, each of one sample x = 1, y = 1.

    A model fitted for so many epochs shows where it stands; the rate is the step over the error.
    """
    rates, losses, before = [], [], 0.0
    for epochs in range(1, len(case.metrics) + 1):
        model = SGDRegressor(fit_intercept=False, penalty=None, max_iter=epochs, **case.kwargs)
        model.fit(np.ones((1, 1)), np.ones(1))
        if model.n_iter_ < epochs:
            break
        after = float(model.coef_[0])
        rates.append((after - before) / (1.0 - before))
        losses.append(0.5 * (1.0 - before) ** 2)
        before = after
    return rates, losses


def _mlp(case: Case) -> list[float]:
    """The perceptron's own count and its own optimiser, told these losses."""
    kind = MLPClassifier if case.call == "MLPClassifier" else MLPRegressor
    model = kind(solver="sgd", **case.kwargs)
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
