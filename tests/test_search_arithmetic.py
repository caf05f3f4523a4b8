"""The arithmetic behind the figures of `make benchmark-search`, on cases known by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy.stats import binom

from tests.benchmarks.search_arithmetic import (
    best_lost,
    first_passage,
    kendall,
    median,
    median_interval,
    ratio_of_medians,
)
from tests.benchmarks.simulated_studies import share


def test_kendall_counts_pairs_in_order_against_pairs_out_of_order() -> None:
    """One swap of neighbours among four is one pair of six out of order: (5 - 1) / 6."""
    assert kendall([1, 2, 3, 4], [1, 3, 2, 4]) == pytest.approx(4 / 6)
    assert kendall([1, 2, 3, 4], [40, 30, 20, 10]) == -1.0


def test_kendall_ranks_what_diverged_last() -> None:
    """Infinity is worse than every number, and no error."""
    assert kendall([1.0, 2.0, math.inf], [1.0, 2.0, 3.0]) == 1.0


def test_kendall_agrees_with_counting() -> None:
    """Without ties it is the mean sign over all pairs."""
    random = np.random.default_rng(3)
    one, other = random.normal(size=(2, 12)).tolist()
    signs = [
        np.sign((one[i] - one[j]) * (other[i] - other[j]))
        for i, j in itertools.combinations(range(12), 2)
    ]
    assert kendall(one, other) == pytest.approx(float(np.mean(signs)))


def test_the_best_are_lost_when_the_proxy_ranks_them_out() -> None:
    """Of the two best of eight, one is among the two kept."""
    truth = [1, 2, 3, 4, 5, 6, 7, 8]
    proxy = [1, 9, 2, 3, 4, 5, 6, 7]
    assert best_lost(proxy, truth, keep=0.25, best=0.25) == 0.5
    assert best_lost(truth, truth, keep=0.25, best=0.25) == 0.0
    assert best_lost(truth[::-1], truth, keep=0.25, best=0.1) == 1.0


def test_the_first_passage_is_the_first_and_not_the_last() -> None:
    """A recommendation may get worse again; never is infinity."""
    trace = [(10.0, 2.0), (20.0, 1.0), (30.0, 1.5), (40.0, 0.9)]
    assert first_passage(trace, 1.0) == 20.0
    assert first_passage(trace, 0.5) == math.inf
    assert first_passage([], 0.5) == math.inf


def test_a_median_bears_studies_that_never_got_there() -> None:
    """Infinity ranks last; half of them are too many."""
    assert median([1.0, math.inf, 2.0]) == 2.0
    assert median([1.0, math.inf]) == math.inf


@pytest.mark.parametrize("count", [6, 10, 20, 41])
def test_the_interval_of_a_median_covers_what_it_says(count: int) -> None:
    """By the binomial law of how many values lie below; one rank narrower would not do."""
    values = list(range(count))
    low, high = median_interval(values)
    assert low + high == count - 1
    below = low  # as many values lie below the interval

    def coverage(rank: float) -> float:
        return float(1 - 2 * binom.cdf(rank, count, 0.5))

    assert coverage(below) >= 0.95
    assert coverage(below + 1) < 0.95


def test_few_values_give_their_ends() -> None:
    """No order statistic covers 95 % with three."""
    assert median_interval([3.0, 1.0, math.inf]) == (1.0, math.inf)


def test_a_ratio_of_medians_has_an_interval_around_it() -> None:
    """Scaled copies have a scaled ratio; identical constants have no spread."""
    assert ratio_of_medians([5.0] * 8, [1.0] * 8) == (5.0, (5.0, 5.0))
    values = [1.0, 2.0, 3.0, 4.0, 5.0]
    ratio, (low, high) = ratio_of_medians([10 * one for one in values], values)
    assert ratio == 10.0
    assert low < ratio < high


def test_neither_got_there_is_no_advantage() -> None:
    """Infinite medians on both sides are told as one, on one side as infinity."""
    never = [math.inf] * 4
    assert ratio_of_medians(never, never)[0] == 1.0
    assert ratio_of_medians(never, [2.0] * 4)[0] == math.inf


def test_a_share_has_the_bounds_of_clopper_and_pearson() -> None:
    """None of ten is at most 25.9 % (1 - 0.05 ** (1/10)); all of ten at least 74.1 %."""
    assert share([False] * 10) == (0.0, 0.0, pytest.approx(1 - 0.05**0.1))
    assert share([True] * 10) == (1.0, pytest.approx(0.05**0.1), 1.0)
