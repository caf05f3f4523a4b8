"""Feedback rules against what the libraries do with the same metrics."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuning.errors import InvalidValue
from tuning.schedules import (
    FAMILIES,
    Adaptive,
    ChangeOnPlateau,
    Cosine,
    Greedy,
    Plateau,
    Schedule,
    Warmup,
)
from tuning.schedules.compose import Ramp
from tuning.schedules.curves import CURVES
from tuning.search.space import narrow

RULES = {
    "torch": {"count_rule": "gt"},
    "keras": {"count_rule": "ge", "tolerance": "abs", "last_cooldown_counts": True},
    "optax": {"count_rule": "ge"},
    "paddle": {"count_rule": "gt", "best_in_cooldown": False},
}

quick = settings(deadline=None, max_examples=100)
logs = st.lists(st.floats(0.1, 10.0) | st.integers(1, 5).map(float), max_size=60)


def cuts(family: Plateau, metrics: list[float]) -> list[int]:
    """The index of each metric that cut the gain."""
    gains = np.concatenate([[1.0], family.gains(metrics)])
    return np.flatnonzero(np.diff(gains) < 0).tolist()


@pytest.mark.parametrize(
    ("library", "cooldown", "expected"),
    [
        ("torch", 0, [3, 6, 9, 12]),
        ("optax", 0, [2, 4, 6, 8, 10, 12]),
        ("keras", 0, [2, 4, 6, 8, 10, 12]),
        ("torch", 2, [3, 8]),
        ("optax", 2, [2, 6, 10]),
        ("keras", 2, [2, 5, 8, 11]),
    ],
)
def test_metrics_that_stay_cut_when_they_do_in_the_library(
    library: str, cooldown: int, expected: list[int]
) -> None:
    """Thirteen metrics of 1 and a patience of 2: the figures measured with the packages."""
    family = Plateau(0.1, patience=2, cooldown=cooldown, factor=0.5, **RULES[library])
    assert cuts(family, [1.0] * 13) == expected


def torch_rule(metrics: list[float], patience: int, cooldown: int) -> list[float]:
    """ReduceLROnPlateau(factor=0.5, min_lr=0.05) at a learning rate of 1, typed out again."""
    lr, best, bad, cooling, seen = 1.0, math.inf, 0, 0, []
    for metric in metrics:
        if metric < best * (1 - 1e-4):
            best, bad = metric, 0
        else:
            bad += 1
        if cooling > 0:
            cooling, bad = cooling - 1, 0
        if bad > patience:
            new = max(lr * 0.5, 0.05)
            lr = new if lr - new > 1e-8 else lr
            cooling, bad = cooldown, 0
        seen.append(lr)
    return seen


def keras_rule(metrics: list[float], patience: int, cooldown: int) -> list[float]:
    """ReduceLROnPlateau(factor=0.5, min_delta=1e-4), typed out again."""
    lr, best, wait, cooling, seen = 1.0, math.inf, 0, 0, []
    for metric in metrics:
        if cooling > 0:
            cooling, wait = cooling - 1, 0
        if metric < best - 1e-4:
            best, wait = metric, 0
        elif cooling == 0:
            wait += 1
            if wait >= patience:
                lr, cooling, wait = lr * 0.5, cooldown, 0
        seen.append(lr)
    return seen


def optax_rule(metrics: list[float], patience: int, cooldown: int) -> list[float]:
    """reduce_on_plateau(factor=0.5, rtol=1e-4), typed out again."""
    scale, best, count, cooling, seen = 1.0, math.inf, 0, 0, []
    for metric in metrics:
        improved = metric < (1 - 1e-4) * best
        best, count = (metric, 0) if improved else (best, count + 1)
        if cooling > 0:
            count, cooling = 0, cooling - 1
        elif count == patience:
            scale, count, cooling = scale * 0.5, 0, cooldown
        seen.append(scale)
    return seen


def paddle_rule(metrics: list[float], patience: int, cooldown: int) -> list[float]:
    """ReduceOnPlateau(factor=0.5, threshold=1e-4, mode rel), typed out again."""
    lr, best, bad, cooling, seen = 1.0, math.inf, 0, 0, []
    for metric in metrics:
        if cooling > 0:
            cooling -= 1
        else:
            best, bad = (metric, 0) if metric < best * (1 - 1e-4) else (best, bad + 1)
            if bad > patience:
                lr, cooling, bad = lr * 0.5, cooldown, 0
        seen.append(lr)
    return seen


@quick
@given(logs, st.integers(0, 4), st.integers(0, 3))
def test_any_log_moves_the_gain_as_pytorch_does(
    metrics: list[float], patience: int, cooldown: int
) -> None:
    """The learning rates of ReduceLROnPlateau after every metric."""
    family = Plateau(
        1.0, patience=patience, cooldown=cooldown, factor=0.5, min_gain=0.05, smallest_change=1e-8
    )
    assert family.gains(metrics).tolist() == torch_rule(metrics, patience, cooldown)


@quick
@given(logs, st.integers(1, 4), st.integers(0, 3), st.sampled_from(["keras", "optax"]))
def test_any_log_moves_the_gain_as_keras_and_optax_do(
    metrics: list[float], patience: int, cooldown: int, library: str
) -> None:
    """The learning rates after every metric."""
    rule = {"keras": keras_rule, "optax": optax_rule}[library]
    family = Plateau(1.0, patience=patience, cooldown=cooldown, factor=0.5, **RULES[library])
    assert family.gains(metrics).tolist() == rule(metrics, patience, cooldown)


@quick
@given(st.lists(st.integers(1, 5).map(float), max_size=60), st.integers(0, 4), st.integers(0, 3))
def test_any_log_moves_the_gain_as_paddle_does(
    metrics: list[float], patience: int, cooldown: int
) -> None:
    """Its best rests during the cooldown."""
    family = Plateau(1.0, patience=patience, cooldown=cooldown, factor=0.5, **RULES["paddle"])
    assert family.gains(metrics).tolist() == paddle_rule(metrics, patience, cooldown)


def greedy_rule(metrics: list[float], patience: int, cooldown: int, reset: int) -> list[float]:
    """GreedyLR(factor=0.5, min_lr=0.1, max_lr=1, warmup=1) from 0.4, typed out again."""
    lr, best, bad, good, cooling, warming, left, seen = 0.4, math.inf, 0, 0, 0, 0, reset, []
    for metric in metrics:
        if cooling or warming:
            cooling, warming = max(0, cooling - 1), warming if cooling else warming - 1
            bad = good = 0
        else:
            if metric < best - 1e-6:
                best, bad, good = metric, 0, good + 1
            else:
                bad, good = bad + 1, 0
            if good > patience:
                lr, left, warming, good = min(lr / 0.5, 1.0), reset, 1, 0
            elif bad > patience:
                lr = max(lr * 0.5, 0.1)
                left -= lr <= 0.1
                if left <= 0:
                    lr, best, left, good = 0.4, math.inf, reset, 0
                cooling, bad = cooldown, 0
        seen.append(lr)
    return seen


@quick
@given(logs, st.integers(0, 3), st.integers(0, 3), st.integers(1, 3))
def test_any_log_moves_the_gain_as_greedy_lr_does(
    metrics: list[float], patience: int, cooldown: int, reset: int
) -> None:
    """Up on good metrics, down on bad ones, anew after cuts in vain at the floor."""
    family = Greedy(
        1.0,
        patience=patience,
        cooldown=cooldown,
        warmup_wait=1,
        factor=0.5,
        first_gain=0.4,
        min_gain=0.1,
        reset_after=reset,
    )
    assert family.gains(metrics).tolist() == greedy_rule(metrics, patience, cooldown, reset)


def test_adaptive_as_scikit_learn() -> None:
    """Divided by five after five losses that do not improve by tol; the best moves by any step."""
    slow = [1.0 - 1e-4 * t for t in range(12)]
    assert Adaptive(0.1).gains(slow).tolist() == [*[1.0] * 5, *[0.2] * 5, 0.2 * 0.2, 0.2 * 0.2]
    fast = [1.0 - 1e-2 * t for t in range(12)]
    assert (Adaptive(0.1).gains(fast) == 1.0).all()


def test_adaptive_stops_below_the_smallest_gain() -> None:
    """A gain of zero is the end of training."""
    gains = Adaptive(0.1, patience=1, min_gain=0.1).gains([1.0] * 6)
    assert gains.tolist() == pytest.approx([1.0, 0.2, 0.04, 0.0, 0.0, 0.0])


def test_change_on_plateau_moves_down_late() -> None:
    """Before 0.8 of all metrics towards the first node, after it towards the last."""
    family = ChangeOnPlateau(0.1, window=2, cooldown=0, first=1, threshold=0.1)
    assert family.choices([1.0] * 10).tolist() == [1, 1, *[0] * 5, 1, 1, 1]
    assert family.choices([10.0 - t for t in range(10)]).tolist() == [1] * 10


def test_a_metric_that_should_rise() -> None:
    """An accuracy that falls is as bad as a loss that rises."""
    rising = Plateau(0.1, patience=1, mode="max", tolerance="abs")
    falling = Plateau(0.1, patience=1, mode="min", tolerance="abs")
    log = [0.1, 0.2, 0.2, 0.15, 0.3, 0.1, 0.1, 0.1]
    assert (rising.gains(log) == falling.gains([-m for m in log])).all()


@pytest.mark.parametrize("kind", ["plateau", "greedy", "adaptive"])
def test_a_metric_that_is_no_number_is_bad(kind: str) -> None:
    """A diverging training gets smaller steps, not an error."""
    family = FAMILIES[kind](0.1, patience=1)
    gains = family.gains([1.0, *[math.nan] * 9])
    assert np.isfinite(gains).all()
    assert gains[-1] < gains[0]


@quick
@given(logs, logs)
def test_a_log_replays_from_any_place(before: list[float], after: list[float]) -> None:
    """The state is all there is to know: gains of a log are those of its parts in turn."""
    family = Plateau(0.1, patience=1, cooldown=1, factor=0.5)
    whole = family.gains(before + after).tolist()
    assert whole[: len(before)] == family.gains(before).tolist()


def test_a_warmup_and_a_cosine_combine_with_a_plateau() -> None:
    """What is laid out is the base, whatever it is."""
    cosine = Ramp(90, 1.0, 0.0, CURVES["cosine"])
    family = Plateau(0.1, warmup=Warmup(10), node=cosine)
    expected = Schedule(Cosine(0.1, warmup=Warmup(10)), 100)
    assert (Schedule(family, 100).table() == expected.table()).all()


def test_a_search_does_not_propose_what_it_cannot_train() -> None:
    """No gain is applied while a study trains, so such a family would not be what it is called."""
    with pytest.raises(InvalidValue, match=r"^families\[1\]: 'plateau' .* needs no metrics"):
        narrow(("cosine", "plateau"), (1e-4, 1.0), {}, {})
