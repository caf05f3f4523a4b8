"""Schedules against what other libraries compute: their formulas and figures, typed out again."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tuning.schedules import (
    Constant,
    Cosine,
    Exponential,
    Family,
    InverseSqrt,
    Linear,
    OneCycle,
    Polynomial,
    Schedule,
    Sgdr,
    Step,
    Triangular,
    Warmup,
    Wsd,
)
from tuning.schedules.compose import Ramp, Sequence
from tuning.schedules.curves import CURVES, Curve

Formula = Callable[[float], float]


def table_of(formula: Formula, horizon: int = 100) -> np.ndarray:
    """The values of a scalar formula, computed with `math`, at 0..T-1."""
    return np.array([formula(t) for t in range(horizon)])


def same(schedule: Schedule, expected: np.ndarray) -> bool:
    """Whether a schedule has these values up to rounding."""
    values = schedule(np.arange(len(expected)))
    return np.allclose(values, expected, rtol=1e-13, atol=1e-15)


def test_warmup_and_cosine_to_a_floor_as_published() -> None:
    """W=4, T=12, floor 0.1: Transformers, Optax, Keras and Megatron agree on these figures."""
    schedule = Schedule(Cosine(1.0, warmup=Warmup(4), floor=0.1), 12)
    figures = [0, 0.25, 0.5, 0.75, 1, 0.9657, 0.8682, 0.7222, 0.55, 0.3778, 0.2318, 0.1343]
    assert np.round(schedule.table(), 4).tolist() == figures
    assert schedule(12) == 0.1
    assert schedule(1000) == 0.1


def test_both_ends_shifted_by_one_as_transformers_cosine_warmup_with_min_lr() -> None:
    """The algebra has the phase that starts the decay one update early and ends it on T-1."""
    shifted = Sequence((Ramp(4, 0, 1, phase=(1, 0)), Ramp(8, 1, 0.1, CURVES["cosine"], 1, (1, 0))))
    figures = [0.25, 0.5, 0.75, 1, 0.9657, 0.8682, 0.7222, 0.55, 0.3778, 0.2318, 0.1343, 0.1]
    assert np.round(shifted(np.arange(12)), 4).tolist() == figures


def test_one_cycle_as_pytorch() -> None:
    """OneCycleLR(max_lr=1, total_steps=10): the peak at update 2, the end at update 9."""
    schedule = Schedule(OneCycle(1.0, rise=2, end="last"), 10)
    table = schedule.table()
    assert np.round(table[:4], 3).tolist() == [0.04, 0.52, 1, 0.95]
    assert table[9] == 4e-6


def test_one_cycle_as_optax() -> None:
    """cosine_onecycle_schedule(10, 1): the peak at update 3, the end after the last."""
    schedule = Schedule(OneCycle(1.0), 10)
    assert np.round(schedule(range(4)), 2).tolist() == [0.04, 0.28, 0.76, 1]
    assert schedule(10) == 4e-6


def test_linear_as_transformers() -> None:
    """P t/W, then P (T - t) / (T - W), exactly."""
    schedule = Schedule(Linear(1.0, warmup=Warmup(30)), 100)
    expected = [t / 30 if t < 30 else (100 - t) / 70 for t in range(101)]
    assert schedule(range(101)).tolist() == expected


def test_cosine_rebounds_as_pytorch() -> None:
    """CosineAnnealingLR goes back up after T_max, with period 2 T_max."""
    schedule = Schedule(Cosine(0.3, floor=0.1, after_end="rebound"), 100)
    expected = table_of(lambda t: 0.03 + 0.27 * (1 + math.cos(math.pi * t / 100)) / 2, 500)
    assert same(schedule, expected)


def test_cosine_rebounds_to_the_peak_after_warmup_as_transformers() -> None:
    """The warmup is not run backwards."""
    schedule = Schedule(Cosine(0.3, warmup=Warmup(20), after_end="rebound"), 100)

    def formula(t: int) -> float:
        return 0.3 * (t / 20 if t < 20 else (1 + math.cos(math.pi * (t - 20) / 80)) / 2)

    assert same(schedule, table_of(formula, 500))


def test_a_rebound_turns_at_the_last_update_if_the_end_lands_there() -> None:
    """The end value is not repeated."""
    schedule = Schedule(Linear(1.0, end="last", after_end="rebound"), 3)
    assert schedule(range(6)).tolist() == [1, 0.5, 0, 0.5, 1, 0.5]


def test_exponential_as_pytorch() -> None:
    """ExponentialLR(gamma): P gamma^t."""
    schedule = Schedule(Exponential(0.1, decay=0.97**100), 100)
    assert same(schedule, table_of(lambda t: 0.1 * 0.97**t))


def test_polynomial_as_pytorch() -> None:
    """PolynomialLR(total_iters, power): P (1 - t/T)^power."""
    schedule = Schedule(Polynomial(0.1, power=1.7), 100)
    assert same(schedule, table_of(lambda t: 0.1 * (1 - t / 100) ** 1.7))


def test_step_as_pytorch_step_lr() -> None:
    """StepLR(step_size=25, gamma=0.3): P 0.3^floor(t/25)."""
    schedule = Schedule(Step(0.1, hold=0.25, drops=3, drop_factor=0.3), 100)
    assert same(schedule, table_of(lambda t: 0.1 * 0.3 ** (t // 25)))


def test_step_as_pytorch_multi_step_lr() -> None:
    """MultiStepLR([50, 75], 0.1): the new value is there at the milestone itself."""
    values = Schedule(Step(1.0), 100).table()
    assert values[[49, 50, 74]].tolist() == [1.0, 0.1, 0.1]
    assert values[75] == pytest.approx(0.01)


def test_inverse_sqrt_as_transformers() -> None:
    """sqrt(tau / (t + tau - W)) with the default timescale tau = W: P sqrt(W/t) after warmup."""
    schedule = Schedule(InverseSqrt(0.1, warmup=Warmup(10), timescale=10 / 90), 100)
    expected = table_of(lambda t: 0.1 * (t / 10 if t < 10 else math.sqrt(10 / t)))
    assert same(schedule, expected)


def test_wsd_as_transformers() -> None:
    """warmup_stable_decay with a 1-sqrt decay of 20 updates."""
    schedule = Schedule(Wsd(0.1, warmup=Warmup(10), hold=70), 100)

    def formula(t: int) -> float:
        if t < 10:
            return 0.1 * t / 10
        return 0.1 if t < 80 else 0.1 * (1 - math.sqrt((t - 80) / 20))

    assert same(schedule, table_of(formula))


def test_a_floor_is_honoured_within_the_cooldown() -> None:
    """The cooldown ends at the floor without a jump."""
    values = Schedule(Wsd(1.0, hold=0.5, floor=0.2), 10_000)(range(10_001))
    assert values[-1] == 0.2
    assert np.abs(np.diff(values[-100:])).max() < 1e-4


@pytest.mark.parametrize(("decay", "mode"), [(1.0, "triangular"), (0.5, "triangular2")])
def test_triangular_as_pytorch_cyclic_lr(decay: float, mode: str) -> None:
    """CyclicLR: base + (max - base) max(0, 1 - x) scale, x = |t/s - 2 cycle + 1|."""
    schedule = Schedule(Triangular(0.5, cycles=5, cycle_decay=decay, floor=0.2), 100)

    def formula(t: int) -> float:
        cycle = math.floor(1 + t / 20)
        scale = 1.0 if mode == "triangular" else 1 / 2 ** (cycle - 1)
        return 0.1 + 0.4 * max(0.0, 1 - abs(t / 10 - 2 * cycle + 1)) * scale

    assert same(schedule, table_of(formula))


def test_sgdr_as_pytorch() -> None:
    """CosineAnnealingWarmRestarts(T_0=10, T_mult=2, eta_min=0.05)."""
    schedule = Schedule(Sgdr(0.5, cycles=3, cycle_growth=2.0, floor=0.1), 70)

    def formula(t: int) -> float:
        begin, length = next((b, n) for b, n in [(30, 40), (10, 20), (0, 10)] if t >= b)
        return 0.05 + 0.45 * (1 + math.cos(math.pi * (t - begin) / length)) / 2

    assert same(schedule, table_of(formula, 70))
    assert schedule(70) == 0.05


def test_sgdr_amplitudes_shrink_above_the_floor() -> None:
    """As in timm and Keras: cycle i starts at floor + (1 - floor) decay^i."""
    values = Schedule(Sgdr(1.0, cycles=3, cycle_growth=1.0, cycle_decay=0.5, floor=0.2), 30)
    assert np.allclose(values([0, 10, 20]), [1.0, 0.6, 0.4])


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        ((0, 0), [0, 0.25, 0.5, 0.75, 1, 1]),
        ((1, 0), [0.25, 0.5, 0.75, 1, 1, 1]),
        ((1, 1), [0.2, 0.4, 0.6, 0.8, 1, 1]),
        ((0, -1), [*np.linspace(0, 1, 4), 1, 1]),
    ],
)
def test_warmup_phases(phase: tuple[int, int], expected: list[float]) -> None:
    """Transformers; Schedule-Free `(k+1)/W`; NeMo `(step+1)/(W+1)`; `np.linspace(0, P, W)`."""
    schedule = Schedule(Constant(1.0, warmup=Warmup(4, phase=phase)), 6)
    assert np.allclose(schedule.table(), expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("curve", "formula"),
    [
        ("linear", lambda u: 0.1 + 0.9 * u),
        ("constant", lambda _: 0.1),
        ("geometric", lambda u: 0.1 * (1 / 0.1) ** u),
        ("cosine", lambda u: 0.1 + 0.9 * (1 - math.cos(math.pi * u)) / 2),
        ("1-sqrt", lambda u: 0.1 + 0.9 * (1 - math.sqrt(1 - u))),
    ],
)
def test_warmup_curves(curve: str, formula: Formula) -> None:
    """Transformers' warmup types, PyTorch's ConstantLR and fastai's exponential."""
    schedule = Schedule(Constant(1.0, warmup=Warmup(50, curve=curve, start=0.1)), 100)
    expected = table_of(lambda t: formula(t / 50) if t < 50 else 1.0)
    assert same(schedule, expected)


