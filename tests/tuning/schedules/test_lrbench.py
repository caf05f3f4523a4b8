"""All 34 policies of LRBench, their formulas typed out again, as families."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tuning.schedules import (
    Constant,
    Family,
    NaturalExp,
    PiecewiseConstant,
    Polynomial,
    PowerDecay,
    Schedule,
    Sigmoid,
    Staircase,
    Wave,
)

LOW, HIGH, GAMMA, HALF, HORIZON = 0.02, 0.1, 0.97, 7, 84
Formula = Callable[[int], float]


def tri(t: float, period: float) -> float:
    """The library's triangle between 0 and 1."""
    return 2 / math.pi * abs(math.asin(math.sin(math.pi * t / period)))


def saw(t: float) -> float:
    """The library's reversed saw: 0 on the update of a restart, then just below 1."""
    return -t / HALF - math.floor(-t / HALF)


def sine(t: float, period: float) -> float:
    """The library's half sine waves."""
    return abs(math.sin(math.pi * t / period))


# Name: the form, the library's waveform, the updates of a cycle, where in it the wave starts.
WAVES: dict[str, tuple[str, Formula, int, int]] = {
    "TRI": ("triangle", lambda t: tri(t, 2 * HALF), 2 * HALF, 0),
    "DTRI": ("falling_triangle", lambda t: tri(t + HALF, 2 * HALF), 2 * HALF, HALF),
    "SIN": ("sine", lambda t: sine(t, 2 * HALF), 2 * HALF, 0),
    "DSIN": ("falling_sine", lambda t: sine(t + HALF, 2 * HALF), 2 * HALF, HALF),
    "COS": ("cosine", lambda t: 0.5 * (1 + math.cos(math.pi * t / HALF)), 2 * HALF, HALF),
    "UPCOS": (
        "rising_cosine",
        lambda t: 0.5 * (1 + math.cos(math.pi * (t / HALF + 1))),
        2 * HALF,
        0,
    ),
    "RSW": ("saw", saw, HALF, 0),
    "SINRSW": ("sine_saw", lambda t: math.sin(math.pi / 2 * saw(t)), HALF, 0),
    "COSRSW": ("cosine_saw", lambda t: 0.5 * (1 - math.cos(math.pi * saw(t))), HALF, 0),
}


def wave(form: str, cycle: int, **envelope: float) -> Family:
    """The family of a form with cycles of so many updates."""
    return Wave(HIGH, form=form, waves=HORIZON / cycle, floor=LOW / HIGH, **envelope)


def policies() -> dict[str, tuple[Family, Formula]]:
    """The 34: the family and the library's formula of each."""
    table: dict[str, tuple[Family, Formula]] = {}
    span = HIGH - LOW
    for name, (form, shape, cycle, begin) in WAVES.items():
        table[name] = (wave(form, cycle), lambda t, w=shape: span * w(t) + LOW)
        table[f"{name}2"] = (
            wave(form, cycle, cycle_decay=0.5),
            lambda t, w=shape, c=cycle, b=begin: span * w(t) / 2 ** math.floor((t + b) / c) + LOW,
        )
        table[f"{name}EXP"] = (
            wave(form, cycle, decay=GAMMA**HORIZON),
            lambda t, w=shape: span * w(t) * GAMMA**t + LOW,
        )
    others: dict[str, tuple[Family, Formula]] = {
        "FIX": (Constant(HIGH), lambda _: HIGH),
        "STEP": (
            Staircase(HIGH, every=HALF, drop_factor=0.5),
            lambda t: HIGH * 0.5 ** math.floor(t / HALF),
        ),
        "NSTEP": (
            PiecewiseConstant(HIGH, boundaries=(10, 30), values=(1.0, 0.5, 0.25)),
            lambda t: HIGH * 0.5 ** ((t >= 10) + (t >= 30)),
        ),
        "EXP": (NaturalExp(HIGH, rate=-HORIZON * math.log(GAMMA)), lambda t: HIGH * GAMMA**t),
        "INV": (
            PowerDecay(HIGH, timescale=1 / (0.1 * HORIZON), exponent=0.75),
            lambda t: HIGH * (1 + 0.1 * t) ** -0.75,
        ),
        "POLY": (
            Polynomial(HIGH, power=1.2, floor=LOW / HIGH),
            lambda t: span * (1 - t / HORIZON) ** 1.2 + LOW,
        ),
        "SIG": (
            Sigmoid(HIGH, early=0.1 * 30 / 2, late=0.1 * (HORIZON - 30) / 2),
            lambda t: HIGH / (1 + math.exp(0.1 * (t - 30))),
        ),
    }
    return table | others


POLICIES = policies()


def test_there_are_34() -> None:
    """Nine forms plain, halved per cycle and decaying, and seven decays."""
    assert len(POLICIES) == 34


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_a_family(name: str) -> None:
    """The values agree at every update; its triangle, an arcsine of a sine, is good to 1e-8."""
    family, formula = POLICIES[name]
    expected = [formula(t) for t in range(HORIZON)]
    accuracy = 1e-8 if "TRI" in name else 1e-14
    assert np.allclose(Schedule(family, HORIZON).table(), expected, rtol=0, atol=accuracy)
