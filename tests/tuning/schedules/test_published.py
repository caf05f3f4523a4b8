"""The published families against their formulas, typed out again with `math`."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import PchipInterpolator

from tuning.errors import InvalidValue
from tuning.schedules import (
    Chebyshev,
    ClippedPolynomial,
    Constant,
    Cosine,
    CosineConstant,
    CosineKDecay,
    CosinePower,
    CosineWaves,
    Exponential,
    Expression,
    Family,
    Fsl,
    InverseSqrt,
    InverseTime,
    Knots,
    Linear,
    LinearCosine,
    MinicpmExp,
    MirrorCosine,
    NaturalExp,
    Noam,
    OneMinusPower,
    PiecewiseConstant,
    PiecewiseLinear,
    Polynomial,
    PowerDecay,
    PowerScheduler,
    RangeTest,
    Restarts,
    Rex,
    Saturating,
    Schedule,
    Sgdr,
    Sigmoid,
    Staircase,
    Step,
    ThreePhase,
    TriStage,
    TwoStage,
    Warmup,
    Wave,
    Wsd,
)
from tuning.schedules.compose import Ramp
from tuning.schedules.curves import CURVES
from tuning.schedules.pchip import pchip

T = 100
pi, cos, exp = math.pi, math.cos, math.exp


def half(u: float) -> float:
    """Half a cosine from 1 to 0."""
    return (1 + cos(pi * u)) / 2


def three(t: int) -> float:
    """Optax's linear one-cycle: 0.04 to 1 until 30, back until 85, to 4e-6."""
    if t < 30:
        return 0.04 + 0.96 * t / 30
    if t < 85:
        return 1 - 0.96 * (t - 30) / 55
    return 0.04 + (4e-6 - 0.04) * (t - 85) / 15


def power_law(t: int) -> float:
    """Capped until 5, then t^-0.51, the last tenth to a hundredth of it."""
    if t < 90:
        return min(1.0, (t / 5) ** -0.51) if t else 1.0
    return (90 / 5) ** -0.51 * 0.01 ** ((t - 90) / 10)