def test_curves_of_other_libraries_are_powers_and_warps() -> None:
    """Optax's cosine exponent, timm's k-decay and the 1-square cooldown are one formula."""
    u = np.linspace(0, 1, 101)
    assert np.allclose(CURVES["cosine"].raised(2)(u), (0.5 * (1 + np.cos(np.pi * u))) ** 2)
    assert np.allclose(Curve("cosine", warp=3)(u), 0.5 * (1 + np.cos(np.pi * u**3)))
    assert np.allclose(Curve("linear", warp=3, power=2)(u), (1 - u**3) ** 2)
    assert np.allclose(CURVES["1-square"](u), 1 - u**2)
    assert np.allclose(CURVES["mirror_cosine"](u), 2 * (1 - u) - 0.5 * (1 + np.cos(np.pi * u)))
    assert np.allclose(CURVES["exponential"](u), (0.01**u - 0.01) / 0.99)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Polynomial(0.1, power=1.0), Linear(0.1)),
        (Polynomial(0.1, hold=0.3, power=1.0), Wsd(0.1, hold=0.3, cooldown="linear")),
        (Polynomial(0.1, hold=0.3, power=0.5), Wsd(0.1, hold=0.3, cooldown="sqrt")),
        (Wsd(0.1, hold=1.0), Constant(0.1)),
        (Wsd(0.1, hold=0.0, cooldown="cosine"), Cosine(0.1)),
        (Cosine(0.1, floor=1.0), Constant(0.1)),
        (Step(0.1, drop_factor=1.0), Constant(0.1)),
        (Sgdr(0.1, cycles=1, floor=0.2), Cosine(0.1, floor=0.2)),
        (Triangular(0.1, cycles=1, rise=0.0, floor=0.0), Linear(0.1)),
        (OneCycle(0.1, rise=0.0, floor=0.2), Cosine(0.1, floor=0.2)),
        (
            OneCycle(0.1),
            Cosine(0.1, warmup=Warmup(0.3, curve="cosine", start=0.04), floor=4e-6),
        ),
        (Cosine(0.1, warmup=Warmup(0, curve="1-sqrt", phase=(1, 1))), Cosine(0.1)),
        (Cosine(0.1, warmup=Warmup(0.1)), Cosine(0.1, warmup=Warmup(10))),
        (Constant(0.1, end="last"), Constant(0.1)),
    ],
)
def test_functional_equals_have_one_identity(one: Family, other: Family) -> None:
    """The same function under another name is not searched twice."""
    first, second = Schedule(one, 100), Schedule(other, 100)
    assert first != second
    assert first.identity == second.identity
    assert first.table_sha256 == second.table_sha256
