"""Checks: whether a number is one, and within its limits.

The one idea: what is wrong is told with the field's name, the value and what is allowed.
Not here: the limits themselves, which stand beside what they limit.
"""

import math

from tuning.errors import InvalidValue


def check_integer(name: str, value: object, low: int, high: int) -> int:
    """Return `value` if it is an integer in [low, high], else raise `InvalidValue`.

    >>> check_integer("config.batch", 0, 1, 4_096)
    Traceback (most recent call last):
    tuning.errors.InvalidValue: config.batch: 0 is not allowed; allowed: an integer from 1 to 4,096
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidValue(name, value, f"an integer from {low:,} to {high:,}")
    return value


def check_number(name: str, value: object, low: float, high: float) -> float:
    """Return `value` as a float if it is finite and in [low, high], else raise `InvalidValue`.

    >>> check_number("config.l2", 1, 0.0, 1.0)
    1.0
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not low <= value <= high  # first: an integer may be too large for `isfinite`
        or not math.isfinite(value)
    ):
        raise InvalidValue(name, value, f"a number from {low:g} to {high:g}")
    return float(value)
