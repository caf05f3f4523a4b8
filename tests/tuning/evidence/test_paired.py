"""Paired comparisons against SciPy's own paired t-test, and their coverage by simulation."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tuning.errors import InvalidValue
from tuning.evidence import compare
from tuning.evidence.paired import critical, seeds_for, standard_error
from tuning.records import Direction


@given(st.lists(st.tuples(st.floats(0.1, 10.0), st.floats(0.1, 10.0)), min_size=3, max_size=30))
def test_interval_is_the_one_of_a_paired_t_test(pairs: list[tuple[float, float]]) -> None:
    """With one comparison the interval is SciPy's for `ttest_rel`."""
    arm = {seed: ours for seed, (ours, _) in enumerate(pairs)}
    reference = {seed: theirs for seed, (_, theirs) in enumerate(pairs)}
    found = compare(arm, reference)
    assert found is not None
    differences = [ours - theirs for ours, theirs in pairs]
    error = float(np.std(differences, ddof=1)) / math.sqrt(len(pairs))
    if error < 1e-9:
        assert found.low == pytest.approx(found.high, abs=1e-7)
        return
    expected = stats.ttest_rel(list(arm.values()), list(reference.values())).confidence_interval()
    assert found.low == pytest.approx(expected.low, rel=1e-6, abs=1e-9)
    assert found.high == pytest.approx(expected.high, rel=1e-6, abs=1e-9)


def test_only_common_seeds_count() -> None:
    """A seed that one arm lost, to divergence say, is left out of both."""
    found = compare({1: 1.0, 2: 2.0, 3: 9.0}, {1: 2.0, 2: 3.5, 4: 0.0})
    assert found is not None
    assert (found.seeds, found.difference) == (2, -1.25)


def test_fewer_than_two_common_seeds_say_nothing() -> None:
    """One pair has no spread, hence no interval."""
    assert compare({1: 1.0, 2: 1.0}, {1: 2.0, 3: 1.0}) is None


def test_more_comparisons_widen_the_interval() -> None:
    """Bonferroni: what holds for six at once is wider than what holds for one."""
    arm, reference = {1: 1.0, 2: 2.0, 3: 3.0}, {1: 1.5, 2: 2.4, 3: 3.6}
    one, six = compare(arm, reference), compare(arm, reference, comparisons=6)
    assert one is not None
    assert six is not None
    assert six.low < one.low < one.high < six.high
    assert six.difference == one.difference


def test_direction_decides_which_side_is_better() -> None:
    """A metric to be maximised is better above zero."""
    higher, lower = {1: 2.0, 2: 3.0, 3: 4.1}, {1: 1.0, 2: 2.1, 3: 3.0}
    up = compare(higher, lower, direction=Direction.MAXIMIZE)
    down = compare(higher, lower, direction=Direction.MINIMIZE)
    assert up is not None
    assert down is not None
    assert up.is_better
    assert not down.is_better


@pytest.mark.parametrize(
    ("arm", "worthwhile", "is_tie"),
    [
        ({1: 1.00, 2: 0.99, 3: 1.01}, 0.0, True),  # the interval holds zero
        ({1: 1.004, 2: 1.005, 3: 1.006}, 0.01, True),  # clear of zero, but within 1 %
        ({1: 1.004, 2: 1.005, 3: 1.006}, 0.001, False),  # clear of zero and of 0.1 %
        ({1: 1.2, 2: 1.21, 3: 1.19}, 0.01, False),
    ],
)
def test_a_tie_holds_zero_or_lies_within_what_is_worthwhile(
    arm: dict[int, float], worthwhile: float, is_tie: bool
) -> None:
    """Both ways of being a tie, and neither."""
    found = compare(arm, {1: 1.0, 2: 1.0, 3: 1.0})
    assert found is not None
    assert found.is_tie(worthwhile) is is_tie