FORMULAS: list[tuple[Family, Callable[[int], float]]] = [
    (CosinePower(1.0, power=1.7, floor=0.1), lambda t: 0.1 + 0.9 * half(t / T) ** 1.7),
    (CosineKDecay(1.0, warp=1.7, floor=0.1), lambda t: 0.1 + 0.9 * half((t / T) ** 1.7)),
    (CosineWaves(1.0, waves=1.3, floor=0.1), lambda t: 0.1 + 0.9 * half(2.6 * t / T)),
    (CosineConstant(1.0, fall=0.6, floor=0.1), lambda t: 0.1 + 0.9 * half(min(1, t / 60))),
    (MirrorCosine(1.0), lambda t: 2 * (1 - t / T) - half(t / T)),
    (OneMinusPower(1.0, warp=0.7, power=1.3), lambda t: (1 - (t / T) ** 0.7) ** 1.3),
    (ClippedPolynomial(1.0, power=0.5, floor=0.3), lambda t: max((1 - t / T) ** 0.5, 0.3)),
    (Rex(1.0, bend=0.3, floor=0.1), lambda t: 0.1 + 0.9 * (1 - t / T) / (1 - t / T + 0.3 * t / T)),
    (Rex(1.0), lambda t: (1 - t / T) / (1 - t / T / 2)),
    (Fsl(1.0, spectrum=1.4), lambda t: (1 - t / T) ** 1.8),
    (Sigmoid(1.0, floor=0.1), lambda t: 0.1 + 0.45 * (1 - math.tanh(-7 + 10 * t / T))),
    (
        LinearCosine(1.0, waves=1.5, alpha=0.2, beta=0.01),
        lambda t: ((1.2 - t / T) * half(3 * t / T) + 0.01) / 1.21,
    ),
    (InverseTime(1.0, timescale=0.2), lambda t: 1 / (1 + t / 20)),
    (PowerDecay(1.0, timescale=0.2, exponent=0.3), lambda t: (1 + t / 20) ** -0.3),
    (PowerScheduler(1.0), power_law),
    (Noam(1.0, rise=10), lambda t: min((t + 1) / 10, math.sqrt(10 / (t + 1)))),
    (
        Noam(1.0, rise=10, counter="t"),
        lambda t: min(t / 10, math.sqrt(10 / t)) if t else 0.0,
    ),
    (NaturalExp(1.0, rate=3.0), lambda t: exp(-0.03 * t)),
    (NaturalExp(1.0, rate=1e4), lambda t: exp(-100.0 * t)),
    (Staircase(1.0, every=7, drop_factor=0.6), lambda t: 0.6 ** (t // 7)),
    (TwoStage(1.0, hold=0.4, drop_factor=0.2), lambda t: 1.0 if t < 40 else 0.2),
    (TriStage(1.0, hold=40), lambda t: 1.0 if t < 40 else 0.01 ** ((t - 40) / 60)),
    (MinicpmExp(1.0, hold=40, half_life=7), lambda t: 1.0 if t < 40 else 0.5 ** ((t - 40) / 7)),
    (Saturating(1.0, timescale=8), lambda t: 1 - exp(-(t + 1) / 8)),
    (ThreePhase(1.0), three),
    (RangeTest(10.0, start=1e-8), lambda t: 1e-7 * 1e8 ** (t / T)),
    (
        Restarts(1.0, cycles=5, rise=0.25, cycle_decay=0.5, floor=0.1),
        lambda t: (
            0.1 + 0.9 * 0.5 ** (t // 20) * (t % 20 / 5 if t % 20 < 5 else half((t % 20 - 5) / 15))
        ),
    ),
    (
        Wave(1.0, waves=5, decay=0.99**T, floor=0.2),
        lambda t: 0.2 + 0.8 * max(0, 1 - abs(t / 10 - 2 * (1 + t // 20) + 1)) * 0.99**t,
    ),
    (
        Wsd(1.0, hold=0.5, cooldown="half_exponential"),
        lambda t: min(1, 2 * 0.5 ** (t / 50 - 1) - 1),
    ),
]


@pytest.mark.parametrize("case", FORMULAS, ids=lambda case: case[0].kind)
def test_a_family_is_its_formula(case: tuple[Family, Callable[[int], float]]) -> None:
    """At every update, to rounding."""
    family, formula = case
    expected = [formula(t) for t in range(T)]
    assert np.allclose(Schedule(family, T).table(), expected, rtol=2e-13, atol=1e-15)


@pytest.mark.parametrize("cooldown", CURVES)
def test_every_curve_cools_down(cooldown: str) -> None:
    """The plateau is left at the peak and the floor is met at the end, whatever the curve."""
    schedule = Schedule(Wsd(1.0, hold=0.5, cooldown=cooldown, floor=0.2), 1000)
    values = schedule(np.arange(1001))
    assert (values[:501] == 1.0).all()
    assert values[1000] == 0.2
    assert (np.diff(values[500:]) <= 1e-15).all()


def test_five_points_of_differential_machine_learning() -> None:
    """`np.interp` of the epoch over the published places and rates."""
    rates = np.interp(
        np.arange(100) / 100, [0.0, 0.2, 0.6, 0.9, 1.0], [1e-8, 0.1, 0.01, 1e-6, 1e-8]
    )
    assert np.allclose(Schedule(PiecewiseLinear(0.1), 100).table(), rates, rtol=1e-14, atol=0)


@pytest.mark.parametrize(
    ("switch", "changes"), [("at", [3, 6]), ("after", [4, 7]), ("before", [2, 5])]
)
def test_the_new_value_is_there_when_the_library_says(switch: str, changes: list[int]) -> None:
    """PyTorch and Optax at the boundary, Keras one update later, timm one earlier."""
    family = PiecewiseConstant(1.0, boundaries=(3, 6), values=(1.0, 0.5, 0.1), switch=switch)
    assert (np.flatnonzero(np.diff(Schedule(family, 10).table())) + 1).tolist() == changes


def test_chebyshev_steps_cure_every_mode() -> None:
    """Their product is Chebyshev's polynomial: the worst of all curvatures shrinks as proven."""
    floor, levels = 0.1, 16
    table = Schedule(Chebyshev(1.0, levels=levels, floor=floor), levels).table()
    largest = 1 / ((1 + floor) / 2 - (1 - floor) / 2 * cos(pi / 2 / levels))
    modes = np.linspace(floor, 1.0, 1001)
    left = np.abs(np.prod(1 - np.outer(modes, largest * table), axis=1)).max()
    proven = 1 / np.cosh(levels * np.arccosh((1 + floor) / (1 - floor)))
    assert left == pytest.approx(proven, rel=1e-9)


def test_chebyshev_needs_a_power_of_two() -> None:
    """The fractal order exists for no other number."""
    with pytest.raises(InvalidValue, match=r"^levels: 6 .* a power of two"):
        Chebyshev(1.0, levels=6)


def test_knots_pass_through_their_levels_without_overshoot() -> None:
    """At the Chebyshev places the levels, in between never above the highest or below the least."""
    values = Schedule(Knots(1.0, values=(0.3, 1.0, 0.02, 0.02, 0.5)), 4000)(np.arange(4001))
    places = [round(4000 * (1 - cos(pi * j / 4)) / 2) for j in range(5)]
    assert values[places] == pytest.approx([0.3, 1.0, 0.02, 0.02, 0.5], rel=1e-3)
    assert values.max() <= 1.0
    assert values.min() >= 0.02


@settings(deadline=None, max_examples=200)
@given(
    st.lists(
        st.tuples(st.floats(0.001, 1.0), st.floats(-9.0, 9.0, allow_subnormal=False)),
        min_size=2,
        max_size=12,
    )
)
def test_our_pchip_is_scipys(points: list[tuple[float, float]]) -> None:
    """The same curve, at the points, at the ends and in between."""
    at = np.cumsum([gap for gap, _ in points])
    heights = np.array([height for _, height in points])
    places = np.concatenate([at, np.linspace(at[0], at[-1], 200)])
    expected = PchipInterpolator(at, heights)(places)
    assert np.allclose(pchip(places, at, heights), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (TwoStage(0.1), Step(0.1, drops=1)),
        (Fsl(0.1, spectrum=1.0), Linear(0.1)),
        (OneMinusPower(0.1), Wsd(0.1, hold=0.0)),
        (OneMinusPower(0.1, warp=1.0, power=2.0), Polynomial(0.1)),
        (CosinePower(0.1, power=1.0), Cosine(0.1)),
        (CosineKDecay(0.1, warp=1.0), Cosine(0.1)),
        (Rex(0.1), Wsd(0.1, hold=0.0, cooldown="rex")),
        (TriStage(0.1, hold=0.0), Exponential(0.1)),
        (PowerDecay(0.1, exponent=1.0), InverseTime(0.1)),
        (PowerDecay(0.1, exponent=0.5, timescale=1.0), InverseSqrt(0.1, timescale=1.0)),
        (Restarts(0.1, rise=0.0, cycle_growth=2.0), Sgdr(0.1)),
        (NaturalExp(0.1, rate=0.0), Constant(0.1)),
        (Wave(0.1, floor=1.0), Constant(0.1)),
        (PiecewiseConstant(0.1, boundaries=(), values=(1.0,)), Constant(0.1)),
        (Expression(0.1, node=Ramp(7, 1.0, 0.0)), Linear(0.1)),
        (
            Expression(0.1, node=Ramp(90, 1.0, 0.0), warmup=Warmup(10)),
            Linear(0.1, warmup=Warmup(0.1)),
        ),
    ],
)
def test_functional_equals_have_one_identity(one: Family, other: Family) -> None:
    """The same function under another name is known for what it is."""
    first, second = Schedule(one, 100), Schedule(other, 100)
    assert first.identity == second.identity
    assert first.table_sha256 == second.table_sha256
