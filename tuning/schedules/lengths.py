"""Lengths: fractions and weights become whole numbers of updates.

The one idea: lengths are resolved once, to integers that sum to exactly what there is, so a
schedule never ends early, late or between two updates.
Not here: what is laid out over those lengths (`tuning.schedules.compose`).
"""

import math
from collections.abc import Sequence

from tuning.errors import InvalidValue
from tuning.schedules.limits import Length


def resolve(field: str, length: Length, whole: int) -> int:
    """The number of updates that `length` takes of `whole`.

    A fraction f takes the integer nearest to f · whole; half an update goes to what follows, so
    that the peak of a very short run is not lost to its warmup.

    Args:
        field: the name to blame.
        length: a fraction in [0, 1] as a float, or a number of updates as an int.
        whole: updates there are, >= 0.

    Raises `InvalidValue` if an integer length is longer than the whole.

    >>> resolve("warmup", 0.1, 25), resolve("warmup", 7, 25)
    (2, 7)
    """
    if isinstance(length, float):
        return math.ceil(length * whole - 0.5)
    if length > whole:
        raise InvalidValue(field, length, f"at most the {whole:,} updates there are")
    return length


def apportion(whole: int, weights: Sequence[float]) -> tuple[int, ...]:
    """Share `whole` updates in proportion to `weights`, by largest remainder.

    Part i gets floor(q_i), q_i = whole · w_i / Σw, and the updates left over go, one each, to the
    parts with the largest q_i - floor(q_i), the earlier part first. A part whose quota is below
    one update gets one, and the others share what is left; if there are fewer updates than parts,
    the first parts get one each. The sum is always `whole`.

    Args:
        whole: updates there are, >= 0.
        weights: relative lengths, finite and > 0.

    >>> apportion(10, [1, 2, 4])
    (1, 3, 6)
    >>> apportion(10, [1, 1, 100])
    (1, 1, 8)
    """
    if whole <= len(weights):
        return tuple(int(i < whole) for i in range(len(weights)))
    counts = [1] * len(weights)
    quotas = _quotas_above_one(whole, weights)
    for i, quota in quotas.items():
        counts[i] = math.floor(quota)
    neediest = sorted(quotas, key=lambda i: (counts[i] - quotas[i], i))
    for i in neediest[: whole - sum(counts)]:
        counts[i] += 1
    return tuple(counts)


def _quotas_above_one(whole: int, weights: Sequence[float]) -> dict[int, float]:
    """Quotas of the parts that deserve at least one update, after one for each of the others."""
    parts = list(range(len(weights)))
    while True:
        total = math.fsum(weights[i] for i in parts)
        left = whole - (len(weights) - len(parts))
        quotas = {i: left * (weights[i] / total) for i in parts}
        if all(quota >= 1.0 for quota in quotas.values()):
            return quotas
        parts = [i for i in parts if quotas[i] >= 1.0]