def test_six_intervals_hold_together_in_95_of_100_studies() -> None:
    """Simulated null studies: some interval of the six misses zero in at most about 5 % of them."""
    rng = np.random.default_rng(5)
    misses = 0
    studies = 600
    for _ in range(studies):
        common = rng.normal(0, 0.026, 10)
        values = 1.0 + common + rng.normal(0, 0.030, (7, 10))
        arms = [dict(enumerate(map(float, row))) for row in values]
        found = [compare(arms[0], arm, comparisons=6) for arm in arms[1:]]
        misses += any(one is not None and not one.low <= 0.0 <= one.high for one in found)
    # Above the upper 99 % binomial bound of 5 % the adjustment would be wrong.
    assert misses <= stats.binom.ppf(0.99, studies, 0.05)


def test_the_smallest_detectable_effect_is_found_four_times_in_five() -> None:
    """A true difference of that size has an interval clear of zero with power 0.8."""
    rng = np.random.default_rng(6)
    spread, seeds, comparisons = 0.03, 10, 6
    freedom = seeds - 1
    quantile = stats.t.ppf(1 - 0.05 / (2 * comparisons), freedom) + stats.t.ppf(0.8, freedom)
    effect = quantile * spread / math.sqrt(seeds)
    hits = 0
    for _ in range(500):
        noise = rng.normal(-effect, spread, seeds)
        arm = {seed: 1.0 + float(value) for seed, value in enumerate(noise)}
        found = compare(arm, dict.fromkeys(range(seeds), 1.0), comparisons=comparisons)
        hits += found is not None and found.is_better
    assert 0.74 <= hits / 500 <= 0.86


def test_no_comparisons_at_all_is_refused() -> None:
    """The adjustment needs to know how many intervals are read together."""
    with pytest.raises(InvalidValue, match="comparisons: 0"):
        compare({1: 1.0}, {1: 1.0}, comparisons=0)


def test_a_reference_of_zero_has_no_relative_difference() -> None:
    """Relative to nothing there is no figure, and none that JSON could not carry."""
    found = compare({1: 1.0, 2: 1.0}, {1: 0.0, 2: 0.0})
    assert found is not None
    assert (found.difference, found.relative, found.detectable) == (1.0, None, None)


def test_standard_error_of_one_value_is_zero() -> None:
    """One seed has no spread to speak of."""
    assert standard_error([3.0]) == 0.0


@given(st.integers(1, 40), st.integers(1, 200))
def test_the_critical_value_is_scipys(comparisons: int, freedom: int) -> None:
    """Bonferroni's quantile of Student's t."""
    expected = stats.t.ppf(1.0 - 0.025 / comparisons, freedom)
    assert critical(freedom, comparisons) == pytest.approx(expected, rel=1e-9)


def test_seeds_that_would_do_need_a_scale_and_a_threshold() -> None:
    """None without; what there is, if that is enough."""
    wide = compare({1: 1.0, 2: 2.0, 3: 3.0}, {1: 1.5, 2: 2.4, 3: 3.6})
    zero = compare({1: 1.0, 2: 2.0}, {1: 0.0, 2: 0.0})
    assert wide is not None
    assert zero is not None
    assert zero.half_width is None
    assert seeds_for(wide, 0.0, 1) is None
    assert seeds_for(zero, 0.01, 1) is None
    assert seeds_for(wide, 0.5, 1) == 3


def test_no_number_of_seeds_does_where_blocks_are_too_different() -> None:
    """They leave a width of their own."""
    random = np.random.default_rng(6)
    table = 1.0 + 0.3 * random.standard_normal((1, 8)) + 0.1 * random.standard_normal((10, 8))
    blocks = {seed: [float(x) for x in row] for seed, row in enumerate(table)}
    arm = {seed: sum(row) / 8 for seed, row in blocks.items()}
    one = dict.fromkeys(arm, 1.0)
    found = compare(arm, one, blocks=(blocks, dict.fromkeys(arm, [1.0] * 8)))
    assert found is not None
    assert seeds_for(found, 0.01, 1) is None
    assert found.blocks == 8
