"""Blocks: the variance they contribute, held against closed forms and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tuning.evidence.blocks import (
    LEAST_BLOCKS,
    MOST_BLOCKS,
    block_freedom,
    block_variance,
    difference_table,
)
from tuning.evidence.paired import compare

Table = np.ndarray


def as_blocks(table: Table) -> dict[int, list[float]]:
    """Rows as seeds."""
    return {seed: [float(x) for x in row] for seed, row in enumerate(table)}


def two_way(
    random: np.random.Generator, seeds: int, blocks: int, sizes: tuple[float, ...]
) -> Table:
    """Differences with a part per seed, a part per block and the rest, of these SDs."""
    of_seed, of_block, rest = sizes
    return (
        of_seed * random.standard_normal((seeds, 1))
        + of_block * random.standard_normal((1, blocks))
        + rest * random.standard_normal((seeds, blocks))
    )


def test_the_blocks_part_is_unbiased() -> None:
    """Over many tables it averages to the variance of the mean of independent blocks."""
    random = np.random.default_rng(3)
    parts = []
    for _ in range(2000):
        table = 1.0 + two_way(random, 6, 7, (0.1, 0.3, 0.1))
        found, count = block_variance(as_blocks(table), as_blocks(np.ones((6, 7))))
        parts.append(found)
        assert count == 7
    error = np.std(parts) / len(parts) ** 0.5
    assert np.mean(parts) == pytest.approx(0.3**2 / 7, abs=4 * error)


def test_the_freedom_of_successive_differences_matches_their_spread() -> None:
    """A variance v with f degrees of freedom has the variance 2 v^2 / f; by simulation."""
    draws = np.random.default_rng(7).standard_normal((40_000, 9))
    found = (np.diff(draws, axis=1) ** 2).sum(axis=1) / 16
    assert found.mean() == pytest.approx(1.0, rel=0.02)
    assert found.var() == pytest.approx(2.0 / block_freedom(9), rel=0.05)


def test_what_drifts_along_the_blocks_is_no_luck() -> None:
    """A lead that grows from block to block, as that of a schedule that cooled down too early."""
    slope = np.linspace(0.0, 1.0, 8)[None, :] + np.zeros((4, 1))
    found, _ = block_variance(as_blocks(1.0 + slope), as_blocks(np.ones((4, 8))))
    assert found == pytest.approx((1 / 7) ** 2 / 2 / 8)
    jagged = slope[:, [0, 7, 1, 6, 2, 5, 3, 4]]
    other, _ = block_variance(as_blocks(1.0 + jagged), as_blocks(np.ones((4, 8))))
    assert other > 10 * found


def test_blocks_that_all_say_the_same_add_nothing() -> None:
    """A constant difference holds on every block."""
    base = np.random.default_rng(1).uniform(1.0, 2.0, (4, 8))
    found, _ = block_variance(as_blocks(base + 0.5), as_blocks(base))
    assert found == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("blocks", range(1, LEAST_BLOCKS))
def test_too_few_blocks_are_no_sample(blocks: int) -> None:
    """They are counted, and the interval speaks of them alone."""
    table = np.random.default_rng(1).uniform(1.0, 2.0, (4, blocks))
    assert block_variance(as_blocks(table), as_blocks(1.5 * table)) == (0.0, blocks)
    arm = {seed: float(row.mean()) for seed, row in enumerate(table)}
    other = {seed: 1.5 * value for seed, value in arm.items()}
    pair = (as_blocks(table), as_blocks(1.5 * table))
    assert compare(arm, other, blocks=pair) == compare(arm, other)


def test_an_interval_without_the_blocks_part_does_not_speak_of_blocks() -> None:
    """Against a reference of zero, or blocks of one seed alone, there is no relative variance."""
    table = np.random.default_rng(1).uniform(1.0, 2.0, (3, 8))
    arm = {seed: float(row.mean()) for seed, row in enumerate(table)}
    zero = as_blocks(np.zeros_like(table))
    found = compare(arm, dict.fromkeys(arm, 0.0), blocks=(as_blocks(table), zero))
    assert found is not None
    assert found.blocks == 0
    alone = as_blocks(table[:1])
    assert block_variance(alone, as_blocks(1.5 * table)) == (0.0, 0)


def test_blocks_that_are_not_finite_or_of_two_lengths_are_left_out() -> None:
    """A block that no loss was measured on, and results that cannot be paired."""
    table = np.random.default_rng(1).uniform(1.0, 2.0, (3, 7))
    holed = table.copy()
    holed[1, 2] = np.nan
    differences, _ = difference_table(as_blocks(holed), as_blocks(table))
    assert differences.shape == (3, 6)
    short = as_blocks(table[:, :6])
    assert block_variance(short, as_blocks(table)) == (0.0, 0)
    assert block_variance({}, {}) == (0.0, 0)


@given(st.integers(1, 200))
def test_neighbours_are_joined_to_a_bounded_number(blocks: int) -> None:
    """The mean stays what it was if the parts are equal."""
    table = np.random.default_rng(blocks).uniform(1.0, 2.0, (2, blocks))
    differences, _ = difference_table(as_blocks(table), as_blocks(np.zeros_like(table)))
    assert differences.shape[1] == min(blocks, MOST_BLOCKS)
    if blocks % differences.shape[1] == 0:
        assert differences.mean() == pytest.approx(table.mean())


@pytest.mark.parametrize("sizes", [(0.05, 0.05, 0.02), (0.01, 0.1, 0.02), (0.1, 0.02, 0.05)])
def test_intervals_over_seeds_and_blocks_cover(sizes: tuple[float, ...]) -> None:
    """95 % of them hold the true mean when seeds and blocks are drawn anew; exact binomial."""
    random = np.random.default_rng(11)
    studies, hits = 600, 0
    for _ in range(studies):
        table = 1.0 + two_way(random, 10, 8, sizes)
        ones = np.ones_like(table)
        arm = dict(enumerate(table.mean(axis=1).tolist()))
        found = compare(arm, dict.fromkeys(arm, 1.0), blocks=(as_blocks(table), as_blocks(ones)))
        assert found is not None
        hits += found.low <= 0.0 <= found.high
    interval = stats.binomtest(hits, studies).proportion_ci(0.999)
    assert interval.low <= 0.95
    assert interval.high >= 0.94


def test_the_shares_say_which_dominates() -> None:
    """Mostly seeds, or mostly blocks."""
    random = np.random.default_rng(5)
    shares = []
    for sizes in ((0.1, 0.001, 0.001), (0.001, 0.1, 0.001)):
        table = 1.0 + two_way(random, 8, 8, sizes)
        arm = dict(enumerate(table.mean(axis=1).tolist()))
        pair = (as_blocks(table), as_blocks(np.ones_like(table)))
        found = compare(arm, dict.fromkeys(arm, 1.0), blocks=pair)
        assert found is not None
        shares.append(found.seeds_share)
    assert shares[0] > 0.95
    assert shares[1] < 0.05
