"""Lengths: fractions and weights become whole numbers of updates.

The one idea: lengths are resolved once, to integers that sum to exactly what there is, so a
schedule never ends early, late or between two updates.
Not here: what is laid out over those lengths (`tuning.schedules.compose`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Ask:
    """What a part asks of a whole.

    Args:
        pinned: updates it gets as they are.
        asked: updates, or parts of one, that may be rounded.
        rests: how many equal shares of what is left.
    """

    pinned: int = 0
    asked: float = 0.0
    rests: int = 0

    def __add__(self, other: "Ask") -> "Ask":
        """What two parts ask for together."""
        rests = self.rests + other.rests
        return Ask(self.pinned + other.pinned, self.asked + other.asked, rests)


def share(field: str, whole: int, asks: Sequence[Ask]) -> tuple[int, ...]:
    """Share `whole` updates among parts by what they ask for, by largest remainder.

    Every part gets its pinned updates. If some part asks for a rest, the others get what they ask
    for and the rests share what is left; if none does, they share it in proportion to what they ask
    for. The sum is always `whole`, no share is negative.

    Args:
        field: the name to blame.
        whole: updates there are, >= 0.
        asks: of each part.

    Raises `InvalidValue` if the parts ask for more than there is, or leave updates to nobody.

    >>> share("node", 10, [Ask(asked=2.5), Ask(rests=1), Ask(pinned=3)])
    (3, 4, 3)
    >>> share("node", 10, [Ask(asked=1), Ask(asked=2), Ask(pinned=4)])
    (2, 4, 4)
    """
    total = sum(asks, Ask())
    left = whole - total.pinned
    if left < 0:
        taken = f"pinned lengths of {total.pinned:,} updates"
        raise InvalidValue(field, taken, f"at most the {whole:,} updates there are")
    taken = f"lengths of {total.pinned + total.asked:,.10g} updates"
    # Fractions may sum to a little more than one by rounding alone.
    if total.rests and total.asked > left + 1e-9 * whole:
        raise InvalidValue(field, taken, f"at most the {whole:,} updates there are")
    if left and not total.rests and not total.asked:
        raise InvalidValue(field, taken, f"the {whole:,} updates there are, or a rest beside them")
    if total.rests:
        spare = max(0.0, left - total.asked) / total.rests
        parts = rounded(left, [ask.asked + ask.rests * spare for ask in asks])
    else:
        parts = rounded(left, [ask.asked * left / (total.asked or 1.0) for ask in asks])
    return tuple(ask.pinned + part for ask, part in zip(asks, parts, strict=True))


def rounded(whole: int, quotas: Sequence[float]) -> list[int]:
    """Quotas that sum to `whole`, as integers that do, by largest remainder, the earlier first."""
    counts = [math.floor(quota) for quota in quotas]
    neediest = sorted(range(len(quotas)), key=lambda i: (counts[i] - quotas[i], i))
    for i in neediest[: whole - sum(counts)]:
        counts[i] += 1
    return counts


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
    quotas = _quotas_above_one(whole, weights)
    shares = rounded(whole - len(weights) + len(quotas), list(quotas.values()))
    counts = dict(zip(quotas, shares, strict=True))
    return tuple(counts.get(i, 1) for i in range(len(weights)))


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
