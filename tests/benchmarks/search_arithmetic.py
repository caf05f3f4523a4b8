"""The arithmetic of the search benchmarks: ranks, medians with intervals, ratios, first passages.

The one idea: pure functions of numbers, so that a test can hold them to cases known by hand; a
study that never got there counts as infinity, which a median bears and a mean does not.
Tested by `tests/test_search_arithmetic.py`.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from scipy.stats import binom, kendalltau

RESAMPLES = 2_000


def kendall(found: Sequence[float], truth: Sequence[float]) -> float:
    """Kendall's tau-b of two rankings; an infinite loss ties with every other one."""
    largest = np.finfo(float).max
    pair = [np.nan_to_num(np.asarray(one, float), posinf=largest) for one in (found, truth)]
    return float(kendalltau(*pair).statistic)


def best_lost(proxy: Sequence[float], truth: Sequence[float], keep: float, best: float) -> float:
    """Share of the truly best that is lost when only the best by proxy are kept.

    Args:
        proxy: losses that choose.
        truth: losses that count.
        keep: share kept, rounded to the nearest number, at least one.
        best: share that counts as the best, likewise.
    """
    kept = set(np.argsort(proxy, kind="stable")[: _part(keep, len(proxy))].tolist())
    wanted = np.argsort(truth, kind="stable")[: _part(best, len(truth))].tolist()
    return sum(one not in kept for one in wanted) / len(wanted)


def _part(share: float, count: int) -> int:
    return max(1, round(share * count))


def first_passage(trace: Iterable[tuple[float, float]], target: float) -> float:
    """What was spent when the loss first was at most `target`; infinity if it never was.

    Args:
        trace: (spent so far, loss of what is then recommended), in order.
        target: the loss to be reached.
    """
    return next((spent for spent, loss in trace if loss <= target), math.inf)


def median_interval(values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Interval of the median from order statistics, which covers at least `level`.

    With too few values it is the smallest and the largest. Infinities are allowed.
    """
    ordered = sorted(values)
    rank = int(binom.ppf((1 - level) / 2, len(ordered), 0.5))
    below = rank - 1 if binom.cdf(rank, len(ordered), 0.5) > (1 - level) / 2 else rank
    place = max(below, 0)
    return ordered[place], ordered[-1 - place]


def median(values: Sequence[float]) -> float:
    """The median; of an even number the upper one of the two, so that infinity stays infinity."""
    return sorted(values)[len(values) // 2]


def ratio_of_medians(
    over: Sequence[float], under: Sequence[float], seed: int = 0
) -> tuple[float, tuple[float, float]]:
    """Median of `over` by that of `under`, and the middle 95 % of bootstrap resamples of both.

    Infinity over infinity is told as one: neither got there.
    """
    random = np.random.default_rng(seed)
    drawn = [
        _quotient(
            median(random.choice(over, len(over)).tolist()),
            median(random.choice(under, len(under)).tolist()),
        )
        for _ in range(RESAMPLES)
    ]
    drawn.sort()
    low, high = drawn[int(0.025 * RESAMPLES)], drawn[int(0.975 * RESAMPLES) - 1]
    return _quotient(median(over), median(under)), (low, high)


def _quotient(over: float, under: float) -> float:
    if math.isinf(over) and math.isinf(under):
        return 1.0
    return over / under
