"""Calls of scikit-learn's SGDRegressor: an update is one sample, counted from 1."""

from parity.case import Calls, Case, Dice, Kwargs


def _constant(dice: Dice) -> Case:
    return _case(dice, {"learning_rate": "constant", "eta0": dice.rate()})


def _invscaling(dice: Dice) -> Case:
    kwargs = {"learning_rate": "invscaling", "eta0": dice.rate(), "power_t": dice.rounded(0.0, 1.0)}
    return _case(dice, dice.thinned(kwargs, "learning_rate"))


def _optimal(dice: Dice) -> Case:
    kwargs = {"learning_rate": "optimal", "alpha": dice.rate(1e-5, 0.1)}
    return _case(dice, dice.thinned(kwargs, "learning_rate"))


def _case(dice: Dice, kwargs: Kwargs) -> Case:
    row = f"SGDRegressor({kwargs['learning_rate']})"
    return Case("SGDRegressor", kwargs, 1.0, dice.length(), row=row)


HAND = (
    Case(
        "SGDRegressor", {}, 1.0, 12, why="the default: invscaling", row="SGDRegressor(invscaling)"
    ),
)
CALLS = Calls(
    {
        "SGDRegressor(constant)": _constant,
        "SGDRegressor(invscaling)": _invscaling,
        "SGDRegressor(optimal)": _optimal,
    },
    HAND,
)
