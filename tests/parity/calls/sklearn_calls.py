"""Calls of scikit-learn's SGD estimators: an update is one sample, counted from 1."""

from parity.case import Calls, Case, Dice, Draw, Kwargs

ESTIMATORS = ("SGDRegressor", "SGDClassifier")


def _constant(dice: Dice) -> Kwargs:
    return {"learning_rate": "constant", "eta0": dice.rate()}


def _invscaling(dice: Dice) -> Kwargs:
    kwargs = {"learning_rate": "invscaling", "eta0": dice.rate(), "power_t": dice.rounded(0.0, 1.0)}
    return dice.thinned(kwargs, "learning_rate")


def _optimal(dice: Dice) -> Kwargs:
    kwargs = {"learning_rate": "optimal", "alpha": dice.rate(1e-5, 0.1)}
    return dice.thinned(kwargs, "learning_rate")


RULES = {"constant": _constant, "invscaling": _invscaling, "optimal": _optimal}


def _of(estimator: str, rule: str) -> Draw:
    return lambda dice: Case(estimator, RULES[rule](dice), 1.0, dice.length())


def _default(estimator: str, rule: str) -> Case:
    return Case(estimator, {}, 1.0, 12, why=f"the default: {rule}", row=f"{estimator}({rule})")


HAND = (_default("SGDRegressor", "invscaling"), _default("SGDClassifier", "optimal"))
CALLS = Calls(
    {f"{estimator}({rule})": _of(estimator, rule) for estimator in ESTIMATORS for rule in RULES},
    HAND,
)
