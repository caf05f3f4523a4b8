"""P(best): joint draws, against closed forms."""

import math

import numpy as np
import pytest
from scipy.stats import norm

from tests.tuning.evidence.stories import Tried, finished, spec_for
from tuning.evidence.arms import arm_trials
from tuning.evidence.chances import chances_of_best, near_best, redrawn
from tuning.records import Direction, Metric, RunState


def chances(*tried: Tried, **changes: object) -> dict[str, float]:
    """P(best) of a made-up study."""
    spec = spec_for(**{"confirm_seeds": len(tried[0].fresh), **changes})
    history = finished(*tried)
    return chances_of_best(spec, history, arm_trials(spec, history))


def test_two_arms_are_best_as_often_as_the_normal_law_says() -> None:
    """For a difference of one and a half standard errors, without a margin."""
    random = np.random.default_rng(2)
    noise = random.standard_normal(90)
    noise = 0.01 * (noise - noise.mean()) / noise.std(ddof=1)
    gap = 1.5 * 0.01 / math.sqrt(90)
    found = chances(
        Tried("wsd", 0.9, is_baseline=False, fresh=tuple(1.0 + noise)),
        Tried("constant", 1.0, fresh=(1.0 + gap,) * 90),
        worthwhile=0.0,
    )
    assert found["wsd"] == pytest.approx(norm.cdf(1.5), abs=0.02)
    assert found["constant"] == pytest.approx(norm.sf(1.5), abs=0.02)


def test_arms_within_what_is_worthwhile_are_all_best() -> None:
    """The shares need not sum to one."""
    found = chances(
        Tried("wsd", 0.9, is_baseline=False, fresh=(1.0, 1.1, 0.9)),
        Tried("constant", 1.0, fresh=(1.005, 1.105, 0.905)),
        Tried("cosine", 1.0, fresh=(1.2, 1.3, 1.1)),
    )
    assert found == {"wsd": 1.0, "constant": 1.0, "cosine": 0.0}


def test_what_is_common_to_the_arms_cancels() -> None:
    """Seeds that differ by half do not blur a steady lead of 5 %."""
    fresh = (1.0, 1.5, 0.7, 1.2)
    found = chances(
        Tried("wsd", 0.9, is_baseline=False, fresh=fresh),
        Tried("constant", 1.0, fresh=tuple(1.05 * x for x in fresh)),
    )
    assert found == {"wsd": 1.0, "constant": 0.0}


def test_a_family_with_two_members_counts_the_better_one() -> None:
    """The winner and the baseline of its family."""
    found = chances(
        Tried("cosine", 0.9, is_baseline=False, fresh=(1.0, 1.01, 1.02)),
        Tried("cosine", 1.0, fresh=(1.5, 1.51, 1.52)),
        Tried("constant", 1.0, fresh=(2.0, 2.01, 2.02)),
    )
    assert found == {"cosine": 1.0, "constant": 0.0}


def test_an_arm_that_lost_a_seed_has_no_chance() -> None:
    """A mean over what survived is no fair figure."""
    found = chances(
        Tried("wsd", 0.9, is_baseline=False, fresh=(1.0, 1.0, 1.0)),
        Tried("constant", 1.0, fresh=(0.5, 0.5, RunState.DIVERGED)),
    )
    assert found == {"wsd": 1.0, "constant": 0.0}


def test_higher_is_better_where_the_metric_says_so() -> None:
    """A skill."""
    found = chances(
        Tried("wsd", 0.9, is_baseline=False, fresh=(1.0, 1.1, 0.9)),
        Tried("constant", 0.8, fresh=(0.5, 0.6, 0.4)),
        metric=Metric("loss", Direction.MAXIMIZE),
    )
    assert found == {"wsd": 1.0, "constant": 0.0}


def test_draws_have_the_standard_error_of_the_mean() -> None:
    """Unbiased at few seeds, where a plain bootstrap is too narrow; blocks add theirs."""
    values = np.random.default_rng(4).normal(1.0, 0.1, (5, 1))
    means = redrawn(values, None, 1)
    assert means.std() == pytest.approx(values.std(ddof=1) / math.sqrt(5), rel=0.03)
    steady = np.ones((5, 1))
    profile = np.tile([[0.9], [1.1]], (4, 1))  # in every pair the same two
    found = redrawn(steady, profile, 1)
    assert found.std() == pytest.approx(profile[:2].std(ddof=1) / math.sqrt(8), rel=0.03)
    drifting = np.repeat(np.linspace(0.5, 1.5, 4), 2)[:, None]
    assert redrawn(steady, drifting, 1).std() < 1e-9


def test_blocks_that_tilt_the_comparison_make_it_uncertain() -> None:
    """An arm that wins on every other block only is not surely best, whatever the seeds say."""
    tilt = {seed: tuple(1.0 + 0.3 * (-1.0) ** block for block in range(8)) for seed in range(4)}
    even = dict.fromkeys(range(4), (1.02,) * 8)
    found = chances(
        Tried("wsd", 0.9, is_baseline=False, fresh=(1.0,) * 4, blocks=tilt),
        Tried("constant", 1.0, fresh=(1.02,) * 4, blocks=even),
    )
    assert 0.3 < found["wsd"] < 0.9


def test_the_same_study_gets_the_same_chances() -> None:
    """Draws derive from its seed."""
    tried = (
        Tried("wsd", 0.9, is_baseline=False, fresh=(1.0, 1.1, 0.9)),
        Tried("constant", 1.0, fresh=(1.05, 1.0, 0.97)),
    )
    assert chances(*tried) == chances(*tried)
    assert chances(*tried, seed=1) != chances(*tried, seed=2)


def test_negative_losses_are_near_by_their_size() -> None:
    """Within 1 % of -2 is up to -1.98."""
    assert near_best(np.array([[-2.0, -1.99, -1.97]]), 0.01).tolist() == [[True, True, False]]
