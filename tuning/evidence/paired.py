"""Paired comparison: the difference of two arms over seeds they share.

The one idea: with common seeds and data order most of the noise cancels in the difference, so the
differences, not the arms, carry the interval; it is widened (Bonferroni) for the number of
comparisons made at once, and for the choice of blocks where there are enough of them.
Student's t is exact at few seeds, where a bootstrap over ten of them is too narrow.
Not here: which arms are compared (`tuning.evidence.verdict`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from scipy.special import stdtrit

from tuning.errors import InvalidValue
from tuning.evidence.blocks import LEAST_BLOCKS, Blocks, block_freedom, block_variance
from tuning.records import Direction

CONFIDENCE = 0.95
POWER = 0.8
REFINEMENTS = 20  # of a number of seeds, which decides its own quantile


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
        blocks: blocks (joined) the interval generalises over; 0 if there are too few.
        seeds_share: share of the seeds in the variance of `difference`; the blocks have the rest.
        error: standard error of `difference`.
    """

    difference: float
    relative: float | None
    low: float
    high: float
    scale: float
    detectable: float | None
    seeds: int
    is_better: bool
    blocks: int = 0
    seeds_share: float = 1.0
    error: float = 0.0

    @property
    def half_width(self) -> float | None:
        """Half the width of the interval over `scale`; None if that is zero."""
        return _ratio((self.high - self.low) / 2, self.scale)

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
    blocks: tuple[Blocks, Blocks] | None = None,
) -> Comparison | None:
    """Compare an arm with a reference seed by seed; None with fewer than two common seeds.

    With d_s the difference at seed s, n common seeds and m `comparisons`, the interval is
    mean(d) +- t(1 - 0.05 / (2 m), f) sqrt(V), V = var(d) / n, f = n - 1: Student's, Bonferroni-
    adjusted, so that all m intervals hold together with 95 %. Over B `blocks`, V gains the variance
    W owed to their choice, with g degrees, and f is (V + W)^2 / (V^2 / (n - 1) + W^2 / g)
    (Satterthwaite).

    Args:
        arm: value per seed.
        reference: value per seed; only seeds in both count.
        direction: which way is better.
        comparisons: how many such intervals are read together, at least 1.
        blocks: losses per block by seed, of both; None to speak of these blocks only.

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
    scale = abs(fmean(reference[seed] for seed in common))
    of_seeds = _variance(differences) / len(common)
    part, count = block_variance(*blocks) if blocks is not None else (0.0, 0)
    of_blocks = part * scale**2
    error = math.sqrt(of_seeds + of_blocks)
    freedom = _freedom((of_seeds, len(common)), (of_blocks, count))
    quantile = critical(freedom, comparisons)
    middle = fmean(differences)
    low, high = middle - quantile * error, middle + quantile * error
    return Comparison(
        difference=middle,
        relative=_ratio(middle, scale),
        low=low,
        high=high,
        scale=scale,
        detectable=_ratio((quantile + float(stdtrit(freedom, POWER))) * error, scale),
        seeds=len(common),
        is_better=high < 0.0 if direction is Direction.MINIMIZE else low > 0.0,
        blocks=count if count >= LEAST_BLOCKS else 0,
        seeds_share=of_seeds / (of_seeds + of_blocks) if error > 0.0 else 1.0,
        error=error,
    )


def critical(freedom: float, comparisons: int) -> float:
    """Quantile of Student's t for two-sided 95 % intervals that hold together.

    >>> round(critical(9, 1), 3), round(critical(9, 12), 3)
    (2.262, 3.808)
    """
    return float(stdtrit(freedom, 1 - (1 - CONFIDENCE) / (2 * comparisons)))


def seeds_for(found: Comparison, worthwhile: float, comparisons: int) -> int | None:
    """Seeds with which the half-width would be `worthwhile` at the seeds' present variance.

    None if no number does: without a scale, without a threshold, or if the blocks alone are wider.

    >>> seeds_for(compare({1: 1.0, 2: 2.0, 3: 3.0}, {1: 1.5, 2: 2.4, 3: 3.6}), 0.01, 1)
    64
    """
    if found.half_width is None or worthwhile <= 0.0:
        return None
    if found.half_width <= worthwhile:
        return found.seeds
    of_seeds = (found.error / found.scale) ** 2 * found.seeds_share
    of_blocks = (found.error / found.scale) ** 2 * (1.0 - found.seeds_share)
    seeds = found.seeds
    for _ in range(REFINEMENTS):
        part = of_seeds * found.seeds / seeds
        freedom = _freedom((part, seeds), (of_blocks, found.blocks))
        left = (worthwhile / critical(freedom, comparisons)) ** 2 - of_blocks
        if left <= 0.0:
            return None
        seeds = max(2, math.ceil(of_seeds * found.seeds / left))
    return seeds


def _variance(values: Sequence[float]) -> float:
    """Sample variance; `statistics.variance` takes fifty times as long, in fractions."""
    if min(values) == max(values):  # their mean may be a rounding away from all of them
        return 0.0
    middle = fmean(values)
    return math.fsum((value - middle) ** 2 for value in values) / (len(values) - 1)


def _freedom(seeds: tuple[float, int], blocks: tuple[float, int]) -> float:
    """Degrees of freedom of the sum of the two variances, each with the size of its sample."""
    of_seeds, of_blocks = seeds[0] ** 2 / (seeds[1] - 1), 0.0
    if blocks[0] > 0.0:
        of_blocks = blocks[0] ** 2 / block_freedom(blocks[1])
    parts = of_seeds + of_blocks
    return (seeds[0] + blocks[0]) ** 2 / parts if parts > 0.0 else seeds[1] - 1.0


def standard_error(values: Sequence[float]) -> float:
    """Standard error of a mean; zero for a single value, or for equal ones.

    >>> round(standard_error([1.0, 2.0, 3.0]), 4), standard_error([0.1, 0.1, 0.1])
    (0.5774, 0.0)
    """
    return math.sqrt(_variance(values) / len(values)) if len(values) > 1 else 0.0


def _ratio(value: float, scale: float) -> float | None:
    return value / scale if scale > 0.0 else None
