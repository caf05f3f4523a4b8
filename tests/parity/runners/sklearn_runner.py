"""Runs scikit-learn's estimators, which tell no rate: it is read off what they do.

A linear model at 0, told one sample x = 1, y = 1, moves to the rate itself: the gradient of both
the squared and the hinge loss is -1 there.
"""

from contextlib import ExitStack
from dataclasses import replace
from unittest.mock import patch

import numpy as np
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.neural_network import _multilayer_perceptron as perceptron
from sklearn.neural_network._stochastic_optimizers import (
    AdamOptimizer,
    BaseOptimizer,
    SGDOptimizer,
)

from parity.case import Case

PACKAGES = ("scikit-learn",)
HALF = 0.5


def public() -> list[str]:
    """The rules the library has."""
    return [
        f"{kind.__name__}({rule})"
        for kind in (SGDRegressor, SGDClassifier, MLPRegressor, MLPClassifier)
        for rule in sorted(kind._parameter_constraints["learning_rate"][0].options)
    ]


def rates(case: Case, updates: int) -> list[float]:
    """The rates of the first updates; fewer where the library refuses to go on."""
    return _batches(case, updates) if case.call.startswith("MLP") else _samples(case, updates)


def _samples(case: Case, updates: int) -> list[float]:
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


def _batches(case: Case, updates: int) -> list[float]:
    """What a perceptron's own optimiser is at before every batch."""
    kwargs = {"learning_rate_init": case.base_lr, "max_iter": updates, "tol": 0.0, **case.kwargs}
    samples = kwargs.pop("n_samples")
    kind = MLPClassifier if case.call == "MLPClassifier" else MLPRegressor
    model = kind(hidden_layer_sizes=(1,), n_iter_no_change=updates, **kwargs)
    values = []

    def recorded(optimizer: type) -> type:
        def update_params(self: BaseOptimizer, *given: object) -> None:
            values.append(float(self.learning_rate_init if is_adam else self.learning_rate))
            optimizer.update_params(self, *given)

        is_adam = optimizer is AdamOptimizer
        return type(optimizer.__name__, (optimizer,), {"update_params": update_params})

    with ExitStack() as stack:
        for optimizer in (SGDOptimizer, AdamOptimizer):
            stack.enter_context(patch.object(perceptron, optimizer.__name__, recorded(optimizer)))
        model.fit(np.zeros((samples, 1)), np.arange(samples) % 2)
    return values[:updates]


def told(case: Case) -> Case:
    """The case with the objectives of a linear model's own epochs: it takes no others."""
    if case.call.startswith("MLP"):
        return case
    return replace(case, metrics=tuple(_epochs(case)[1]))


def plateau(case: Case) -> list[float]:
    """The rates of its epochs, by each estimator's own rule."""
    return _mlp(case) if case.call.startswith("MLP") else _epochs(case)[0]


def _epochs(case: Case) -> tuple[list[float], list[float]]:
    """Rates and losses of the epochs, each of one sample x = 1/2, y = 1, or of it and its mirror.

    A model fitted for so many epochs shows where it stands: every sample leaves 1 - rate x^2 of the
    error, which so stays large enough to tell the rate from. A classifier needs two classes; it,
    too, is given the squared error.
    """
    is_classifier = case.call == "SGDClassifier"
    count = 2 if is_classifier else 1
    inputs, targets = np.array([[HALF], [-HALF]])[:count], np.array([1.0, 0.0])[:count]
    own = {"loss": "squared_error"} if is_classifier else {}
    kind = SGDClassifier if is_classifier else SGDRegressor
    rates, losses, error = [], [], 1.0
    for epochs in range(1, len(case.metrics) + 1):
        model = kind(fit_intercept=False, penalty=None, max_iter=epochs, **own, **case.kwargs)
        model.fit(inputs, targets)
        if model.n_iter_ < epochs:
            break
        after = 1.0 - HALF * float(model.coef_.item())
        left = (after / error) ** (1.0 / count)
        rates.append((1.0 - left) / HALF**2)
        losses.append(0.5 * float(np.mean((error * left ** np.arange(count)) ** 2)))
        error = after
    return rates, losses


def _mlp(case: Case) -> list[float]:
    """The perceptron's own count and its own optimiser, told these losses or scores."""
    kind = MLPClassifier if case.call == "MLPClassifier" else MLPRegressor
    model = kind(**case.kwargs)
    model.loss_curve_, model.best_loss_, model._no_improvement_count = [], np.inf, 0
    model.validation_scores_, model.best_validation_score_ = [], -np.inf
    model.coefs_, model.intercepts_ = [], []
    optimizer = SGDOptimizer([], learning_rate_init=case.base_lr, lr_schedule="adaptive")
    given = {"early_stopping": model.early_stopping, "X": None, "y": None, "sample_weight": None}
    values = []
    for metric in case.metrics:
        values.append(float(optimizer.learning_rate))
        model.loss_curve_.append(metric)
        with patch.object(kind, "_score", lambda *_, **__: metric):  # noqa: B023 # called at once
            model._update_no_improvement_count(**given)
        if model._no_improvement_count > model.n_iter_no_change:
            if optimizer.trigger_stopping("", verbose=False):
                break
            model._no_improvement_count = 0
    return values
