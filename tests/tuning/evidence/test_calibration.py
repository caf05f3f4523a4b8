"""Calibration: a small share of `make benchmark-search`, with exact binomial bounds.

Deterministic, so it fails for a reason; the bounds are where 200 studies would lie with a
probability of 99.9 %, if the verdict keeps what it promises.
"""

import math

import pytest
from scipy.stats import binom

from tests.benchmarks.simulated_studies import Judged, Noise, make_spec, simulate_many

STUDIES = 200
FOUND = 100


@pytest.fixture(scope="module")
def null_studies() -> list[Judged]:
    """Studies in which the peak matters and the family does not: 5 baselines."""
    return simulate_many(make_spec(5), range(STUDIES), seed=21, noise=Noise())


def test_false_winners_are_rare(null_studies: list[Judged]) -> None:
    """At most as many as 5 % allow."""
    false = sum(one.excludes_zero for one in null_studies)
    assert false <= binom.ppf(0.999, STUDIES, 0.05)


def test_intervals_cover_all_at_once_and_the_winner_is_no_exception(
    null_studies: list[Judged],
) -> None:
    """All differences of a study together, and the winner's own mean, which nothing flatters."""
    least = binom.ppf(0.001, STUDIES, 0.95)
    assert sum(all(one.holds) for one in null_studies) >= least
    own = sum(one.arm_holds[0] for one in null_studies)
    assert least <= own <= binom.ppf(0.999, STUDIES, 0.95)


def test_a_confirmation_that_stops_on_its_width_still_covers() -> None:
    """Where widths cross what is worthwhile within the rounds."""
    quiet = simulate_many(make_spec(1), range(STUDIES), seed=22, noise=Noise(own=0.0075))
    sizes = {one.seeds for one in quiet}
    assert len(sizes) > 1
    assert sum(all(one.holds) for one in quiet) >= binom.ppf(0.001, STUDIES, 0.95)


def test_a_true_advantage_of_five_percent_is_found() -> None:
    """Over every baseline, by default."""
    found = simulate_many(
        make_spec(5), range(FOUND), seed=23, noise=Noise(), advantage=math.log(0.95)
    )
    assert sum(one.is_new and one.beats_all(0.01) for one in found) >= binom.ppf(0.01, FOUND, 0.9)
