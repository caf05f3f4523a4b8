"""Paired comparison: the difference of two arms over seeds they share.

The one idea: with common seeds and data order most of the noise cancels in the difference, so the
differences, not the arms, carry the interval; it is widened (Bonferroni) for the number of
comparisons made at once. Not here: which arms are compared (`tuning.evidence.verdict`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtrit

from tuning.errors import InvalidValue
from tuning.records import Direction

CONFIDENCE = 0.95
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Comparison:
    """The paired difference of an arm to a reference, in the metric's own unit.

    Args:
        difference: mean of arm minus reference over common seeds; negative is lower.
        relative: `difference` over `scale`; None if that is zero.
        low: lower end of the simultaneous 95 % interval of `difference`.
        high: its upper end.
        scale: magnitude of the reference's mean, what relative figures are divided by.
        detectable: smallest relative difference found with probability 0.8 at this noise, in units
            of `scale`; None if that is zero.
        seeds: number of common seeds.
        is_better: whether the whole interval lies on the better side of zero.
    """

    difference: float
    relative: float | None
    low: float
    high: float
    scale: float
    detectable: float | None
    seeds: int
    is_better: bool

    def is_tie(self, worthwhile: float) -> bool:
        """Whether the interval holds zero or lies within +- `worthwhile` of it (relative)."""
        bound = worthwhile * self.scale
        return self.low <= 0.0 <= self.high or (-bound <= self.low and self.high <= bound)


def compare(
    arm: Mapping[int, float],
    reference: Mapping[int, float],
    *,
    direction: Direction = Direction.MINIMIZE,
    comparisons: int = 1,
) -> Comparison | None:
    """Compare an arm with a reference seed by seed; None with fewer than two common seeds.

    With d_s the difference at seed s, n common seeds and m `comparisons`, the interval is
    mean(d) +- t(1 - 0.05 / (2 m), n - 1) sd(d) / sqrt(n): Student's, Bonferroni-adjusted, so that
    all m intervals hold together with 95 %.

    Args:
        arm: value per seed.
        reference: value per seed; only seeds in both count.
        direction: which way is better.
        comparisons: how many such intervals are read together, at least 1.

    Raises InvalidValue if `comparisons` is below 1.

    >>> found = compare({1: 1.0, 2: 2.0, 3: 3.0}, {1: 1.5, 2: 2.4, 3: 3.6})
    >>> round(found.difference, 3), round(found.low, 3), round(found.high, 3), found.is_better
    (-0.5, -0.748, -0.252, True)
    """
    if comparisons < 1:
        raise InvalidValue("comparisons", comparisons, "at least 1")
    common = sorted(arm.keys() & reference.keys())
    if len(common) < 2:
        return None
    differences = [arm[seed] - reference[seed] for seed in common]
    error = stdev(differences) / math.sqrt(len(common))
    freedom = len(common) - 1
    quantile = float(stdtrit(freedom, 1 - (1 - CONFIDENCE) / (2 * comparisons)))
    middle = fmean(differences)
    low, high = middle - quantile * error, middle + quantile * error
    scale = abs(fmean(reference[seed] for seed in common))
    return Comparison(
        difference=middle,
        relative=_ratio(middle, scale),
        low=low,
        high=high,
        scale=scale,
        detectable=_ratio((quantile + float(stdtrit(freedom, POWER))) * error, scale),
        seeds=len(common),
        is_better=high < 0.0 if direction is Direction.MINIMIZE else low > 0.0,
    )


def standard_error(values: Sequence[float]) -> float:
    """Standard error of a mean; zero for a single value.

    >>> round(standard_error([1.0, 2.0, 3.0]), 4)
    0.5774
    """
    return stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0


def _ratio(value: float, scale: float) -> float | None:
    return value / scale if scale > 0.0 else None
