"""Annealing: the published one-way decays beyond the common ones of `decays`.

The one idea: most are a single ramp along a curve of `tuning.schedules.curves`, or by a power mean.
"""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, final

import numpy as np

from tuning.errors import InvalidValue
from tuning.schedules.combine import Combine
from tuning.schedules.compose import Affine, Node, Ramp, hold
from tuning.schedules.curves import CURVES, Curve
from tuning.schedules.families.base import Family
from tuning.schedules.limits import Fraction, Integer, Number, Positive, PositiveFraction
from tuning.schedules.noise import Noise
from tuning.schedules.points import Samples
from tuning.schedules.waves import Wave

Waves = Annotated[float, Number(0.0, 1e6, above=True)]


def swinging(length: int, waves: float) -> Wave:
    """(1 + cos 2πnu) / 2 with n `waves`, starting at the top."""
    return Wave(length, max(1, length) / waves, CURVES["cosine"], offset=0.5)


@final
@dataclass(frozen=True, kw_only=True)
class CosinePower(Family):
    """A power of half a cosine from the peak to the floor.

    P (m + (1 - m) ((1 + cos πu) / 2)^e) with e the `power` and m the `floor`; Optax's `exponent`.

    >>> from tuning.schedules import Schedule
    >>> Schedule(CosinePower(1.0, power=2.0), 2)(range(3))
    array([1.  , 0.25, 0.  ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "power", "floor")

    power: Positive = 2.0
    floor: Fraction = 0.0
    kind: Literal["cosine_power"] = "cosine_power"

    def body(self, length: int) -> Node:
        """The power of the half cosine."""
        return Ramp(length, 1.0, self.floor, CURVES["cosine"].raised(self.power))


@final
@dataclass(frozen=True, kw_only=True)
class CosineKDecay(Family):
    """Half a cosine of a power of time.

    P (m + (1 - m) (1 + cos πu^k) / 2) with k the `warp`: above 1 it stays high for longer (Zhang &
    Li, 2020, arXiv:2004.05909; timm's `k_decay`).

    >>> from tuning.schedules import Schedule
    >>> Schedule(CosineKDecay(1.0, warp=2.0), 2)(range(3))
    array([1.        , 0.85355339, 0.        ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "warp", "floor")

    warp: Positive = 1.5
    floor: Fraction = 0.0
    kind: Literal["cosine_k_decay"] = "cosine_k_decay"

    def body(self, length: int) -> Node:
        """The warped half cosine."""
        return Ramp(length, 1.0, self.floor, Curve("cosine", warp=self.warp))


@final
@dataclass(frozen=True, kw_only=True)
class OneMinusPower(Family):
    """One minus a power of time, itself to a power.

    P (m + (1 - m) (1 - u^q)^p) with q the `warp` and p the `power`: q = 1/2 is the 1-sqrt decay,
    p = 2 with q = k timm's polynomial k-decay.

    >>> from tuning.schedules import Schedule
    >>> Schedule(OneMinusPower(1.0, warp=0.5), 4)([0, 1, 4])
    array([1. , 0.5, 0. ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "warp", "power", "floor")

    warp: Positive = 0.5
    power: Positive = 1.0
    floor: Fraction = 0.0
    kind: Literal["one_minus_power"] = "one_minus_power"

    def body(self, length: int) -> Node:
        """The decay."""
        return Ramp(length, 1.0, self.floor, Curve("linear", warp=self.warp, power=self.power))


@final
@dataclass(frozen=True, kw_only=True)
class MirrorCosine(Family):
    """As far below the line as the cosine is above it.

    P (m + (1 - m) (2 (1 - u) - (1 + cos πu) / 2)) (Hägele et al., 2024, arXiv:2405.18392).

    >>> from tuning.schedules import Schedule
    >>> Schedule(MirrorCosine(1.0), 4)(range(5))
    array([1.        , 0.64644661, 0.5       , 0.35355339, 0.        ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "floor")

    floor: Fraction = 0.0
    kind: Literal["mirror_cosine"] = "mirror_cosine"

    def body(self, length: int) -> Node:
        """The mirrored cosine."""
        return Ramp(length, 1.0, self.floor, CURVES["mirror_cosine"])


@final
@dataclass(frozen=True, kw_only=True)
class Rex(Family):
    """Slow first, fast at the end: the profile of a budget that runs out.

    P (m + (1 - m) (1 - u) / (1 - u + b u)) with b the `bend`: 1 is a line, 0.5 is REX (Chen et al.,
    2022, arXiv:2107.04197), towards 0 it stays high ever longer.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Rex(1.0), 4)([0, 2, 3, 4])
    array([1.        , 0.66666667, 0.4       , 0.        ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "bend", "floor")

    bend: PositiveFraction = 0.5
    floor: Fraction = 0.0
    kind: Literal["rex"] = "rex"

    def body(self, length: int) -> Node:
        """The REX decay."""
        return Ramp(length, 1.0, self.floor, Curve("rex", args=(self.bend,)))


@final
@dataclass(frozen=True, kw_only=True)
class Sigmoid(Family):
    """A hyperbolic tangent from near the peak to near the floor.

    P (m + (1 - m) (1 - tanh(l (1 - u) + h u)) / 2) with -l and h how far the tangent goes to
    either side, `early` and `late`: timm's TanhLRScheduler; it starts a little below the peak and
    ends a little above the floor.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Sigmoid(1.0, early=2.0, late=2.0), 2)(range(3))
    array([0.98201379, 0.5       , 0.01798621])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "floor")
    reaches_peak: ClassVar[bool] = False

    early: Annotated[float, Number(0.1, 20.0)] = 7.0
    late: Annotated[float, Number(0.1, 20.0)] = 3.0
    floor: Fraction = 0.0
    kind: Literal["sigmoid"] = "sigmoid"

    def body(self, length: int) -> Node:
        """The tangent between its own ends."""
        start, end = (0.5 * (1.0 - math.tanh(at)) for at in (-self.early, self.late))
        start, end = (self.floor + (1.0 - self.floor) * at for at in (start, end))
        return Ramp(length, start, end, Curve("tanh", args=(-self.early, self.late)))


@final
@dataclass(frozen=True, kw_only=True)
class Fsl(Family):
    """The decay that functional scaling laws find optimal.

    P (1 - u)^(2b - 1) with b the exponent of the `spectrum`, in the easy regime; in the hard one
    stay at the peak and cool down late (arXiv:2602.06797, 2026).

    >>> from tuning.schedules import Schedule
    >>> Schedule(Fsl(1.0, spectrum=1.5), 2)(range(3))
    array([1.  , 0.25, 0.  ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "spectrum")

    spectrum: Annotated[float, Number(0.5, 100.0, above=True)] = 1.5
    kind: Literal["fsl"] = "fsl"

    def body(self, length: int) -> Node:
        """The power of what is left."""
        return Ramp(length, 1.0, 0.0, CURVES["linear"].raised(2.0 * self.spectrum - 1.0))


@final
@dataclass(frozen=True, kw_only=True)
class ClippedPolynomial(Family):
    """A power of what is left, but never below the floor.

    P max((1 - u)^p, m) with p the `power` and m the `floor`: NeMo's square and square-root
    annealing. Unlike `polynomial` it meets the floor before the end, with a kink.

    >>> from tuning.schedules import Schedule
    >>> Schedule(ClippedPolynomial(1.0), 4)(range(5))
    array([1.    , 0.5625, 0.25  , 0.1   , 0.1   ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "power", "floor")

    power: Positive = 2.0
    floor: Fraction = 0.1
    kind: Literal["clipped_polynomial"] = "clipped_polynomial"

    def body(self, length: int) -> Node:
        """The larger of the decay and the floor."""
        decay = Ramp(length, 1.0, 0.0, CURVES["linear"].raised(self.power))
        return Combine("max", (decay, hold(length, self.floor)))


@final
@dataclass(frozen=True, kw_only=True)
class CosineWaves(Family):
    """A cosine over several half periods.

    P (m + (1 - m) (1 + cos 2πnu) / 2) with n the `waves`: 1/2 is `cosine`, 1 comes back to the peak
    (Transformers' `num_cycles`).

    >>> from tuning.schedules import Schedule
    >>> Schedule(CosineWaves(1.0, waves=1.0), 4)(range(5))
    array([1. , 0.5, 0. , 0.5, 1. ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup", "floor")

    waves: Waves = 1.5
    floor: Fraction = 0.0
    kind: Literal["cosine_waves"] = "cosine_waves"

    def body(self, length: int) -> Node:
        """The wave above the floor."""
        return Affine(swinging(length, self.waves), self.floor, 1.0)


@final
@dataclass(frozen=True, kw_only=True)
class LinearCosine(Family):
    """A cosine under a line.

    P ((1 + α - u) (1 + cos 2πnu) / 2 + β) / (1 + α + β) with n the `waves`, α the `alpha` and β the
    `beta`: TensorFlow's linear_cosine_decay (Bello et al., 2017, arXiv:1709.07417), divided by
    what it starts from.

    >>> from tuning.schedules import Schedule
    >>> Schedule(LinearCosine(1.0, beta=0.0), 4)([0, 2, 4])
    array([1.  , 0.25, 0.  ])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup",)
    reaches_peak: ClassVar[bool] = False

    waves: Waves = 0.5
    alpha: Annotated[float, Number(0.0, 1e3)] = 0.0
    beta: Annotated[float, Number(0.0, 1e3)] = 1e-3
    kind: Literal["linear_cosine"] = "linear_cosine"

    def body(self, length: int) -> Node:
        """The product of line and wave, raised by β."""
        top = 1.0 + self.alpha + self.beta
        line = Ramp(length, (1.0 + self.alpha) / top, self.alpha / top)
        product = Combine("product", (line, swinging(length, self.waves)))
        raised = Combine("sum", (product, hold(length, self.beta / top)))
        return Combine("min", (raised, hold(length)))


@final
@dataclass(frozen=True, kw_only=True)
class NoisyLinearCosine(Family):
    """A cosine under a line with noise that dies away.

    P ((1 + α - u + ε_t) (1 + cos 2πnu) / 2 + β), ε_t normal with variance v / (1 + t)^d:
    TensorFlow's noisy_linear_cosine_decay in law; ε_t is a hash of (seed, t), the same on every
    run. As there, the noise may pass the peak P, and zero.

    >>> from tuning.schedules import Schedule
    >>> values = Schedule(NoisyLinearCosine(1.0, variance=1e-4), 100)([25, 50, 75])
    >>> bool(abs(values - [0.64, 0.25, 0.04]).max() < 0.02)
    True
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup",)
    is_bounded: ClassVar[bool] = False
    reaches_peak: ClassVar[bool] = False
    keeps_shape: ClassVar[bool] = False

    waves: Waves = 0.5
    alpha: Annotated[float, Number(0.0, 1e3)] = 0.0
    beta: Annotated[float, Number(0.0, 1e3)] = 1e-3
    variance: Annotated[float, Number(0.0, 1e3)] = 1.0
    variance_decay: Annotated[float, Number(0.0, 10.0)] = 0.55
    seed: Annotated[int, Integer(0, 2**63 - 1)] = 0
    kind: Literal["noisy_linear_cosine"] = "noisy_linear_cosine"

    def body(self, length: int) -> Node:
        """The product of noisy line and wave, raised by β."""
        noise = Noise(length, self.seed, self.variance, self.variance_decay)
        line = Combine("sum", (Ramp(length, 1.0 + self.alpha, self.alpha), noise))
        product = Combine("product", (line, swinging(length, self.waves)))
        return Combine("sum", (product, hold(length, self.beta)))


@final
@dataclass(frozen=True, kw_only=True)
class Chebyshev(Family):
    """Steps of Chebyshev's iteration in an order that keeps it stable.

    P times the inverse Chebyshev nodes 1 / (c - r cos((j + 1/2) π / n)) of [m, 1], the largest
    brought to 1, in fractal order (Agarwal, Goel & Zhang, 2021, arXiv:2103.01338); n the `levels`,
    a power of two, m the `floor`, the smallest curvature over the largest. Each level lasts a
    n-th of the updates after warmup: one, if they are n.

    >>> from tuning.schedules import Schedule
    >>> Schedule(Chebyshev(1.0, levels=4), 4).table().round(3)
    array([1.   , 0.139, 0.355, 0.186])
    """

    tunable: ClassVar[tuple[str, ...]] = ("warmup",)
    reaches_peak: ClassVar[bool] = False

    levels: Annotated[int, Integer(2, 65_536)] = 8
    floor: PositiveFraction = 0.1
    kind: Literal["chebyshev"] = "chebyshev"

    def __post_init__(self) -> None:
        """Refuse a number of levels that is no power of two."""
        super().__post_init__()
        if self.levels & (self.levels - 1):
            raise InvalidValue("levels", self.levels, "a power of two")

    def body(self, length: int) -> Node:
        """The levels in fractal order."""
        order = np.zeros(1, dtype=np.int64)
        while len(order) < self.levels:
            order = np.column_stack((order, 2 * len(order) - 1 - order)).ravel()
        centre, radius = (1.0 + self.floor) / 2.0, (1.0 - self.floor) / 2.0
        steps = 1.0 / (centre - radius * np.cos((order + 0.5) * np.pi / self.levels))
        return Samples(length, tuple((steps / steps.max()).tolist()), "constant")
