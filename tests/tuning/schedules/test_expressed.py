"""Published schedules that have no name here: expressions, against their rules typed out again."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tuning.schedules import Expression, Schedule

T = 60
Json = dict[str, Any]


def ramp(length: object, start: float, end: float, **others: object) -> Json:
    """A ramp."""
    return {"ramp": {"length": length, "start": start, "end": end, **others}}


def hold(length: object, value: float = 1.0) -> Json:
    """A level."""
    return {"hold": {"length": length, "value": value}}


def half(u: float) -> float:
    """Half a cosine from 1 to 0."""
    return (1 + math.cos(math.pi * u)) / 2


def averaging(t: int) -> float:
    """Half a cosine until 40, then PyTorch's SWALR: 10 updates to 0.05, where it stays."""
    if t < 40:
        return 0.1 + 0.9 * half(t / 40)
    return 0.05 + 0.05 * half(min(1, (t - 40) / 10))


def resumed_cooldowns(t: int) -> float:
    """WSD-S: after each cooldown, the last fifth of 20 updates, go on at the peak."""
    return min(1.0, 1 - (t % 20 - 16) / 4)


def polynomial_cycles(t: int) -> float:
    """Keras' PolynomialDecay(1, 20, 0, cycle=True): the decay grows by 20 whenever it is over."""
    return 1 - t / (20 * max(1, math.ceil(t / 20)))


def once_per_epoch(t: int) -> float:
    """REX, looked up every 6 updates as its authors do with an epoch."""
    u = t // 6 * 6 / T
    return (1 - u) / (1 - u + 0.5 * u)


def smoothed_warmup(t: int) -> float:
    """Warmup and decay at once, as ChainedScheduler: a product."""
    return min(1.0, 0.25 + 0.75 * t / 12) * 0.95**t


def polynomial_cycle(number: int) -> Json:
    """Updates 20 (number - 1) + 1 to 20 number of the line that ends at 20 number."""
    whole = 20 * number
    start = whole - 19 if number > 1 else 0
    length = whole + 1 - start
    return {"part": {"start": start, "length": length, "of": ramp(whole, 1, 0)}}


CASES: dict[str, tuple[Json, Callable[[int], float]]] = {
    "SWALR": (
        {
            "sequence": [
                ramp(40, 1, 0.1, curve="cosine"),
                ramp({"updates": 10, "pinned": True}, 0.1, 0.05, curve="cosine"),
                hold("rest", 0.05),
            ]
        },
        averaging,
    ),
    "WSD-S": (
        {"loop": {"length": "rest", "of": {"sequence": [hold(16), ramp(4, 1, 0)]}}},
        resumed_cooldowns,
    ),
    "PolynomialDecay, cycle": (
        {
            "part": {
                "start": 0,
                "length": T,
                "of": {"sequence": [*map(polynomial_cycle, (1, 2, 3))]},
            }
        },
        polynomial_cycles,
    ),
    "REX by epoch": (
        {"every": {"updates": 6, "of": ramp(T, 1, 0, curve="rex")}},
        once_per_epoch,
    ),
    "ChainedScheduler": (
        {"product": [ramp(12, 0.25, 1), ramp("rest", 1, 0.95**T, order=0)]},
        smoothed_warmup,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_an_expression_is_the_published_rule(name: str) -> None:
    """At every update, to rounding."""
    tree, rule = CASES[name]
    expected = [rule(t) for t in range(T)]
    assert np.allclose(Schedule(Expression(1.0, node=tree), T).table(), expected, atol=1e-14)


def test_over_another_horizon_only_pinned_lengths_stay() -> None:
    """The anneal of SWALR keeps its 10 updates while the cosine before it doubles."""
    tree, _ = CASES["SWALR"]
    longer = Schedule(Expression(1.0, node=tree), T).at(2 * T)
    table = longer.table()
    assert table[80] == pytest.approx(0.1)
    assert table[90] == 0.05 < table[89]
    assert (longer.at(T).table() == Schedule(Expression(1.0, node=tree), T).table()).all()
