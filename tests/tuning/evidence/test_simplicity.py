"""Simplicity: of schedules that cannot be told apart, the one that takes least to state."""

import pytest

from tests.tuning.evidence.stories import Tried, finished, spec_for
from tuning.evidence import Verdict, conclude_study, describe
from tuning.evidence.simplicity import count_settings
from tuning.schedules import Schedule, build

FRESH = (1.0, 1.02, 0.98)
SAME = (1.001, 1.019, 0.981)
WORSE = (1.3, 1.32, 1.28)
BETTER = (0.7, 0.72, 0.68)


def judge(winner: str, *baselines: Tried) -> tuple[Verdict, str]:
    """A verdict on a searched winner, and its words."""
    spec = spec_for(baselines=tuple(one.family for one in baselines))
    history = finished(Tried(winner, 0.5, is_baseline=False, fresh=FRESH), *baselines)
    verdict = conclude_study(spec, history)
    return verdict, describe(spec, verdict)


@pytest.mark.parametrize(
    ("family", "settings"), [("constant", 0), ("linear", 1), ("wsd", 3), ("sgdr", 4), ("knots", 9)]
)
def test_settings_are_counted_from_the_portable_json(family: str, settings: int) -> None:
    """What stands beyond family and peak; a warmup is one more."""
    schedule = Schedule(build(family, 0.1, {}), 100)
    assert count_settings(schedule) == settings
    warm = Schedule(build(family, 0.1, {"warmup": 0.1}), 100)
    assert count_settings(warm) == settings + 1


def test_the_simplest_of_a_tie_is_recommended_and_it_is_said() -> None:
    """Not the winner, if a simpler schedule does as well."""
    verdict, words = judge(
        "sgdr", Tried("constant", 1.0, fresh=SAME), Tried("wsd", 1.0, fresh=SAME)
    )
    assert verdict.tie_with == ("constant", "wsd")
    assert verdict.recommended.family == "constant"
    assert "Use constant (peak 0.01): the simplest of 3" in words


def test_a_simple_winner_is_kept() -> None:
    """Equally simple ones do not displace it."""
    verdict, _ = judge("linear", Tried("cosine", 1.0, fresh=SAME), Tried("wsd", 1.0, fresh=SAME))
    assert verdict.recommended.trial == verdict.trial


def test_outside_a_tie_simplicity_does_not_count() -> None:
    """The winner is used because it is better."""
    verdict, words = judge("sgdr", Tried("constant", 1.0, fresh=WORSE))
    assert verdict.recommended.family == "sgdr"
    assert "Use " not in words


def test_a_baseline_that_beat_the_winner_is_recommended() -> None:
    """Whatever it takes to state."""
    verdict, words = judge(
        "constant", Tried("sgdr", 1.0, fresh=BETTER), Tried("linear", 1.0, fresh=SAME)
    )
    assert verdict.recommended.family == "sgdr"
    assert "Use sgdr" in words
