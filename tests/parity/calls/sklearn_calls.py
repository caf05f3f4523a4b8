"""Calls of scikit-learn's estimators: an update of a linear model is one sample, from 1 on."""

from parity.case import Calls, Case, Dice, Draw, Kwargs

ESTIMATORS = ("SGDRegressor", "SGDClassifier")
PERCEPTRONS = ("MLPRegressor", "MLPClassifier")
MOVES = ("constant", "invscaling")


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


def _batches(estimator: str, rule: str) -> Draw:
    """An update of a perceptron is one batch of its samples."""

    def drawn(dice: Dice) -> Case:
        samples = dice.randint(2, 30)
        kwargs = {
            "solver": dice.choice(["sgd", "sgd", "adam"]) if rule == "constant" else "sgd",
            "learning_rate": rule,
            "n_samples": samples,
            "batch_size": dice.choice(["auto", dice.randint(1, 2 * samples)]),
            "power_t": dice.rounded(0.0, 1.0),
        }
        kept = dice.thinned(kwargs, "solver", "learning_rate", "n_samples")
        return Case(estimator, kept, dice.rate(), dice.length())

    return drawn


def _default(estimator: str, rule: str) -> Case:
    return Case(estimator, {}, 1.0, 12, why=f"the default: {rule}", row=f"{estimator}({rule})")


HAND = (_default("SGDRegressor", "invscaling"), _default("SGDClassifier", "optimal"))
CALLS = Calls(
    {
        **{f"{kind}({rule})": _of(kind, rule) for kind in ESTIMATORS for rule in RULES},
        **{f"{kind}({rule})": _batches(kind, rule) for kind in PERCEPTRONS for rule in MOVES},
    },
    HAND,
)
