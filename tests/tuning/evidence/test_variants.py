"""Variants: what a wrong peak or warmup costs, and which peaks are safe."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tuning.evidence.playing import play
from tests.tuning.evidence.stories import Tried, finished, spec_for
from tuning.evidence import conclude_study, describe
from tuning.evidence.variants import SAFE, safe_range
from tuning.records import Direction, History, Metric, Result, Run, RunState, StudySpec, Trial

BEST = 0.01
TRIED = (Tried("wsd", 1.0, BEST, is_baseline=False), Tried("constant", 1.2), Tried("cosine", 1.3))


def loss(trial: Trial, run: Run) -> float:
    """A parabola in the log of the peak, and a warmup that costs; noise that all share."""
    off = math.log(trial.schedule.peak / BEST)
    warmup = 0.3 * float(trial.params.get("warmup", 0.0))
    level = {"wsd": 1.0, "constant": 1.2}.get(str(trial.params["family"]), 1.3)
    return (level + warmup) * (1.0 + 0.1 * off**2) * (1.0 + 1e-4 * (run.seed % 5))


def played(spec: StudySpec, value: object = loss) -> History:
    """The whole evidence."""
    history, _ = play(spec, finished(*TRIED), value)  # type: ignore[arg-type] # a Value
    return history


def test_half_and_twice_the_peak_and_another_warmup_are_measured() -> None:
    """On seeds of the second set, paired with the winner."""
    spec = spec_for(confirm_seeds=4)
    verdict = conclude_study(spec, played(spec))
    found = {(one.parameter, one.factor): one for one in verdict.sensitivity}
    cost = 0.1 * math.log(2.0) ** 2
    assert set(found) == {("peak", 0.5), ("peak", 2.0), ("warmup", None)}
    assert found["peak", 0.5].relative == pytest.approx(cost)
    assert found["peak", 2.0].relative == pytest.approx(cost)
    assert found["warmup", None].relative == pytest.approx(0.3 * 0.05)
    assert {one.seeds for one in verdict.sensitivity} == {2}


def test_the_safe_range_of_a_parabola_is_where_it_costs_one_percent() -> None:
    """In closed form; and it is said in words."""
    spec = spec_for(confirm_seeds=4)
    verdict = conclude_study(spec, played(spec))
    width = math.exp(math.sqrt(SAFE / 0.1))
    assert verdict.peak_safe_range == pytest.approx((BEST / width, BEST * width), rel=1e-3)
    assert "cost at most 1 %" in describe(spec, verdict)


def test_a_peak_that_diverges_is_not_safe() -> None:
    """The range ends well before it."""

    def fragile(trial: Trial, run: Run) -> float | Result:
        is_high = trial.schedule.peak > 1.5 * BEST
        return Result(RunState.DIVERGED) if is_high else 1.0 + 1e-4 * (run.seed % 5)

    spec = spec_for(confirm_seeds=4)
    verdict = conclude_study(spec, played(spec, fragile))
    assert verdict.peak_safe_range is not None
    assert verdict.peak_safe_range[1] <= math.sqrt(2.0) * BEST * (1 + 1e-9)


def test_without_room_nothing_is_measured_and_the_reason_told() -> None:
    """The second set comes first."""
    spec = spec_for(confirm_seeds=4, evidence_budget=3 * 4 * 100)
    verdict = conclude_study(spec, played(spec))
    assert (verdict.sensitivity, verdict.peak_safe_range) == ((), None)
    assert "left no room" in verdict.basis["peak_safe_range"]


def test_a_skill_loses_where_a_loss_gains() -> None:
    """The same figures upside down give the same range."""
    spec = spec_for(confirm_seeds=4, metric=Metric("loss", Direction.MAXIMIZE))
    flipped = finished(TRIED[0], Tried("constant", 0.8), Tried("cosine", 0.7))
    history, _ = play(spec, flipped, lambda trial, run: 10.0 - loss(trial, run))
    verdict = conclude_study(spec, history)
    assert verdict.peak_safe_range is not None
    low, high = verdict.peak_safe_range
    assert low < BEST < high


@given(
    left=st.floats(0.0, 1.0) | st.just(math.inf),
    right=st.floats(0.0, 1.0) | st.just(math.inf),
)
def test_a_safe_range_holds_the_winner_and_stays_within_what_was_measured(
    left: float, right: float
) -> None:
    """And a measured peak that costs too much lies outside."""
    step = math.log(2.0)
    low, high = safe_range({-step: left, 0.0: 0.0, step: right})
    assert -step <= low <= 0.0 <= high <= step
    for cost, end in ((left, -low), (right, high)):
        if cost > SAFE * 1.01:
            assert end < step
