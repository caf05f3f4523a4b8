"""NeMo's schedulers, their rules typed out again: each is a family or an expression."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from tuning.schedules import (
    ClippedPolynomial,
    Cosine,
    CosineConstant,
    Expression,
    Family,
    InverseSqrt,
    Linear,
    Noam,
    Polynomial,
    Schedule,
    Warmup,
)

W, H, C, T, M = 8, 20, 15, 100, 0.15  # warmup, hold, constant steps, max steps, min_lr over lr
RISE = Warmup(W, phase=(1, 1))


def half(u: float) -> float:
    """Half a cosine from 1 to 0."""
    return (1 + math.cos(math.pi * u)) / 2


def warmed(t: int, body: float) -> float:
    """The warmup of all policies but Noam's, (t + 1) / (W + 1) for t <= W."""
    return (t + 1) / (W + 1) if t <= W else body


def noam(t: int, warmup: int, floor: float) -> float:
    """NoamAnnealing over its largest rate (d W)^-1/2: s = max(1, t), the floor once s > W."""
    s = max(1, t)
    rate = min(s**-0.5, s * warmup**-1.5) if warmup else s**-0.5
    rate *= max(1, warmup) ** 0.5
    return max(rate, floor) if s > warmup else rate


def constant_cosine(t: int) -> float:
    """CosineAnnealing with constant_steps: t / W, the cosine over what is left, then min_lr."""
    decay = T - C - W
    if t <= W:
        return t / W
    return M + (1 - M) * half((t - W) / decay) if t <= W + decay else M


def held(t: int, body: Callable[[int], float]) -> float:
    """WarmupHoldPolicy: 1 until W + H, then the body of the steps since."""
    return warmed(t, 1.0 if t < W + H else body(t - W - H))


# SquareRootAnnealing counts its decay from update 0, though it shows it from W + 1 on only.
SHOWN = T - W - 1
SQUARE_ROOT = {
    "sequence": [
        {"ramp": {"length": W + 1, "start": 0, "end": 1, "phase": [1, 0]}},
        {
            "max": [
                {
                    "part": {
                        "start": W + 1,
                        "length": SHOWN,
                        "of": {"ramp": {"length": T, "start": 1, "end": 0, "curve": "sqrt"}},
                    }
                },
                {"hold": {"length": SHOWN, "value": M}},
            ]
        },
    ]
}
# NoamHoldAnnealing with decay_rate 1 is an inverse time decay, a mean of order -1, held first.
LEFT = T - W - H
NOAM_HOLD = {
    "sequence": [
        {"hold": {"length": H}},
        {
            "max": [
                {"ramp": {"length": LEFT, "start": 1, "end": W / (W + LEFT), "order": -1}},
                {"hold": {"length": LEFT, "value": M}},
            ]
        },
    ]
}
# T5InverseSquareRootAnnealing over its own largest rate C^-1/2.
T5 = {
    "sequence": [
        {"hold": {"length": C}},
        {"ramp": {"length": T - C, "start": 1, "end": math.sqrt(C / T), "order": -2}},
    ]
}

CASES: dict[str, tuple[Family, Callable[[int], float]]] = {
    "NoamAnnealing": (Noam(1.0, rise=W, counter="max(1,t)"), lambda t: noam(t, W, 0.0)),
    "NoamAnnealing min_lr": (
        Noam(1.0, rise=W, counter="max(1,t)", floor=0.5),
        lambda t: noam(t, W, 0.5),
    ),
    "NoamAnnealing W=1": (Noam(1.0, rise=1, counter="max(1,t)"), lambda t: noam(t, 1, 0.0)),
    "NoamAnnealing W=0": (Noam(1.0, rise=0, counter="max(1,t)"), lambda t: noam(t, 0, 0.0)),
    "NoamAnnealing W=T": (Noam(1.0, rise=T, counter="max(1,t)"), lambda t: noam(t, T, 0.9)),
    "SquareAnnealing": (
        ClippedPolynomial(1.0, warmup=RISE, power=2.0, floor=M),
        lambda t: warmed(t, max((1 - (t - W) / (T - W)) ** 2, M)),
    ),
    "SquareRootAnnealing": (
        Expression(1.0, node=SQUARE_ROOT),
        lambda t: warmed(t, max(math.sqrt(1 - t / T), M)),
    ),
    "CosineAnnealing": (
        Cosine(1.0, warmup=RISE, floor=M),
        lambda t: warmed(t, M + (1 - M) * half((t - W) / (T - W))),
    ),
    "CosineAnnealing constant_steps": (
        CosineConstant(1.0, warmup=Warmup(W), fall=T - C - W, floor=M),
        constant_cosine,
    ),
    "WarmupAnnealing": (
        Linear(1.0, warmup=RISE, floor=M),
        lambda t: warmed(t, M + (1 - M) * (1 - (t - W) / (T - W))),
    ),
    "InverseSquareRootAnnealing": (
        InverseSqrt(1.0, warmup=RISE, timescale=(W + 1) / (T - W)),
        lambda t: warmed(t, math.sqrt((W + 1) / (t + 1))),
    ),
    "T5InverseSquareRootAnnealing": (
        Expression(1.0, node=T5),
        lambda t: math.sqrt(C / max(C, t)),
    ),
    "PolynomialDecayAnnealing": (
        Polynomial(1.0, warmup=RISE, power=1.7, floor=M),
        lambda t: warmed(t, M + (1 - M) * (1 - (t - W) / (T - W)) ** 1.7),
    ),
    "PolynomialHoldDecayAnnealing": (
        Polynomial(1.0, warmup=RISE, hold=H, power=1.7, floor=M),
        lambda t: held(t, lambda s: M + (1 - M) * (1 - s / (T - W - H)) ** 1.7),
    ),
    "NoamHoldAnnealing": (
        Expression(1.0, warmup=RISE, node=NOAM_HOLD),
        lambda t: held(t, lambda s: max(W / (W + s), M)),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_scheduler_of_nemo_is_its_rule(name: str) -> None:
    """At every update."""
    family, rule = CASES[name]
    expected = [rule(t) for t in range(T)]
    assert np.allclose(Schedule(family, T).table(), expected, rtol=2e-13, atol=1e-15)
